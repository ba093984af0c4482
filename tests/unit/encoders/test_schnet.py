"""SchNet: against a plain transcription of the paper, and its limits."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from stratus.encoders.schnet import SCHNET, Schnet, cosine_fading
from stratus.encoders.table import read_config
from stratus.errors import InputError
from stratus.physics.strain import gradients, strained
from stratus.testing.probe import Probe
from stratus.testing.specimens import alone, crystal
from stratus.views.graph import GraphView

TINY = {"hidden": 7, "atom_hidden": 6, "layers": 2, "cutoff_a": 4.0, "gaussians": 9}


def pair(seed: int = 0, **others) -> tuple[Schnet, dict[str, torch.Tensor]]:
    """Return an encoder and a batch of skewed cells and an atom alone, in float64."""
    rng = np.random.default_rng(5)
    entries = [
        crystal(
            np.diag(rng.uniform(2.8, 3.6, 3)) + rng.normal(0, 0.3, (3, 3)),
            rng.choice(["Na", "O", "Fe", "Si"], size),
            rng.random((size, 3)),
        )
        for size in (1, 2, 4, 3)
    ]
    config = read_config("schnet", {**TINY, **others})
    probe = Probe(SCHNET, config, GraphView.of_encoder(config, ""), seed)
    return probe.build().double(), probe.batch([*entries, alone(40.0)])


def ssp(x):
    return np.log(0.5 * np.exp(x) + 0.5)


def transcription(encoder: Schnet, batch) -> tuple[np.ndarray, np.ndarray]:
    """Work out crystals and atoms as the paper writes them: an atom, a pair at a time."""
    config = encoder.config
    weights = {key: value.detach().numpy() for key, value in encoder.state_dict().items()}

    def linear(name, x):
        return weights[f"{name}.weight"] @ x + weights.get(f"{name}.bias", 0)

    def two(name, x):
        return linear(f"{name}.2", ssp(linear(f"{name}.0", x)))

    numbers, owner, places, cells = (
        batch[key].numpy() for key in ("numbers", "owner", "positions", "cells")
    )
    elements = weights["element_embedding.weight"]
    if config.element_properties:
        table = encoder.property_table.numpy()
        elements = elements + table @ weights["property_projection.weight"].T
    h = elements[numbers]
    step = config.cutoff_a / (config.gaussians - 1)
    images = np.array(list(itertools.product(range(-3, 4), repeat=3)))
    for layer in range(config.layers):
        at = f"blocks.{layer}"
        received = np.zeros_like(h)
        for i, j in itertools.product(range(len(numbers)), repeat=2):
            for image in images if owner[i] == owner[j] else ():
                length = np.linalg.norm(places[j] + image @ cells[owner[i]] - places[i])
                if 0 < length < config.cutoff_a:
                    spread = np.exp(-((length / step - np.arange(config.gaussians)) ** 2))
                    fade = 0.5 * (math.cos(math.pi * length / config.cutoff_a) + 1)
                    filters = two(f"{at}.filter", spread) * fade
                    received[i] += linear(f"{at}.neighbour", h[j]) * filters
        h = h + np.stack([two(f"{at}.update", one) for one in received])
    rows = np.stack([two("projection", one) for one in h])
    return np.stack([rows[owner == k].mean(axis=0) for k in range(len(cells))]), h


@pytest.mark.parametrize("others", [{}, {"element_properties": False, "layers": 1}])
def test_it_is_the_paper_a_pair_at_a_time(others):
    encoder, batch = pair(1, **others)
    with torch.no_grad():
        found = encoder(batch)
    expected = transcription(encoder, batch)
    for ours, theirs in zip((found.crystal, found.parts), expected, strict=True):
        assert ours.shape == theirs.shape
        assert np.abs(ours.numpy() - theirs).max() <= 1e-9 * np.abs(theirs).max()


@pytest.mark.parametrize("preset", sorted(SCHNET.presets))
def test_presets_give_vectors_of_their_length(preset):
    config = read_config("schnet", SCHNET.presets[preset])
    found = SCHNET.build(config, torch.Generator().manual_seed(0)).double()(pair()[1])
    assert found.crystal.shape == (5, config.hidden)
    assert found.parts.shape == (11, config.atom_hidden)
    assert found.vectors is None
    assert found.owner.bincount().tolist() == [1, 2, 4, 3, 1]


def test_an_atom_alone_gets_no_message_and_all_others_do():
    encoder, batch = pair()
    none = {
        **batch,
        **{key: batch[key][:0] for key in ("centres", "neighbours", "shifts")},
    }
    with torch.no_grad():
        found, without = encoder(batch), encoder(none)
    apart = (found.crystal - without.crystal).abs().amax(dim=1)
    assert apart[-1] == 0
    assert apart[:-1].min() > 1e-4


def test_messages_fade_with_their_slope():
    lengths = torch.tensor([0.0, 2.0, 4.0, 5.0], dtype=torch.float64, requires_grad=True)
    found = cosine_fading(lengths, 4.0)
    assert (found - torch.tensor([1, 0.5, 0, 0]).double()).abs().max() <= 1e-15
    (slopes,) = torch.autograd.grad(found.sum(), lengths)
    assert (
        slopes - torch.tensor([0, -math.pi / 8, 0, 0], dtype=torch.float64)
    ).abs().max() <= 1e-15


def test_a_loss_of_forces_reaches_the_weights():
    encoder, batch = pair()
    of = strained(batch["positions"], batch["cells"], batch["owner"])
    energy = encoder({**batch, "positions": of.positions, "cells": of.cells}).crystal.sum()
    forces, stress = gradients(energy, of, create_graph=True)
    assert not forces[-1].any()
    (forces.square().sum() + stress.square().sum()).backward()
    idle = [
        key
        for key, weight in encoder.named_parameters()
        if weight.grad is None or not weight.grad.isfinite().all() or not weight.grad.any()
    ]
    assert idle == ["projection.2.bias"]  # a constant of an energy


def test_one_gaussian_is_refused():
    with pytest.raises(InputError, match="schnet cannot have gaussians = 1"):
        read_config("schnet", {**TINY, "gaussians": 1})
