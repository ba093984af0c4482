"""E(n)-GNN: against a plain transcription of the paper, its limits, and what moves."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
import torch

from stratus.crystals.facets import AtomArrays, Crystal
from stratus.encoders.egnn import EGNN, Egnn
from stratus.encoders.table import read_config
from stratus.errors import InputError
from stratus.physics.strain import gradients, strained
from stratus.views.graph import GraphView

TINY = {
    "hidden": 7,
    "atom_hidden": 6,
    "layers": 3,
    "position_hidden": (5, 4),
    "cutoff_a": 4.0,
    "gaussians": 9,
}
SIZES = (1, 2, 4, 3)


def crystals(seed: int = 0) -> list[Crystal]:
    """Return skewed cells of a few atoms, and an atom alone."""
    rng = np.random.default_rng(seed)
    found = [
        AtomArrays(
            np.diag(rng.uniform(2.8, 3.6, 3)) + rng.normal(0, 0.3, (3, 3)),
            rng.integers(1, 100, size),
            rng.random((size, 3)),
        )
        for size in SIZES
    ]
    found.append(AtomArrays(40 * np.eye(3), np.array([18]), np.array([[0.1, 0.2, 0.3]])))
    return [Crystal({}, atoms=atoms, n_atoms=len(atoms.numbers)) for atoms in found]


def pair(seed: int = 0, **others) -> tuple[Egnn, dict[str, torch.Tensor]]:
    """Return an encoder and a batch, in float64."""
    config = read_config("egnn", {**TINY, **others})
    view = GraphView.of_encoder(config, "")
    batch = view.collate([view.sample(crystal) for crystal in crystals()])
    batch = {k: v.double() if v.is_floating_point() else v for k, v in batch.items()}
    return Egnn(config, torch.Generator().manual_seed(seed)).double().eval(), batch


def silu(x):
    return x / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def mlp(weights, name, x, activation, last):
    """Apply the linear layers of a net, with activations between them, and behind the last."""
    at = sorted({int(k.split(".")[-2]) for k in weights if re.match(rf"{name}\.\d+\.weight", k)})
    for k in at:
        x = weights[f"{name}.{k}.weight"] @ x + weights.get(f"{name}.{k}.bias", 0)
        x = activation(x) if last or k != at[-1] else x
    return x


def transcription(encoder: Egnn, batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Work out crystals, atoms and places as the paper writes them: an atom, a pair at a time."""
    config = encoder.config
    act = silu if config.activation == "silu" else relu
    weights = {key: value.detach().numpy() for key, value in encoder.state_dict().items()}
    numbers, owner, places, cells = (
        batch[key].numpy() for key in ("numbers", "owner", "positions", "cells")
    )
    elements = weights["element_embedding.weight"]
    if config.element_properties:
        table = encoder.property_table.numpy()
        elements = elements + table @ weights["property_projection.weight"].T
    images = np.array(list(itertools.product(range(-3, 4), repeat=3)))
    pairs = []
    for i, j in itertools.product(range(len(numbers)), repeat=2):
        for image in images if owner[i] == owner[j] else ():
            away = image @ cells[owner[i]]
            length = np.linalg.norm(places[j] + away - places[i])
            if 0 < length < config.cutoff_a:
                pairs.append((i, j, away, length))
    x, h = places.copy(), elements[numbers]
    step = config.cutoff_a / max(config.gaussians - 1, 1)
    for layer in range(config.layers):
        at = f"blocks.{layer}"
        received, pushes = np.zeros_like(h), np.zeros_like(x)
        for i, j, away, length in pairs:
            difference = x[i] - (x[j] + away)
            square = difference @ difference
            inner = weights[f"{at}.centre.weight"] @ h[i] + weights[f"{at}.centre.bias"]
            inner = inner + weights[f"{at}.neighbour.weight"] @ h[j]
            inner = inner + weights[f"{at}.square.weight"][:, 0] * square / config.cutoff_a**2
            if config.gaussians:
                spread = np.exp(-(((length - step * np.arange(config.gaussians)) / step) ** 2))
                inner = inner + weights[f"{at}.edge.weight"] @ spread
            message = mlp(weights, f"{at}.message", act(inner), act, last=True)
            u = length / config.cutoff_a
            share = (1 - 28 * u**6 + 48 * u**7 - 21 * u**8) / config.typical_neighbours
            received[i] += share * message
            if layer < config.layers - 1:
                far = np.tanh(mlp(weights, f"{at}.position", message, act, last=False)[0])
                pushes[i] += share * far * difference / np.sqrt(square + 1)
        x = x + pushes
        h = np.stack(
            [
                one + mlp(weights, f"{at}.update", np.concatenate([one, got]), act, last=False)
                for one, got in zip(h, received, strict=True)
            ]
        )
    rows = np.stack([mlp(weights, "projection", one, act, last=False) for one in h])
    crystal = np.stack([rows[owner == k].mean(axis=0) for k in range(len(cells))])
    return crystal, h, x - places


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"gaussians": 0, "activation": "relu", "projection": 3, "typical_neighbours": 1.0},
        {"position_hidden": (), "projection": 1, "layers": 2, "element_properties": False},
    ],
)
def test_it_is_the_paper_a_pair_at_a_time(others):
    encoder, batch = pair(1, **others)
    with torch.no_grad():
        for block in encoder.blocks[:-1]:  # so that atoms move far
            block.position[-1].weight.mul_(10)
        found = encoder(batch)
    crystal, atoms, moves = transcription(encoder, batch)
    assert np.abs(moves).max() > 0.05
    for ours, theirs in (
        (found.crystal, crystal),
        (found.parts, atoms),
        (found.vectors[:, :, -1], moves),
    ):
        assert ours.shape == theirs.shape
        assert np.abs(ours.numpy() - theirs).max() <= 1e-9 * max(1, np.abs(theirs).max())


@pytest.mark.parametrize("preset", sorted(EGNN.presets))
def test_presets_give_vectors_of_their_length(preset):
    config = read_config("egnn", EGNN.presets[preset])
    found = EGNN.build(config, torch.Generator().manual_seed(0)).double()(pair()[1])
    assert found.crystal.shape == (5, config.hidden)
    assert found.parts.shape == (11, config.atom_hidden)
    assert found.vectors.shape == (11, 3, config.layers - 1)
    assert found.owner.bincount().tolist() == [*SIZES, 1]


def test_where_nothing_moves_it_is_a_net_of_plain_messages():
    encoder, batch = pair()
    still, _ = pair()
    with torch.no_grad():
        for block in still.blocks[:-1]:
            block.position[-1].weight.zero_()
        moving, found = encoder(batch), still(batch)
        assert not found.vectors.any()
        assert (moving.crystal - found.crystal).abs().max() > 1e-8
        for block in still.blocks:  # no moves: the same net without the nets of positions
            block.position = None
        assert torch.equal(still(batch).crystal, found.crystal)


def test_two_atoms_go_straight_apart_and_a_symmetric_place_is_kept():
    encoder, _ = pair(cutoff_a=5.0)
    view = GraphView.of_encoder(encoder.config, "")
    far = AtomArrays(40 * np.eye(3), np.array([11, 11]), np.array([[0, 0, 0], [0.03, 0.04, 0]]))
    salt = AtomArrays(
        5.6 * np.eye(3)[[0, 1, 2]],
        np.array([11] * 4 + [17] * 4),
        np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]] * 2) / 2
        + np.repeat([[0, 0, 0], [0.5, 0, 0]], 4, axis=0),
    )
    samples = [view.sample(Crystal({}, atoms=a, n_atoms=len(a.numbers))) for a in (far, salt)]
    batch = {
        k: v.double() if v.is_floating_point() else v for k, v in view.collate(samples).items()
    }
    with torch.no_grad():
        moves = encoder(batch).vectors
    apart = moves[0] - moves[1]
    assert moves[:2].abs().max() > 1e-4
    assert (moves[0] + moves[1]).abs().max() <= 1e-9  # they are alike
    assert torch.linalg.cross(apart[:, 0], torch.tensor([3.0, 4, 0]).double()).abs().max() <= 1e-5
    assert moves[2:].abs().max() <= 1e-5


def test_images_move_along():
    """A chain in a cell of one, two and three atoms gives the same moves."""
    encoder, _ = pair()
    view = GraphView.of_encoder(encoder.config, "")
    found = []
    for times in (1, 3):
        cell = np.diag([3.0 * times, 30, 30])
        base = np.array([[0.0, 0, 0], [1.3, 0.4, 0]])
        places = np.concatenate([base + np.array([3.0 * k, 0, 0]) for k in range(times)])
        atoms = AtomArrays(cell, np.array([8, 14] * times), places @ np.linalg.inv(cell))
        batch = view.collate([view.sample(Crystal({}, atoms=atoms, n_atoms=2 * times))])
        batch = {k: v.double() if v.is_floating_point() else v for k, v in batch.items()}
        with torch.no_grad():
            found.append(encoder(batch).vectors)
    assert found[0].abs().max() > 1e-4
    assert (found[0].repeat(3, 1, 1) - found[1]).abs().max() <= 1e-5


def test_forces_and_stress_are_those_of_central_differences_and_reach_the_weights():
    encoder, batch = pair()
    weights = torch.randn(7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def energies(**changed) -> torch.Tensor:
        return encoder(batch | changed).crystal @ weights

    of = strained(batch["positions"], batch["cells"], batch["owner"])
    energy = energies(positions=of.positions, cells=of.cells)
    forces, stress = gradients(energy, of, create_graph=True)
    assert forces[:-1].abs().max() > 1e-4
    assert not forces[-1].any()  # an atom alone
    step = 1e-5
    for atom, axis in [(1, 0), (4, 2), (8, 1)]:
        moved = torch.zeros_like(batch["positions"])
        moved[atom, axis] = step
        sides = [energies(positions=batch["positions"] + sign * moved).sum() for sign in (1, -1)]
        assert abs(forces[atom, axis] + (sides[0] - sides[1]) / (2 * step)) <= 1e-8
    bend = torch.eye(3).double() * step
    sides = [
        energies(
            positions=batch["positions"] @ (torch.eye(3).double() + sign * bend),
            cells=batch["cells"] @ (torch.eye(3).double() + sign * bend),
        )
        for sign in (1, -1)
    ]
    expected = (sides[0] - sides[1]) / (2 * step) / torch.linalg.det(batch["cells"]).abs()
    assert (stress.diagonal(dim1=1, dim2=2).sum(1) - expected).abs().max() <= 1e-8
    forces.square().sum().backward()
    reached = {key: weight.grad for key, weight in encoder.named_parameters()}
    assert all(
        slope is not None and slope.any() and slope.isfinite().all()
        for key, slope in reached.items()
        if key != "projection.2.bias"  # a constant of an energy
    )


def test_vectors_of_direct_forces_reach_the_weights():
    encoder, batch = pair()
    encoder(batch).vectors.square().sum().backward()
    idle = {key for key, weight in encoder.named_parameters() if weight.grad is None}
    assert idle == {
        key
        for key, _ in encoder.named_parameters()
        if key.startswith(("blocks.2", "projection", "blocks.1.update"))
    }


def test_atoms_in_one_place_give_no_gradient_that_is_no_number():
    encoder, batch = pair()
    batch["positions"] = torch.zeros_like(batch["positions"]).requires_grad_()
    encoder(batch).crystal.sum().backward()
    assert batch["positions"].grad.isfinite().all()


def test_one_gaussian_or_one_layer_is_refused():
    with pytest.raises(InputError, match="one Gaussian has no width; choose 0 or at least 2"):
        read_config("egnn", {**TINY, "gaussians": 1})
    with pytest.raises(InputError, match="egnn cannot have layers = 1"):
        read_config("egnn", {**TINY, "layers": 1})
