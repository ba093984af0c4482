"""EquiformerV2: what turns with a crystal, what must not, gradients at poles, and sizes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from stratus.encoders.counting import counted_parameters
from stratus.encoders.equiformer_sizes import PUBLISHED
from stratus.encoders.equiformer_v2 import EQUIFORMER_V2, EquiformerV2, EquiformerV2Config
from stratus.encoders.table import configure
from stratus.errors import InputError
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
    "hidden": 6, "lmax": 3, "mmax": 2, "channels": 4, "edge_channels": 5, "layers": 2, "heads": 2,
    "attention_hidden": 4, "alpha_channels": 3, "value_channels": 2, "feed_forward": 5,
    "gaussians": 12, "cutoff_a": 4.0, "max_neighbours": None,
}  # fmt: skip
TURN = np.linalg.qr(np.random.default_rng(8).normal(size=(3, 3)))[0]
TURN *= np.linalg.det(TURN)  # and no mirror


def graph(lattice, numbers, frac, cutoff_a: float = 4.0) -> dict[str, np.ndarray]:
    """All pairs within a cutoff, by trying images."""
    lattice, frac = np.asarray(lattice, dtype=float), np.asarray(frac, dtype=float)
    found = []
    for shift in itertools.product(range(-2, 3), repeat=3):
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


LATTICE = np.diag([3.3, 3.5, 3.7]) + np.random.default_rng(0).normal(0, 0.2, (3, 3))
FRAC = np.random.default_rng(1).random((3, 3))
LOW = graph(LATTICE, [3, 17, 40], FRAC)
CUBIC = graph(3.6 * np.eye(3), [11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]])  # edges along the axes
ALONE = graph(50 * np.eye(3), [18], np.zeros((1, 3)))


def build(seed: int = 0, **others) -> EquiformerV2:
    config = EquiformerV2Config(**{**TINY, **others})
    return EquiformerV2(config, torch.Generator().manual_seed(seed)).double().eval()


def collated(*graphs) -> dict[str, torch.Tensor]:
    return flat_batch(graphs, KEYS)


def turning_error(encoder: EquiformerV2) -> float:
    """How far features of a turned crystal are from those of the crystal."""
    with torch.no_grad():
        one = encoder(collated(LOW))
        other = encoder(collated(graph(LATTICE @ TURN, [3, 17, 40], FRAC)))
    turned = torch.einsum("nxc,xy->nyc", one.vectors, torch.tensor(TURN))
    size = one.vectors.abs().max()
    return max(
        float((one.crystal - other.crystal).abs().max() / one.crystal.abs().max()),
        float((turned - other.vectors).abs().max() / size),
    )


@pytest.mark.parametrize("norm", ["rms_norm_sh", "layer_norm_sh"])
@pytest.mark.parametrize("fading", [True, False])
def test_with_gates_features_turn_with_the_crystal(norm, fading):
    assert turning_error(build(norm=norm, fading=fading)) <= 1e-10


@pytest.mark.parametrize("grid_mlp", [True, False])
def test_on_a_grid_the_error_falls_with_the_grid(grid_mlp):
    errors = [
        turning_error(build(activation="s2", grid_mlp=grid_mlp, grid_resolution=n))
        for n in (8, 16, 32, 64)
    ]
    assert errors[0] > 1e-6
    assert errors[3] <= 1e-10
    assert all(later < earlier / 3 for earlier, later in itertools.pairwise(errors[:3]))


def test_mirror_images_are_told_apart():
    mirror = np.diag([1.0, 1, -1])
    with torch.no_grad():
        found = build()(collated(LOW, graph(LATTICE @ mirror, [3, 17, 40], FRAC))).crystal
    assert (found[0] - found[1]).abs().max() > 1e-4


@pytest.mark.parametrize("one", [LOW, CUBIC], ids=["low symmetry", "edges along poles"])
@pytest.mark.parametrize("activation", ["gate", "s2"])
def test_forces_and_stress_are_those_of_central_differences(one, activation):
    encoder = build(fading=True, activation=activation, grid_resolution=24)
    moved_atoms = np.random.default_rng(2).normal(0, 0.02, one["positions"].shape)
    batch = collated(one | {"positions": one["positions"] + moved_atoms * (one is LOW)})
    weights = torch.randn(6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def energies(**changed) -> torch.Tensor:
        return encoder(batch | changed).crystal @ weights

    of = strained(batch["positions"], batch["cells"], batch["owner"])
    forces, stress = gradients(
        energies(positions=of.positions, cells=of.cells), of, create_graph=True
    )
    step, volume = 1e-4, torch.linalg.det(batch["cells"])
    for atom, axis in itertools.product(range(2), range(3)):
        moved = torch.zeros_like(batch["positions"])
        moved[atom, axis] = step
        sides = [energies(positions=batch["positions"] + k * moved).sum() for k in (-2, -1, 1, 2)]
        slope = (sides[0] - 8 * sides[1] + 8 * sides[2] - sides[3]) / (12 * step)
        assert abs(forces[atom, axis] + slope) <= 1e-8
    bend = torch.zeros(3, 3, dtype=torch.float64)
    bend[0, 1] = bend[1, 0] = step
    sides = [
        energies(
            positions=batch["positions"] @ (torch.eye(3).double() + k * bend),
            cells=batch["cells"] @ (torch.eye(3).double() + k * bend),
        )
        for k in (-2, -1, 1, 2)
    ]
    expected = (sides[0] - 8 * sides[1] + 8 * sides[2] - sides[3]) / (12 * step) / volume.abs()
    assert (stress[:, 0, 1] + stress[:, 1, 0] - expected).abs().max() <= 1e-8
    (stress.square().sum() + forces.square().sum()).backward()  # as forces are learned
    assert all(p.grad is None or p.grad.isfinite().all() for p in encoder.parameters())


@pytest.mark.parametrize("batch", [[ALONE], [ALONE, CUBIC], [CUBIC, LOW, ALONE]])
@pytest.mark.parametrize("activation", ["gate", "s2"])
def test_atoms_without_neighbours_have_features_and_gradients(batch, activation):
    encoder = build(activation=activation)
    found = encoder(collated(*batch))
    assert found.crystal.isfinite().all()
    found.crystal.sum().backward()
    for key, parameter in encoder.named_parameters():
        assert parameter.grad.isfinite().all(), key


def test_dropout_is_of_training_alone_and_draws_from_the_generator_of_torch():
    encoder = build(alpha_dropout=0.3, path_dropout=0.5)
    batch = collated(LOW, CUBIC)
    with torch.no_grad(), torch.random.fork_rng():
        still = encoder(batch).crystal
        assert torch.equal(still, build()(batch).crystal)
        torch.manual_seed(0)
        first = encoder.train()(batch).crystal
        torch.manual_seed(0)
        assert torch.equal(first, encoder(batch).crystal)
        assert not torch.equal(first, still)


@pytest.mark.parametrize("preset", ["nano", "small", "base", "eqv2-10k", "eqv2-40k"])
def test_presets_give_vectors_of_their_length(preset):
    config = EquiformerV2Config.model_validate(EQUIFORMER_V2.presets[preset])
    encoder = EQUIFORMER_V2.build(config, torch.Generator().manual_seed(0)).eval()
    batch = {k: v.float() if v.is_floating_point() else v for k, v in collated(CUBIC, LOW).items()}
    with torch.no_grad():
        found = encoder(batch)
    assert found.crystal.shape == (2, config.hidden)
    assert found.parts.shape == (5, config.channels)
    assert found.vectors.shape == (5, 3, config.channels)


def published_heads(feed_forward, edge, channels, attention, heads, value) -> int:
    """Parameters of the published heads: energy, direct forces, stress by its two irreps.

    Of lmax 4, mmax 2 and nets on the grid. Energy: a feed-forward net of one channel. Forces:
    attention of one channel. Stress: two norms and two nets of five layers.
    """
    f, e, c, a = feed_forward, edge, channels, attention
    energy = (5 * c * f + f) + (c * f + f) + 3 * f * f + (5 * f + 1)
    orders, rows = 5 + 4 + 3, (5, 4, 3)
    first = sum((2 if m else 1) * n * n * 2 * c * a for m, n in enumerate(rows))
    extra = heads * a + a
    first += extra * 5 * 2 * c + extra + 5 * a
    v = heads * value
    second = sum((2 if m else 1) * n * n * a * v for m, n in enumerate(rows)) + 5 * v
    radial = (600 + 2 * e) * e + e * e + 6 * e + (e + 1) * orders * 2 * c
    forces = first + second + radial + 2 * a + heads * a + 5 * v + 1
    stress = 6 + 2 * c + 2 * (4 * (c * c + c) + c + 1)
    return energy + forces + stress


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_twenty_sizes_have_the_published_number_of_parameters(name):
    """Exactly: what is ours alone, the projection of the crystal, left out, and heads added."""
    count, f, e, c, _, a, heads, value = PUBLISHED[name]
    config = EquiformerV2Config.model_validate(EQUIFORMER_V2.presets[name])
    encoder = EquiformerV2(config, torch.Generator().manual_seed(0))
    ours = sum(counted_parameters(encoder, ("embedding", "crystal_projection")).values())
    assert ours + published_heads(f, e, c, a, heads, value) == count


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"mmax": 4}, "mmax 4 is more than lmax 3"),
        ({"grid_mlp": True}, "needs the grid"),
        ({"activation": "s2", "grid_resolution": 6}, "at least 7"),
    ],
)
def test_sizes_that_cannot_be_are_refused_with_a_sentence(others, message):
    values = {key: value for key, value in TINY.items() if key not in others}
    with pytest.raises(InputError, match=message):
        configure("equiformer_v2", "nano", **{**values, **others})
