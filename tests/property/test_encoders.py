"""What must hold for every encoder of tokens, tried on crystals that hypothesis makes up."""

from __future__ import annotations

from functools import cache
from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from stratus.crystals.synthesis import random_orbits
from stratus.encoders.encoding import Gives
from stratus.encoders.table import ARCHITECTURES, architecture, read_config
from stratus.scope import Scope, vocabulary
from stratus.scope.vocabulary import Role
from stratus.views.token_view import token_view as view

V = vocabulary()
NAMES = [name for name, kind in ARCHITECTURES.items() if Gives.TOKENS in kind.gives]
SIZES = {"vocabulary_size": len(V), "layers": 2, "hidden": 32, "heads": 4, "feed_forward": 64}
LARGE = "i0 | H 1a Na 1a H 1a | H 1_ 2_ 37 Na 1 | 1_ 2_ 38"
seeds = st.integers(0, 2**32 - 1)
few = settings(deadline=None, max_examples=25)


def build(name: str, seed: int = 0, **others):
    """An encoder whose weights are large, so that a fault is not hidden by small numbers."""
    module = architecture(name).build(
        read_config(name, SIZES | others), torch.Generator().manual_seed(seed)
    )
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.Linear | nn.Embedding):
                part.weight.mul_(5)
    return module


@cache
def trained_looking(name: str):
    return build(name).eval()


def collated(name: str, texts: list[str]):
    seen = view(architecture(name).view, V, 512)
    return seen.collate([seen.tokens(text) for text in texts])


def crystals(seed: int, n: int = 5) -> list[str]:
    rng = np.random.default_rng(seed)
    numbers = [int(k) for k in rng.integers(1, 231, n)]
    return [str(Scope.from_orbits(k, random_orbits(k, rng, max_orbits=8))) for k in numbers]


def with_parts_shuffled(text: str, rng: np.random.Generator) -> str:
    """The same string with its orbits and components in another order."""
    group, orbits, composition, atoms = (part.split() for part in text.split(" | "))
    pairs = [orbits[k : k + 2] for k in range(0, len(orbits), 2)]
    components: list[list[str]] = []
    for word in composition:
        if V.role(word) is Role.ELEMENT:
            components.append([])
        components[-1].append(word)
    mixed = [
        group,
        chain.from_iterable(pairs[k] for k in rng.permutation(len(pairs))),
        chain.from_iterable(components[k] for k in rng.permutation(len(components))),
        atoms,
    ]
    return " | ".join(" ".join(part) for part in mixed)


@few
@given(seeds)
def test_the_orbit_set_does_not_see_the_order_of_its_parts(seed):
    texts = [*crystals(seed), LARGE]
    rng = np.random.default_rng(seed)
    shuffled = [with_parts_shuffled(text, rng) for text in texts]
    encoder = trained_looking("orbit-set")
    with torch.no_grad():
        before = encoder(collated("orbit-set", texts)).crystal
        after = encoder(collated("orbit-set", shuffled)).crystal
    assert (before - after).abs().max() <= 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_which_element_is_on_which_orbit_is_seen(name):
    texts = ["i0 | Na 1a Cl 2b | Na 1 Cl 2 | 3", "i0 | Cl 1a Na 2b | Na 1 Cl 2 | 3"]
    with torch.no_grad():
        one, other = trained_looking(name)(collated(name, texts)).crystal
    assert (one - other).abs().max() > 1e-2


@pytest.mark.parametrize("name", NAMES)
@few
@given(seeds)
def test_a_crystal_alone_is_the_crystal_in_a_batch(name, seed):
    texts = [*crystals(seed), LARGE]
    encoder = trained_looking(name)
    with torch.no_grad():
        together = encoder(collated(name, texts))
        for k, text in enumerate(texts):
            alone = encoder(collated(name, [text]))
            rows = alone.by_crystal().shape[1]
            assert (together.crystal[k] - alone.crystal[0]).abs().max() <= 1e-5
            assert (together.by_crystal()[k, :rows] - alone.by_crystal()[0]).abs().max() <= 1e-5


@pytest.mark.parametrize("name", NAMES)
@few
@given(seeds)
def test_what_pads_a_batch_changes_nothing(name, seed):
    batch = collated(name, [*crystals(seed), LARGE])
    noise = torch.from_numpy(np.random.default_rng(seed).integers(0, len(V), batch["tokens"].shape))
    real = batch["mask"].unsqueeze(-1) if batch["tokens"].ndim == 3 else batch["mask"]
    other = batch | {"tokens": torch.where(real, batch["tokens"], noise)}
    encoder = trained_looking(name)
    with torch.no_grad():
        before, after = encoder(batch), encoder(other)
    assert (before.crystal - after.crystal).abs().max() <= 1e-6
    assert (before.by_crystal() - after.by_crystal())[batch["mask"]].abs().max() <= 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_padding_gives_no_gradient(name):
    encoder = build(name, dropout=0.0)
    batch = collated(name, [*crystals(3), LARGE])
    encoder(batch).crystal.square().sum().backward()
    absent = torch.ones(len(V), dtype=torch.bool)
    absent[batch["tokens"].flatten()] = False
    absent[V.index["[PAD]"]] = True
    assert not encoder.token_embedding.weight.grad[absent].any()


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_finite_and_reach_every_parameter(name):
    encoder = build(name)
    weights = torch.randn(6, SIZES["hidden"], generator=torch.Generator().manual_seed(0))
    (encoder(collated(name, [*crystals(4), LARGE])).crystal * weights).sum().backward()
    for key, parameter in encoder.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.any(), key


@pytest.mark.parametrize("name", NAMES)
def test_without_padding_no_mask_is_passed_and_nothing_changes(name, monkeypatch):
    masks = []
    attention = nn.functional.scaled_dot_product_attention

    def watched(*args, attn_mask=None, **others):
        masks.append(attn_mask)
        return attention(*args, attn_mask=attn_mask, **others)

    monkeypatch.setattr(nn.functional, "scaled_dot_product_attention", watched)
    encoder = trained_looking(name)
    batch = collated(name, [LARGE, LARGE])
    with torch.no_grad():
        fast = encoder(batch).crystal
        assert masks == [None] * SIZES["layers"]
        masks.clear()
        del batch["padding"]
        slow = encoder(batch).crystal
    assert len(masks) == SIZES["layers"]
    assert all(mask is not None for mask in masks)
    assert (fast - slow).abs().max() <= 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_dropout_acts_in_training_and_only_there(name):
    encoder, batch = build(name), collated(name, [*crystals(5), LARGE])
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        assert not torch.equal(encoder(batch).crystal, encoder(batch).crystal)
        encoder.eval()
        assert torch.equal(encoder(batch).crystal, encoder(batch).crystal)


@pytest.mark.parametrize("name", NAMES)
def test_a_generator_decides_the_weights_and_torch_s_own_is_left_alone(name):
    before = torch.get_rng_state()
    one, two, other = build(name, 1), build(name, 1), build(name, 2)
    assert torch.equal(torch.get_rng_state(), before)
    for key, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[key])
    assert not torch.equal(one.token_embedding.weight, other.token_embedding.weight)


@pytest.mark.parametrize("name", NAMES)
def test_fresh_weights_are_those_of_bert(name):
    config = read_config(name, SIZES | {"hidden": 128, "feed_forward": 512})
    module = architecture(name).build(config, torch.Generator().manual_seed(0))
    for key, tensor in module.state_dict().items():
        if tensor.ndim == 1:
            assert (tensor == float("norm.weight" in key)).all(), key
        elif tensor.numel() > 10_000:
            assert tensor.mean().abs() < 1e-3, key
            assert abs(float(tensor.std()) - 0.02) < 1e-3, key


@pytest.mark.parametrize("name", NAMES)
def test_bf16_stays_close(name):
    encoder, batch = trained_looking(name), collated(name, [*crystals(6, 20), LARGE])
    with torch.no_grad():
        exact = encoder(batch).crystal
        with torch.autocast("cpu", torch.bfloat16):
            rough = encoder(batch).crystal.float()
    assert not torch.equal(rough, exact)
    error = (rough - exact).norm(dim=1) / exact.norm(dim=1)
    assert error.max() < 0.05
