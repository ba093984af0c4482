"""CGCNN: what it must not see, what passes through it, and graphs at the edge."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from stratus.encoders.cgcnn import CGCNN, Cgcnn, CgcnnConfig
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
TINY = {"hidden": 12, "element_embedding": 8, "atom_hidden": 10, "layers": 2, "trunk": (14,)}
NORMS = ["batch", "layer", "none"]
WIDE_A = 4.0


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
GRAPHS = [random_graph(k, n) for k, n in enumerate((1, 2, 4, 3))] + [ALONE]


def build(seed: int = 0, **others) -> Cgcnn:
    """An encoder in float64 whose norms are not those of fresh weights."""
    config = CgcnnConfig(**{**TINY, **others})
    encoder = Cgcnn(config, torch.Generator().manual_seed(seed)).double()
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for key, tensor in encoder.state_dict().items():
            if "norm" in key and tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return encoder.eval()


def collated(graphs) -> dict[str, torch.Tensor]:
    return flat_batch(graphs, KEYS)


@pytest.mark.parametrize("preset", sorted(CGCNN.presets))
def test_presets_give_vectors_of_their_length(preset):
    config = CgcnnConfig.model_validate(CGCNN.presets[preset])
    encoder = CGCNN.build(config, torch.Generator().manual_seed(0)).double()
    found = encoder(collated(GRAPHS))
    assert found.crystal.shape == (5, config.hidden)
    assert found.parts.shape == (11, config.atom_hidden)
    assert found.owner.tolist() == [0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4]


@pytest.mark.parametrize("norm", NORMS)
def test_a_crystal_alone_is_the_crystal_in_a_batch(norm):
    encoder = build(norm=norm)
    with torch.no_grad():
        together = encoder(collated(GRAPHS))
        for k, one in enumerate(GRAPHS):
            alone = encoder(collated([one]))
            assert (together.crystal[k] - alone.crystal[0]).abs().max() <= 1e-12
            assert (together.parts[together.owner == k] - alone.parts).abs().max() <= 1e-12


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("norm", NORMS)
def test_the_order_of_edges_and_of_atoms_is_not_seen(norm, training):
    one = random_graph(7, 5)
    edges, atoms = (
        np.random.default_rng(1).permutation(len(one[key])) for key in ("centres", "numbers")
    )
    place = np.argsort(atoms)
    other = one | {key: one[key][edges] for key in ("centres", "neighbours", "shifts")}
    other |= {key: place[other[key]] for key in ("centres", "neighbours")}
    other |= {key: one[key][atoms] for key in ("numbers", "positions")}
    encoder = build(norm=norm).train(training)
    with torch.no_grad():
        before, after = encoder(collated([one, GRAPHS[0]])), encoder(collated([other, GRAPHS[0]]))
    assert (before.crystal - after.crystal).abs().max() <= 1e-12
    assert (before.parts[atoms] - after.parts[:5]).abs().max() <= 1e-12


@pytest.mark.parametrize("norm", NORMS)
def test_a_supercell_and_a_turned_crystal_are_the_crystal(norm):
    rng = np.random.default_rng(3)
    lattice, frac = 3.5 * np.eye(3) + rng.normal(0, 0.2, (3, 3)), rng.random((2, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    doubled = np.concatenate([frac / [2, 1, 1], frac / [2, 1, 1] + [0.5, 0, 0]])
    graphs = [
        graph(lattice, [11, 17], frac),
        graph(lattice @ turn, [11, 17], frac + 0.3),
        graph(lattice * [[2], [1], [1]], [11, 17] * 2, doubled),
    ]
    with torch.no_grad():
        crystal = build(norm=norm)(collated(graphs)).crystal
    assert (crystal - crystal[0]).abs().max() <= 1e-9


def test_elements_lengths_and_neighbours_are_told_apart():
    cell = 3.0 * np.eye(3)
    half = [[0, 0, 0], [0.5, 0.5, 0.5]]
    graphs = [
        graph(cell, [11, 17], half),
        graph(cell, [11, 35], half),
        graph(1.01 * cell, [11, 17], half),
        graph(cell, [11, 17], [[0, 0, 0], [0.5, 0.5, 0.45]]),
    ]
    with torch.no_grad():
        crystal = build()(collated(graphs)).crystal
    assert (torch.cdist(crystal, crystal) + torch.eye(4)).min() > 1e-3


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("batch", [[ALONE], [ALONE, ALONE, ALONE]])
def test_atoms_without_neighbours_work_also_in_training(norm, batch):
    encoder = build(norm=norm).train()
    found = encoder(collated(batch))
    assert found.crystal.isfinite().all()
    found.crystal.sum().backward()
    for key, parameter in encoder.named_parameters():
        assert parameter.grad.isfinite().all(), key
    kept = encoder.state_dict()
    assert all(tensor.isfinite().all() for tensor in kept.values())


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("norm", NORMS)
def test_gradients_are_finite_and_reach_every_parameter(norm, training):
    encoder = build(norm=norm).train(training)
    weights = torch.randn(5, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (encoder(collated(GRAPHS)).crystal * weights).sum().backward()
    for key, parameter in encoder.named_parameters():
        assert parameter.grad.isfinite().all(), key
        if not (training and norm == "batch" and key.endswith("centre.bias")):  # a norm undoes it
            assert parameter.grad.any(), key


@pytest.mark.parametrize("norm", NORMS)
def test_forces_and_stress_are_those_of_central_differences(norm):
    encoder = build(norm=norm, fading=True, cutoff_a=WIDE_A)
    batch = collated(GRAPHS)
    weights = torch.randn(12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def energies(**changed) -> torch.Tensor:
        return encoder(batch | changed).crystal @ weights

    of = strained(batch["positions"], batch["cells"], batch["owner"])
    forces, stress = gradients(
        energies(positions=of.positions, cells=of.cells), of, create_graph=True
    )
    assert forces[:-1].abs().max() > 1e-3
    assert not forces[-1].any()  # an atom alone
    step, volume = 1e-5, torch.linalg.det(batch["cells"])
    for atom, axis in [(1, 0), (4, 2), (8, 1)]:
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
    loss = (forces**2).sum()
    weight = encoder.blocks[0].edge.weight
    by_weight = torch.autograd.grad(loss, weight)[0][3, 20]
    losses = []
    for sign in (1, -1):
        with torch.no_grad():
            weight[3, 20] += sign * step
        again = strained(batch["positions"], batch["cells"], batch["owner"])
        energy = energies(positions=again.positions, cells=again.cells)
        losses.append((gradients(energy, again, create_graph=False)[0] ** 2).sum())
        with torch.no_grad():
            weight[3, 20] -= sign * step
    assert abs(by_weight - (losses[0] - losses[1]) / (2 * step)) <= 1e-6 * loss


def test_an_edge_that_fades_is_gone_at_the_cutoff_and_counts_until_then():
    encoder = build(fading=True, cutoff_a=3.0, norm="layer")
    crystals = []
    for length in (2.9999, 3.0001, 1.5):
        far = {**ALONE, "centres": np.array([0]), "neighbours": np.array([0])}
        far |= {"cells": np.diag([length, 50, 50]), "shifts": np.array([[1, 0, 0]])}
        crystals.append(encoder(collated([far])).crystal[0])
    alone = encoder(collated([ALONE])).crystal[0]
    assert (crystals[0] - alone).abs().max() < 1e-9
    assert torch.equal(crystals[1], alone)
    assert (crystals[2] - alone).abs().max() > 1e-3


def test_atoms_in_one_place_give_no_gradient_that_is_no_number():
    batch = collated([GRAPHS[1] | {"positions": np.zeros((2, 3))}])
    batch["positions"].requires_grad_()
    edges = batch["shifts"].any(dim=1) | (batch["centres"] != batch["neighbours"])
    assert edges.all()
    build()(batch).crystal.sum().backward()
    assert batch["positions"].grad.isfinite().all()


def test_a_generator_decides_the_weights_and_torch_s_own_is_left_alone():
    before = torch.get_rng_state()
    one, two, other = (
        Cgcnn(CgcnnConfig(**TINY), torch.Generator().manual_seed(k)) for k in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    for key, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[key])
        assert tensor.isfinite().all()
    assert not torch.equal(one.element_embedding.weight, other.element_embedding.weight)


def test_in_training_the_norm_keeps_what_batch_norm_of_torch_keeps():
    encoder = build().train()
    norm = encoder.blocks[0].message_norm
    theirs = torch.nn.BatchNorm1d(20).double()
    theirs.load_state_dict(norm.state_dict(), strict=False)
    seen = []
    encoder.blocks[0].register_forward_hook(lambda _, inputs, __: seen.append(inputs))
    batch = collated(GRAPHS)
    encoder(batch)
    x, edges = seen[0]
    layer = encoder.blocks[0]
    theirs(
        layer.centre(x)[batch["centres"]]
        + layer.neighbour(x)[batch["neighbours"]]
        + layer.edge(edges.features)
    )
    for key, tensor in norm.state_dict().items():
        assert (theirs.state_dict()[key] - tensor).abs().max() <= 1e-12, key
