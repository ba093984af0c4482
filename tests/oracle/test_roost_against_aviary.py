"""Our Roost against that of its authors, with the same weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stratus.crystals.composition import number_words
from stratus.crystals.elements import NUMBERS
from stratus.encoders.roost import Roost, RoostConfig
from stratus.encoders.table import configure
from stratus.scope import vocabulary
from stratus.views.token_view import token_view as view

pytest.importorskip("aviary.roost.model", reason="aviary-models, a tool of developers, is absent")
from aviary.roost.model import Roost as TheirRoost

EMBEDDED = 103  # aviary's table of text-mined vectors ends at lawrencium


def weighted_attention(theirs) -> dict[str, torch.Tensor]:
    """Our tensors from their list of heads."""
    gates = [head.gate_nn for head in theirs]
    messages = [head.message_nn for head in theirs]
    inner = [net.fcs[0] for pair in zip(gates, messages, strict=True) for net in pair]
    return {
        "first.weight": torch.cat([linear.weight for linear in inner]),
        "first.bias": torch.cat([linear.bias for linear in inner]),
        "gate": torch.cat([net.fc_out.weight for net in gates]),
        "power": torch.cat([head.pow for head in theirs]),
        "message": torch.stack([net.fc_out.weight.T for net in messages]),
        "message_bias": torch.stack([net.fc_out.bias for net in messages]).mean(0),
    }


def from_aviary(theirs: TheirRoost, ours: Roost) -> dict[str, torch.Tensor]:
    """The state dict of ours, with the weights of theirs."""
    known = theirs.elem_embedding.weight
    elements = torch.zeros_like(ours.element_embedding.weight, dtype=known.dtype)
    elements[: len(known)] = known
    net = theirs.material_nn
    parts = {f"blocks.{k}": graph.pooling for k, graph in enumerate(net.graphs)}
    parts["pooling"] = net.cry_pool
    found = {
        "element_embedding.weight": elements,
        "element_projection.weight": net.embedding.weight,
        "element_projection.bias": net.embedding.bias,
    }
    for prefix, heads in parts.items():
        found |= {f"{prefix}.{key}": value for key, value in weighted_attention(heads).items()}
    if ours.config.trunk:
        renamed = {"fcs": "trunk.inner", "res_fcs": "trunk.shortcuts", "fc_out": "trunk.last"}
        for key, value in theirs.trunk_nn.state_dict().items():
            head, _, rest = key.partition(".")
            found[f"{renamed[head]}.{rest}"] = value
    return found


def compositions() -> list[list[tuple[str, int]]]:
    """Of 1 to 8 elements with even and very uneven amounts."""
    rng = np.random.default_rng(11)
    symbols = list(NUMBERS)[:EMBEDDED]
    found = []
    for k in range(120):
        n = k % 8 + 1
        amounts = np.ceil(10 ** rng.uniform(0, 4 if k % 3 == 0 else 1, n)).astype(int)
        chosen = rng.choice(symbols, n, replace=False)
        found.append(list(zip(map(str, chosen), map(int, amounts), strict=True)))
    return found


def our_batch(crystals, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    seen = view("composition", vocabulary(), 20)
    texts = [
        f"i0 | H 1a | {' '.join(' '.join([s, *number_words(a)]) for s, a in crystal)} | 1"
        for crystal in crystals
    ]
    batch = seen.collate([seen.tokens(text) for text in texts])
    return batch | {"fractions": batch["fractions"].to(dtype)}


def their_batch(crystals, dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
    """Weights, elements, both ends of each edge, crystal of each element, as aviary joins them."""
    weights, elements, receivers, senders, owners = [], [], [], [], []
    for row, crystal in enumerate(crystals):
        start, n = len(elements), len(crystal)
        total = sum(amount for _, amount in crystal)
        weights += [float(np.float32(amount / total)) for _, amount in crystal]
        elements += [NUMBERS[symbol] for symbol, _ in crystal]
        receivers += [start + i for i in range(n) for _ in range(n)]
        senders += [start + j for _ in range(n) for j in range(n)]
        owners += [row] * n
    whole = (torch.tensor(x) for x in (elements, receivers, senders, owners))
    return torch.tensor(weights, dtype=dtype).unsqueeze(1), *whole


def pair(config: RoostConfig, seed: int, dtype: torch.dtype) -> tuple[Roost, TheirRoost]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        theirs = TheirRoost(
            robust=False, n_targets=[1], task_dict={"target": "regression"}, device="cpu"
        ).to(dtype)
    with torch.no_grad():
        for parameter in theirs.material_nn.parameters():
            if parameter.ndim == 2:  # else attention is nearly even, and hides what it weighs
                parameter.mul_(2)
    ours = Roost(config).to(dtype)
    ours.load_state_dict(from_aviary(theirs, ours))
    return ours.eval(), theirs.eval()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-9)])
@pytest.mark.parametrize("trunk", [True, False])
def test_the_same_weights_give_the_same_vectors(seed, dtype, tolerance, trunk):
    others = {} if trunk else {"trunk": (), "hidden": 64}
    config = configure("roost", "base", element_properties=False, **others)
    ours, theirs = pair(config, seed, dtype)
    crystals = compositions()
    weights, elements, *edges = their_batch(crystals, dtype)
    with torch.no_grad():
        found = ours(our_batch(crystals, dtype)).crystal
        expected = theirs.material_nn(weights, theirs.elem_embedding(elements), *edges)
        if trunk:
            expected = theirs.trunk_nn(expected)
    assert found.shape == expected.shape == (120, 256 if trunk else 64)
    assert expected.std(0).mean() > 100 * tolerance  # crystals are told apart
    assert (found - expected).abs().max() <= tolerance


def test_base_has_the_published_parameters():
    """Theirs has a bias for each gate, which changes nothing, and one for each head of messages."""
    config = configure("roost", "base", element_properties=False)
    ours, theirs = pair(config, 0, torch.float32)
    surplus = 4 * 3 + 4 * 2 * 64
    encoder = [*theirs.material_nn.parameters(), *theirs.trunk_nn.parameters()]
    table = ours.element_embedding.weight
    assert sum(p.numel() for p in ours.parameters()) == (
        sum(p.numel() for p in encoder) - surplus + table.numel()
    )
