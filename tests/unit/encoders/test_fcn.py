"""The fully connected net: it sorts neighbours, exactly where that is possible."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from stratus.encoders.edges import fading
from stratus.encoders.fcn import FCN, Fcn, soft_ranks
from stratus.encoders.table import read_config
from stratus.physics.strain import gradients, strained
from stratus.testing.probe import Probe
from stratus.testing.specimens import alone, crystal, polymorphs
from stratus.views.graph import GraphView

TINY = {
    "hidden": 7,
    "element_embedding": 3,
    "atom_hidden": 6,
    "layers": 2,
    "places": 5,
    "cutoff_a": 4.0,
}


def pair(seed: int = 0, entries=None, **others) -> tuple[Fcn, dict[str, torch.Tensor]]:
    """Return an encoder and a batch of cells without symmetry and an atom alone, in float64."""
    rng = np.random.default_rng(5)
    entries = entries or [
        crystal(
            np.diag(rng.uniform(2.8, 3.6, 3)) + rng.normal(0, 0.3, (3, 3)),
            rng.choice(["Na", "O", "Fe", "Si"], size),
            rng.random((size, 3)),
        )
        for size in (2, 4, 3)
    ]
    config = read_config("fcn", {**TINY, **others})
    probe = Probe(FCN, config, GraphView.of_encoder(config, ""), seed)
    return probe.build().double(), probe.batch([*entries, alone(40.0)])


def sorted_neighbours(encoder: Fcn, batch) -> tuple[np.ndarray, np.ndarray]:
    """Work out crystals and atoms with neighbours that are sorted, an atom at a time."""
    config = encoder.config
    weights = {key: value.detach().numpy() for key, value in encoder.state_dict().items()}
    numbers, owner, places, cells = (
        batch[key].numpy() for key in ("numbers", "owner", "positions", "cells")
    )
    table = encoder.property_table.numpy() @ weights["property_projection.weight"].T
    elements = weights["element_embedding.weight"] + table
    images = np.array(list(itertools.product(range(-3, 4), repeat=3)))
    atoms = []
    for i, number in enumerate(numbers):
        found = []
        for j in np.flatnonzero(owner == owner[i]):
            lengths = np.linalg.norm(places[j] - places[i] + images @ cells[owner[i]], axis=1)
            found += [(length, numbers[j]) for length in lengths if 0 < length < config.cutoff_a]
        seen = np.zeros((config.places, 2 + config.element_embedding))
        for place, (length, other) in enumerate(sorted(found)[: config.places]):
            weight = float(fading(torch.tensor([length]), config.cutoff_a))
            seen[place] = weight * np.array([1, length / config.cutoff_a, *elements[other]])
        x = weights["centre.weight"] @ elements[number] + weights["centre.bias"]
        x = x + weights["neighbours.weight"] @ seen.ravel()
        x = x / (1 + np.exp(-x))
        for k in range(config.layers):
            x = weights[f"blocks.{k}.weight"] @ x + weights[f"blocks.{k}.bias"]
            x = x / (1 + np.exp(-x))
        atoms.append(x)
    rows = np.stack(atoms)
    means = np.stack([rows[owner == k].mean(axis=0) for k in range(len(cells))])
    return means @ weights["projection.weight"].T + weights["projection.bias"], rows


def test_where_neighbours_are_well_apart_it_sorts_them():
    """Of a cluster in vacuum whose distances all differ, and whose edges do not fade."""
    places = np.array([[0, 0, 0], [1.1, 0, 0], [0, 1.7, 0], [0, 0, 2.6], [-3.3, 0, 0.4]])
    cluster = crystal(80 * np.eye(3), ["Fe", "O", "Na", "Si", "O"], places / 80)
    encoder, batch = pair(entries=[cluster], cutoff_a=30.0, softness_a=1e-4)
    with torch.no_grad():
        found = encoder(batch)
    for ours, theirs in zip(
        (found.crystal, found.parts), sorted_neighbours(encoder, batch), strict=True
    ):
        assert ours.shape == theirs.shape
        assert np.abs(ours.numpy() - theirs).max() <= 1e-4 * np.abs(theirs).max()


def test_ranks_count_what_is_nearer_and_half_of_what_is_as_far():
    lengths = torch.tensor([3.0, 1.0, 2.0, 2.0, 2.1, 1.0]).double()
    centres = torch.tensor([1, 1, 1, 1, 1, 0])
    ranks = soft_ranks(lengths, torch.ones(6).double(), centres, 3, 0.2)
    near = 0.5 - (0.5 * (15 - 0.25 * (10 - 0.75))) / 16  # half of the softness apart
    expected = [4, 0, 1.5 + near, 1.5 + near, 1 + 2 * (1 - near), 0]
    assert ranks.tolist() == pytest.approx(expected)
    faint = soft_ranks(lengths, torch.tensor([1, 0.5, 1, 1, 1, 1]).double(), centres, 3, 0.2)
    assert faint.tolist() == pytest.approx([3.5, 0, 1 + near, 1 + near, 0.5 + 2 * (1 - near), 0])
    assert soft_ranks(lengths[:0], lengths[:0], centres[:0], 3, 0.2).shape == (0,)


def test_neighbours_of_several_elements_that_are_as_far_share_their_places():
    """Which of them the list of edges has first makes no difference."""
    places = np.array([[0, 0, 0], [2.0, 0, 0], [0, 2.0, 0], [0, 0, 3.0]])
    found = []
    for symbols in (["Fe", "O", "Na", "Si"], ["Fe", "Na", "O", "Si"]):
        encoder, batch = pair(entries=[crystal(40 * np.eye(3), symbols, places / 40)])
        with torch.no_grad():
            found.append(encoder(batch).crystal[0])
    assert (found[0] - found[1]).abs().max() <= 1e-12


def test_atoms_of_full_symmetry_feel_no_force():
    encoder, batch = pair(entries=polymorphs(), cutoff_a=5.0)
    of = strained(batch["positions"], batch["cells"], batch["owner"])
    energy = encoder({**batch, "positions": of.positions, "cells": of.cells}).crystal.sum()
    forces, stress = gradients(energy, of, create_graph=False)
    assert forces.abs().max() <= 1e-5
    assert stress[:2].diagonal(dim1=1, dim2=2).abs().min() > 1e-5


def test_a_loss_of_forces_reaches_the_weights():
    encoder, batch = pair()
    of = strained(batch["positions"], batch["cells"], batch["owner"])
    energy = encoder({**batch, "positions": of.positions, "cells": of.cells}).crystal.sum()
    forces, _ = gradients(energy, of, create_graph=True)
    assert forces[:-1].abs().max() > 1e-3
    assert not forces[-1].any()
    forces.square().sum().backward()
    idle = [
        key
        for key, weight in encoder.named_parameters()
        if weight.grad is None or not weight.grad.isfinite().all() or not weight.grad.any()
    ]
    assert idle == ["projection.bias"]  # a constant of an energy


@pytest.mark.parametrize("preset", sorted(FCN.presets))
def test_presets_give_vectors_of_their_length(preset):
    config = read_config("fcn", FCN.presets[preset])
    found = FCN.build(config, torch.Generator().manual_seed(0)).double()(pair()[1])
    assert found.crystal.shape == (4, config.hidden)
    assert found.parts.shape == (10, config.atom_hidden)
    assert found.owner.bincount().tolist() == [2, 4, 3, 1]
