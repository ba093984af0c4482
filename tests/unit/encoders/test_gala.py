"""GALA: pairs and their products, what passes through the layers, and graphs at the edge."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from stratus.encoders.fresh_weights import draw_weights
from stratus.encoders.gala import GALA, Gala, GalaConfig
from stratus.encoders.tuple_attention import TupleAttention, Tuples
from stratus.physics.strain import gradients, strained
from stratus.views.collate import flat_batch
from stratus.views.keys import Key

KEYS = (
    Key("numbers", "part", "int64"),
    Key("positions", "part", "float64"),
    Key("cells", "crystal", "float64"),
    Key("centres", "edge", "int64", index=True),
    Key("neighbours", "edge", "int64", index=True),
    Key("shifts", "edge", "float64"),
)
TINY = {
    "hidden": 12, "atom_hidden": 10, "layers": 3, "value_hidden": 9, "score_hidden": 11,
    "vectors": 3, "gaussians": 8,
}  # fmt: skip
WIDE_A = 4.0
WAYS = [
    {"fading": fading, "pairs": pairs, "norm": norm}
    for fading, pairs, norm in [
        (False, "unordered", "none"),
        (False, "ordered", "layer"),
        (True, "unordered", "layer"),
        (True, "ordered", "none"),
    ]
]


def graph(lattice, numbers, frac, cutoff_a: float = WIDE_A) -> dict[str, np.ndarray]:
    """All pairs within a cutoff, by trying images."""
    lattice, frac = np.asarray(lattice, dtype=float), np.asarray(frac, dtype=float)
    found = []
    for shift in itertools.product(range(-3, 4), repeat=3):
        vectors = (frac[None] + shift - frac[:, None]) @ lattice
        lengths = np.linalg.norm(vectors, axis=2)
        pairs = np.argwhere((lengths < cutoff_a) & (lengths > 1e-8))
        found += [(i, j, *shift) for i, j in pairs]
    edges = np.array(sorted(found), dtype=np.int64).reshape(-1, 5)
    return {
        "numbers": np.asarray(numbers),
        "positions": frac @ lattice,
        "cells": lattice,
        "centres": edges[:, 0],
        "neighbours": edges[:, 1],
        "shifts": edges[:, 2:],
    }


def random_graph(seed: int, atoms: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    lattice = np.diag(rng.uniform(3, 4, 3)) + rng.normal(0, 0.2, (3, 3))
    return graph(lattice, rng.integers(1, 100, atoms), rng.random((atoms, 3)))


ALONE = graph(50 * np.eye(3), [18], np.zeros((1, 3)))
GRAPHS = [random_graph(k, n) for k, n in enumerate((1, 2, 3))] + [ALONE]


def build(seed: int = 0, **others) -> Gala:
    config = GalaConfig(**{**TINY, "cutoff_a": WIDE_A, **others})
    return Gala(config, torch.Generator().manual_seed(seed)).double().eval()


def collated(graphs) -> dict[str, torch.Tensor]:
    return flat_batch(graphs, KEYS)


def layer(*, ordered: bool, softening: float = 0.1, norm: bool = False) -> TupleAttention:
    made = TupleAttention(6, 5, 7, 4, ordered=ordered, norm=norm, softening=softening).double()
    draw_weights(made, torch.Generator().manual_seed(0))
    return made


def some_edges() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Vectors and values of edges, and their centres, in no order; centre 2 has none."""
    generator = torch.Generator().manual_seed(3)
    centres = torch.tensor([3, 0, 1, 3, 0, 0, 3, 3, 1])
    vectors, values = (
        torch.randn(len(centres), width, generator=generator, dtype=torch.float64)
        for width in (3, 6)
    )
    return vectors, values, centres


@pytest.mark.parametrize("ordered", [True, False])
def test_pairs_are_those_that_share_a_centre(ordered):
    centres = some_edges()[2]
    tuples = Tuples.of(centres, 4, None, ordered=ordered, dtype=torch.float64)
    found = list(zip(tuples.first.tolist(), tuples.second.tolist(), strict=True))
    both = [
        (a, b)
        for a, b in itertools.product(range(len(centres)), repeat=2)
        if centres[a] == centres[b]
    ]
    if ordered:
        assert sorted(found) == both
        assert tuples.weights is None
    else:
        assert sorted(tuple(sorted(pair)) for pair in found) == [p for p in both if p[0] <= p[1]]
        assert tuples.weights.flatten().tolist() == [1.0 if a == b else 2.0 for a, b in found]


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("fades", [None, torch.linspace(0, 1, 9, dtype=torch.float64)])
def test_a_pair_without_order_is_both_orders_with_equal_matrices(fades, norm):
    vectors, values, centres = some_edges()
    one, both = layer(ordered=False, norm=norm), layer(ordered=True, norm=norm)
    state = one.state_dict()
    state["members.weight"] = state["members.weight"].repeat(2, 1)
    state["kernels"] = state["kernels"].repeat(2, 1, 1)
    state["invariants.weight"] = state["invariants.weight"][:, [0, 1, 2, 3, 4, 4]]
    both.load_state_dict(state)
    with torch.no_grad():
        found, expected = (
            made(
                vectors,
                values,
                Tuples.of(centres, 4, fades, ordered=made.ordered, dtype=torch.float64),
            )
            for made in (one, both)
        )
    for mine, theirs in zip(found, expected, strict=True):
        assert theirs.abs().max() > 0.1
        assert (mine - theirs).abs().max() <= 1e-13
        assert not mine[2].any()


def test_turning_vectors_are_sums_over_pairs_as_they_are_written():
    vectors, values, centres = some_edges()
    made = layer(ordered=True)
    tuples = Tuples.of(centres, 4, None, ordered=True, dtype=torch.float64)
    with torch.no_grad():
        _, found = made(vectors, values, tuples)
        expected = torch.zeros(4, 3, 4, dtype=torch.float64)
        for centre in (0, 1, 3):
            edges = (centres == centre).nonzero().flatten().tolist()
            scores, terms = [], []
            for a, b in itertools.product(edges, repeat=2):
                one, other = vectors[a].numpy(), vectors[b].numpy()
                size = np.linalg.norm(one) * np.linalg.norm(other)
                soft = 0.1 * size
                area = np.hypot(np.linalg.norm(np.cross(one, other)), soft) - soft
                known = [one @ other, area, one @ other / size, area / size]
                known += [np.linalg.norm(one), np.linalg.norm(other)]
                inner = torch.nn.functional.silu(made.invariants(torch.tensor(np.array(known))))
                first, second = made.members.weight.chunk(2)
                joined = made.values(inner) + first @ values[a] + second @ values[b]
                hidden = torch.nn.functional.silu(made.scoring(joined))
                scores.append(float(made.score(hidden)))
                factors = made.factors(hidden).numpy()
                kernels = made.kernels.numpy()
                term = sum(
                    np.outer(r, kernels[end, 0]) + np.outer(r / np.linalg.norm(r), kernels[end, 1])
                    for end, r in enumerate((one, other))
                )
                terms.append(term * factors)
            shares = torch.tensor(scores, dtype=torch.float64).softmax(0).numpy()
            expected[centre] = torch.tensor(np.einsum("t,txc->xc", shares, np.array(terms)))
    assert (found - expected).abs().max() <= 1e-12


@pytest.mark.parametrize("preset", sorted(GALA.presets))
def test_presets_give_vectors_of_their_length(preset):
    config = GalaConfig.model_validate(GALA.presets[preset])
    found = GALA.build(config, torch.Generator().manual_seed(0))(collated([*GRAPHS[:2], ALONE]))
    assert found.crystal.shape == (3, config.hidden)
    assert found.parts.shape == (4, config.atom_hidden)
    assert found.vectors.shape == (4, 3, config.vectors)
    assert found.owner.tolist() == [0, 1, 1, 2]


@pytest.mark.parametrize("way", WAYS)
def test_a_crystal_alone_is_the_crystal_in_a_batch_and_edges_have_no_order(way):
    encoder = build(**way)
    one = random_graph(7, 3)
    edges = np.random.default_rng(1).permutation(len(one["centres"]))
    other = one | {key: one[key][edges] for key in ("centres", "neighbours", "shifts")}
    with torch.no_grad():
        together, alone = encoder(collated([*GRAPHS, one])), encoder(collated([other]))
    assert (together.crystal[-1] - alone.crystal[0]).abs().max() <= 1e-12
    assert (together.vectors[-3:] - alone.vectors).abs().max() <= 1e-12


def test_vectors_turn_and_are_mirrored_and_reach_the_crystal():
    rng = np.random.default_rng(3)
    lattice, frac = 3.5 * np.eye(3) + rng.normal(0, 0.2, (3, 3)), rng.random((3, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= -np.linalg.det(turn)  # a turn and a mirror
    graphs = [graph(lattice, [11, 17, 8], frac), graph(lattice @ turn, [11, 17, 8], frac)]
    encoder = build()
    with torch.no_grad():
        found = encoder(collated(graphs))
        before, after = found.vectors.split(3)
        assert (found.crystal[0] - found.crystal[1]).abs().max() <= 1e-10
        turned = torch.einsum("nxc,xy->nyc", before, torch.from_numpy(turn))
        assert (turned - after).abs().max() <= 1e-10
        assert before.abs().max() > 0.01
        encoder.blocks[1].shift.weight.zero_()
        assert (encoder(collated(graphs)).crystal - found.crystal).abs().max() > 1e-5


def test_an_angle_is_told_where_all_lengths_are_the_same():
    crystals = []
    for angle in (1.2, 1.4):
        ends = 1.5 * np.array([[1, 0, 0], [np.cos(angle), np.sin(angle), 0]])
        places = np.concatenate([np.zeros((1, 3)), ends]) / 50
        near = graph(50 * np.eye(3), [8, 1, 1], places, cutoff_a=1.6)
        assert len(near["centres"]) == 4
        crystals.append(near)
    with torch.no_grad():
        found = build(layers=1)(collated(crystals)).crystal
    assert (found[0] - found[1]).abs().max() > 1e-4


@pytest.mark.parametrize("way", WAYS)
def test_atoms_without_neighbours_work_and_get_gradients(way):
    encoder = build(**way).train()
    found = encoder(collated([ALONE, ALONE]))
    assert found.crystal.isfinite().all()
    assert not found.vectors.any()
    found.crystal.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in encoder.parameters())


@pytest.mark.parametrize("way", WAYS)
def test_forces_and_stress_are_those_of_central_differences(way):
    encoder = build(**way)
    batch = collated(GRAPHS)
    weights = torch.randn(12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def energies(**changed) -> torch.Tensor:
        return encoder(batch | changed).crystal @ weights

    of = strained(batch["positions"], batch["cells"], batch["owner"])
    forces, stress = gradients(
        energies(positions=of.positions, cells=of.cells), of, create_graph=True
    )
    assert forces[:-1].abs().max() > 1e-4
    assert not forces[-1].any()  # an atom alone
    step, volume = 1e-5, torch.linalg.det(batch["cells"])
    for atom, axis in [(1, 0), (4, 2)]:
        moved = torch.zeros_like(batch["positions"])
        moved[atom, axis] = step
        sides = [energies(positions=batch["positions"] + sign * moved).sum() for sign in (1, -1)]
        assert abs(forces[atom, axis] + (sides[0] - sides[1]) / (2 * step)) <= 1e-8
    bend = torch.zeros(3, 3, dtype=torch.float64)
    bend[0, 1] = bend[1, 0] = step
    sides = [
        energies(
            positions=batch["positions"] @ (torch.eye(3).double() + sign * bend),
            cells=batch["cells"] @ (torch.eye(3).double() + sign * bend),
        )
        for sign in (1, -1)
    ]
    expected = (sides[0] - sides[1]) / (2 * step) / volume.abs()
    assert (stress[:, 0, 1] + stress[:, 1, 0] - expected).abs().max() <= 1e-8
    # and a loss of forces reaches the weights as a difference says
    weight = encoder.blocks[0].attention.invariants.weight
    by_weight = torch.autograd.grad((forces**2).sum(), weight)[0][3, 1]
    losses = []
    for sign in (1, -1):
        with torch.no_grad():
            weight[3, 1] += sign * step
        again = strained(batch["positions"], batch["cells"], batch["owner"])
        energy = energies(positions=again.positions, cells=again.cells)
        losses.append((gradients(energy, again, create_graph=False)[0] ** 2).sum())
        with torch.no_grad():
            weight[3, 1] -= sign * step
    assert abs(by_weight - (losses[0] - losses[1]) / (2 * step)) <= 1e-6 * losses[0]


def test_an_edge_that_fades_is_gone_at_the_cutoff_and_counts_until_then():
    encoder = build(fading=True, cutoff_a=3.0)
    crystals = []
    for length in (2.9999, 3.0001, 1.5):
        far = {**ALONE, "centres": np.array([0]), "neighbours": np.array([0])}
        far |= {"cells": np.diag([length, 50, 50]), "shifts": np.array([[1, 0, 0]])}
        crystals.append(encoder(collated([far])).crystal[0])
    alone = encoder(collated([ALONE])).crystal[0]
    assert (crystals[0] - alone).abs().max() < 1e-9
    assert (crystals[1] - alone).abs().max() < 1e-12
    assert (crystals[2] - alone).abs().max() > 1e-3


@pytest.mark.parametrize(("softening", "kink"), [(0.1, False), (0.0, True)])
def test_softening_rounds_the_energy_where_two_edges_become_parallel(softening, kink):
    encoder = build(softening=softening)
    line = graph(50 * np.eye(3), [8, 1, 1], np.array([[0, 0, 0], [1, 0, 0], [-1.2, 0, 0]]) / 50)
    assert len(line["centres"]) == 6
    batch = collated([line])
    batch["positions"][0, 1] += 1e-5
    batch["positions"].requires_grad_()
    (slope,) = torch.autograd.grad(encoder(batch).crystal.sum(), batch["positions"])
    assert (slope[0, 1].abs() > 1e-4 * slope.abs().max()).item() is kink


def test_atoms_in_one_place_give_no_gradient_that_is_no_number():
    batch = collated([GRAPHS[1] | {"positions": np.zeros((2, 3))}])
    batch["positions"].requires_grad_()
    build()(batch).crystal.sum().backward()
    assert batch["positions"].grad.isfinite().all()


def test_a_generator_decides_the_weights_and_torch_s_own_is_left_alone():
    before = torch.get_rng_state()
    one, two, other = (
        Gala(GalaConfig(**TINY), torch.Generator().manual_seed(k)) for k in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    for key, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[key])
        assert tensor.isfinite().all()
    kernels = (encoder.blocks[0].attention.kernels for encoder in (one, other))
    assert not torch.equal(*kernels)
