"""Sums of gated messages by blocks: the same numbers and gradients as all edges at once."""

from __future__ import annotations

import pytest
import torch

from stratus.encoders import gated_blocks
from stratus.encoders.gated_blocks import gated_sums
from stratus.encoders.gated_sums import Edges, Inner, plain_sums

ATOMS, EDGES, HALF, FEATURES = 9, 50, 6, 5
NORMS = ["batch", "layer", "none"]


@pytest.fixture(autouse=True, params=[7, 64])
def block(request, monkeypatch):
    """Blocks that cut the edges, the last one shorter, and one block for all."""
    monkeypatch.setattr(gated_blocks, "_BLOCK", request.param)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)


def made(
    norm: str, seed: int = 0, *, weights: bool = True, edges: int = EDGES, dtype=torch.float64
):
    """Leaves, and a function from them to what is added up."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype)

    leaves = {
        "table": normal(2 * ATOMS, 2 * HALF) + 1,
        "weight": normal(2 * HALF, FEATURES),
        "features": normal(edges, FEATURES).square(),
    }
    if norm != "none":
        leaves |= {"gain": normal(2 * HALF) + 1, "bias": normal(2 * HALF)}
    if weights:
        leaves["weights"] = normal(edges).square()
    centres, neighbours = (torch.randint(0, ATOMS, (edges,), generator=generator) for _ in range(2))

    def arguments(of: dict[str, torch.Tensor]) -> tuple[Inner, Edges]:
        inner = Inner(of["table"], of["weight"], of.get("gain"), of.get("bias"), norm)
        return inner, Edges.of(of["features"], of.get("weights"), centres, neighbours, ATOMS)

    return {key: leaf.requires_grad_() for key, leaf in leaves.items()}, arguments


@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("norm", NORMS)
def test_sums_and_gradients_are_those_of_all_edges_at_once(norm, weights):
    leaves, arguments = made(norm, weights=weights)
    found, expected = gated_sums(*arguments(leaves)), plain_sums(*arguments(leaves))
    for mine, theirs in zip(found, expected, strict=True):
        assert (mine is None) == (theirs is None)
        assert mine is None or (mine - theirs).abs().max() <= 1e-13 * theirs.abs().max()
    by_sums = torch.randn(ATOMS, HALF, generator=torch.Generator().manual_seed(1)).double()
    slopes = [
        torch.autograd.grad(sums.atoms, list(leaves.values()), by_sums)
        for sums in (found, expected)
    ]
    for name, mine, theirs in zip(leaves, *slopes, strict=True):
        assert theirs.abs().max() > 1e-3, name
        assert (mine - theirs).abs().max() <= 1e-12 * theirs.abs().max(), name


@pytest.mark.parametrize("norm", NORMS)
def test_gradients_of_gradients_are_those_of_all_edges_at_once(norm):
    leaves, arguments = made(norm)
    found = []
    for function in (gated_sums, plain_sums):
        atoms = function(*arguments(leaves)).atoms
        (first,) = torch.autograd.grad(atoms.square().sum(), leaves["features"], create_graph=True)
        found.append(torch.autograd.grad(first.square().sum(), list(leaves.values())))
    for name, mine, theirs in zip(leaves, *found, strict=True):
        assert theirs.abs().max() > 1e-3, name
        assert (mine - theirs).abs().max() <= 1e-9 * theirs.abs().max(), name


@pytest.mark.parametrize("norm", NORMS)
def test_without_gradients_the_sums_are_the_same(norm):
    leaves, arguments = made(norm)
    with torch.no_grad():
        found = gated_sums(*arguments(leaves)).atoms
    assert not found.requires_grad
    assert torch.equal(found, gated_sums(*arguments(leaves)).atoms)


@pytest.mark.parametrize("norm", NORMS)
def test_a_graph_that_is_kept_gives_its_gradients_twice(norm):
    leaves, arguments = made(norm)
    total = gated_sums(*arguments(leaves)).atoms.sum()
    one = torch.autograd.grad(total, list(leaves.values()), retain_graph=True)
    two = torch.autograd.grad(total, list(leaves.values()))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_the_way_back_may_have_other_threads(monkeypatch):
    leaves, arguments = made("batch")
    found, expected = gated_sums(*arguments(leaves)).atoms, plain_sums(*arguments(leaves)).atoms
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    mine, theirs = (
        torch.autograd.grad(atoms.sum(), leaves["table"])[0] for atoms in (found, expected)
    )
    assert (mine - theirs).abs().max() <= 1e-12 * theirs.abs().max()


@pytest.mark.parametrize("norm", ["layer", "none"])
def test_no_edges_are_sums_of_nothing(norm):
    leaves, arguments = made(norm, edges=0)
    found = gated_sums(*arguments(leaves)).atoms
    assert torch.equal(found, torch.zeros(ATOMS, HALF, dtype=torch.float64))
    for slope in torch.autograd.grad(found.sum(), list(leaves.values())):
        assert not slope.any()


@pytest.mark.parametrize("size", [1.0, 30.0, 200.0])
def test_large_numbers_overflow_nowhere(size):
    leaves, arguments = made("none", dtype=torch.float32)
    with torch.no_grad():
        leaves["table"].mul_(size)
    found, expected = gated_sums(*arguments(leaves)), plain_sums(*arguments(leaves))
    assert expected.atoms.max() > size
    assert (found.atoms - expected.atoms).abs().max() <= 3e-6 * expected.atoms.max()
    slopes = [torch.autograd.grad(x.atoms.sum(), leaves["table"])[0] for x in (found, expected)]
    assert (slopes[0] - slopes[1]).abs().max() <= 1e-5 * slopes[1].abs().max()


@pytest.mark.parametrize("norm", NORMS)
def test_single_precision_is_close_to_double(norm):
    leaves, arguments = made(norm)
    single = {key: leaf.detach().float() for key, leaf in leaves.items()}
    expected = plain_sums(*arguments(leaves)).atoms
    found = gated_sums(*arguments(single)).atoms
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
