"""Roost: what it must not see, how it starts, and what its config refuses."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from stratus.encoders.roost import Roost, WeightedAttention
from stratus.encoders.table import configure, read_config
from stratus.errors import InputError
from stratus.scope import vocabulary
from stratus.views import keys
from stratus.views.token_view import token_view as view

V = vocabulary()
TINY = {"element_embedding": 8, "gate_hidden": 12, "message_hidden": 10, "trunk": (24, 16, 16)}
TEXTS = [
    "i0 | H 1a | H 1 | 1",
    "i0 | H 1a | Na 1 Cl 1 | 2",
    "i0 | H 1a | O 3 Ti 1 Ba 1 | 5",
    "i0 | H 1a | H 1_ 2_ 37 Na 1 | 1_ 2_ 38",
]


def build(seed: int = 0, **others) -> Roost:
    """An encoder whose weights are large, so that a fault is not hidden by small numbers."""
    config = configure("roost", "nano", **{**TINY, **others})
    encoder = Roost(config, torch.Generator().manual_seed(seed))
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for part in encoder.modules():
            if isinstance(part, WeightedAttention):
                part.power.uniform_(0.5, 2, generator=generator)
        for key, parameter in encoder.named_parameters():
            if not key.endswith("power"):
                parameter.mul_(2)
    return encoder


def collated(texts: list[str]) -> dict[str, torch.Tensor]:
    seen = view("composition", V, 20)
    return seen.collate([seen.tokens(text) for text in texts])


def test_crystals_are_told_apart_by_elements_and_by_amounts():
    texts = [*TEXTS, "i0 | H 1a | Na 1 Cl 2 | 2", "i0 | H 1a | Cl 1 K 1 | 2"]
    with torch.no_grad():
        crystal = build()(collated(texts)).crystal
    distances = torch.cdist(crystal, crystal) + 9 * torch.eye(len(texts))
    assert distances.min() > 1e-2


def test_the_order_of_the_elements_is_not_seen():
    encoder, rng = build(), np.random.default_rng(0)
    pairs = [("Li", "1"), ("Fe", "2"), ("O", "12"), ("P", "3"), ("Mn", "1_ 4")]

    def written(order) -> str:
        return f"i0 | H 1a | {' '.join(' '.join(pairs[k]) for k in order)} | 1"

    orders = [rng.permutation(5) for _ in range(6)]
    with torch.no_grad():
        expected = encoder(collated([written(range(5))]))
        found = encoder(collated([written(order) for order in orders]))
    assert (found.crystal - expected.crystal).abs().max() <= 1e-5
    for parts, order in zip(found.by_crystal(), orders, strict=True):
        assert (parts - expected.by_crystal()[0][torch.from_numpy(order)]).abs().max() <= 1e-5


def test_a_crystal_alone_is_the_crystal_in_a_batch():
    encoder = build()
    with torch.no_grad():
        together = encoder(collated(TEXTS))
        for k, text in enumerate(TEXTS):
            alone = encoder(collated([text]))
            rows = alone.by_crystal().shape[1]
            assert (together.crystal[k] - alone.crystal[0]).abs().max() <= 1e-5
            assert (together.by_crystal()[k, :rows] - alone.by_crystal()[0]).abs().max() <= 1e-5


def test_what_pads_a_batch_changes_nothing_and_gets_no_gradient():
    encoder, batch = build(), collated(TEXTS)
    real = batch[keys.MASK]
    other = batch | {
        keys.ELEMENTS: torch.where(real, batch[keys.ELEMENTS], 7),
        keys.FRACTIONS: torch.where(real, batch[keys.FRACTIONS], 0.3),
    }
    before, after = encoder(batch), encoder(other)
    assert torch.equal(before.crystal, after.crystal)
    assert torch.equal(before.by_crystal()[real], after.by_crystal()[real])
    after.crystal.square().sum().backward()
    known = set(batch[keys.ELEMENTS][real].tolist())
    moved = encoder.element_embedding.weight.grad.any(dim=1).nonzero().flatten()
    assert set(moved.tolist()) == known


def test_gradients_are_finite_and_reach_every_parameter():
    encoder = build()
    weights = torch.randn(4, 64, generator=torch.Generator().manual_seed(0))
    (encoder(collated(TEXTS)).crystal * weights).sum().backward()
    for key, parameter in encoder.named_parameters():
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.any(), key


def test_elements_that_are_alike_begin_alike():
    texts = [f"i0 | H 1a | {symbol} 1 Cl 1 | 2" for symbol in ("Na", "K", "Fe")]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        told = Roost(configure("roost", "nano"), generator)(collated(texts)).crystal
    to_sodium = (told - told[0]).norm(dim=1)
    assert 0 < 2 * to_sodium[1] < to_sodium[2]


def test_the_power_starts_at_one_and_there_an_even_head_pools_by_atoms():
    pooling = Roost(configure("roost", "nano")).pooling
    assert torch.equal(pooling.power, torch.ones(3))
    batch = collated([TEXTS[2]])
    x = torch.randn(1, 3, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        pooling.gate.zero_()
        found = pooling(x, batch[keys.FRACTIONS].log(), batch[keys.MASK])
        alone = torch.cat(
            [pooling(x[:, k : k + 1], torch.zeros(1, 1), torch.ones(1, 1) > 0) for k in range(3)]
        )
    assert (found - (batch[keys.FRACTIONS][0, :, None] * alone).sum(0)).abs().max() <= 1e-6


def test_traces_and_large_powers_stay_finite():
    encoder = build()
    with torch.no_grad():
        for part in encoder.modules():
            if isinstance(part, WeightedAttention):
                part.power.copy_(torch.tensor([-30.0, 30.0, 1.0]))
    text = "i0 | H 1a | H 99_ 99_ 99_ 99 Na 1 | 1"
    crystal = encoder(collated([text])).crystal
    crystal.sum().backward()
    assert crystal.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in encoder.parameters())


def test_a_generator_decides_the_weights_and_torch_s_own_is_left_alone():
    before = torch.get_rng_state()
    one, two, other = build(1), build(1), build(2)
    assert torch.equal(torch.get_rng_state(), before)
    for key, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[key])
        assert key.endswith("power") or not torch.equal(tensor, other.state_dict()[key])


@pytest.mark.parametrize(("told", "spread"), [(False, 1), (True, 0.02)])
def test_fresh_weights_are_those_of_torch_but_for_elements_that_are_told(told, spread):
    config = configure("roost", "base", element_properties=told)
    encoder = Roost(config, torch.Generator().manual_seed(0))
    inputs = {"first": 128, "gate": 256, "message": 256, "message_bias": 256}
    for key, count in inputs.items():
        name = f"{key}.weight" if key == "first" else key
        weight = encoder.blocks[0].get_parameter(name).detach()
        assert weight.abs().max() <= count**-0.5
        assert weight.std() == pytest.approx((3 * count) ** -0.5, rel=0.15)
    assert encoder.element_embedding.weight.detach().std() == pytest.approx(spread, rel=0.02)


def test_bf16_stays_close():
    encoder, batch = build(), collated(TEXTS)
    with torch.no_grad():
        exact = encoder(batch).crystal
        with torch.autocast("cpu", torch.bfloat16):
            rough = encoder(batch).crystal.float()
    assert not torch.equal(rough, exact)
    assert ((rough - exact).norm(dim=1) / exact.norm(dim=1)).max() < 0.05


def test_without_a_trunk_the_crystal_is_what_was_pooled():
    with_trunk = build()
    without = build(trunk=(), hidden=32)
    weights = with_trunk.state_dict()
    without.load_state_dict({key: weights[key] for key in without.state_dict()})
    with torch.no_grad():
        batch = collated(TEXTS)
        pooled = without(batch).crystal
        assert pooled.shape == (4, 32)
        assert torch.equal(with_trunk.trunk(pooled), with_trunk(batch).crystal)


def test_a_config_survives_json():
    config = configure("roost", "base")
    assert read_config("roost", config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"trunk": ()}, "without a trunk, hidden 64 is element_hidden 32"),
        ({"trunk": (0,)}, "roost cannot have trunk.0 = 0"),
        ({"trunk": (1,) * 17}, "roost cannot have trunk = "),
        ({"heads": 65}, "roost cannot have heads = 65"),
        ({"max_length": 119}, "roost cannot have max_length = 119"),
        ({"element_hiden": 3}, "did you mean element_hidden"),
        ({"vocabulary_size": 595}, "no value in the config of roost 'vocabulary_size'"),
    ],
)
def test_what_can_not_be_is_refused_in_a_sentence(values, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        configure("roost", "nano", **values)
