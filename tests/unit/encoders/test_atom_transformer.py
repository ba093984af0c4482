"""The atom transformer: sizes, turns in training, forces, and what its geometries tell apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from stratus.crystals.facets import AtomArrays, Crystal
from stratus.encoders.atom_transformer import (
    ATOM_TRANSFORMER,
    PUBLISHED_SIZES,
    AtomTransformer,
    AtomTransformerConfig,
    random_rotations,
)
from stratus.encoders.counting import counted_parameters
from stratus.physics.strain import gradients, strained
from stratus.views.cloud_of_atoms import CloudOfAtomsView

GEOMETRIES = ["absolute", "distances", "neighbours"]
TINY = {"hidden": 12, "layers": 2, "heads": 2, "feed_forward": 16, "cutoff_a": 5.0}


def crystal(lattice, numbers, frac) -> Crystal:
    return Crystal({}, atoms=AtomArrays(np.array(lattice), np.array(numbers), np.array(frac)))


def random_crystal(seed: int, atoms: int) -> Crystal:
    rng = np.random.default_rng(seed)
    lattice = np.diag(rng.uniform(3, 5, 3)) + rng.normal(0, 0.4, (3, 3))
    return crystal(lattice, rng.integers(1, 100, atoms), rng.random((atoms, 3)))


CRYSTALS = [random_crystal(k, n) for k, n in enumerate((1, 4, 2, 3))]
SALT = crystal(2.8 * (1 - np.eye(3)), [11, 17], [[0.0, 0, 0], [0.5, 0.5, 0.5]])


def build(geometry: str, seed: int = 0, **others) -> AtomTransformer:
    config = AtomTransformerConfig.model_validate({**TINY, "geometry": geometry, **others})
    return AtomTransformer(config, torch.Generator().manual_seed(seed)).double().eval()


def batch_of(encoder: AtomTransformer, crystals) -> dict[str, torch.Tensor]:
    view = CloudOfAtomsView.of_encoder(encoder.config, "")
    batch = view.collate([view.sample(one) for one in crystals])
    return {k: v.double() if v.is_floating_point() else v for k, v in batch.items()}


def published_heads(width: int) -> nn.ModuleList:
    """The heads of energy, forces and stress that the published counts hold."""
    return nn.ModuleList(
        nn.Sequential(
            nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 128), nn.SiLU(),
            nn.Linear(128, outputs),
        )
        for outputs in (1, 3, 6)
    )  # fmt: skip


def counted(preset: str, **others) -> int:
    """The parameters of a preset by the published rule, with its heads."""
    config = AtomTransformerConfig.model_validate({**ATOM_TRANSFORMER.presets[preset], **others})
    with torch.device("meta"):
        encoder, heads = AtomTransformer(config), published_heads(config.hidden)
    of_encoder = counted_parameters(encoder)
    assert not [name for name in of_encoder if not name.startswith(("blocks.", "final_norm."))]
    return sum(of_encoder.values()) + sum(counted_parameters(heads).values())


@pytest.mark.parametrize("preset", PUBLISHED_SIZES)
def test_published_sizes_have_the_parameters_that_were_said_of_them(preset):
    # of the sizes with four layers it was said what they have with three
    layers = {"adit-0.695M": {"layers": 3}}.get(preset, {})
    said = float(preset.removeprefix("adit-").removesuffix("M"))
    assert counted(preset, **layers) // 1000 / 1000 == pytest.approx(said, rel=2e-3)


def test_one_published_size_has_a_layer_more_than_was_counted():
    assert counted("adit-0.695M") == 893_706
    assert counted("adit-0.695M", layers=3) == 695_434


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_a_crystal_alone_is_the_crystal_in_a_batch_in_training_too(geometry):
    encoder = build(geometry).train()
    with torch.no_grad():
        together = encoder(batch_of(encoder, CRYSTALS))
        for k, one in enumerate(CRYSTALS):
            alone = encoder(batch_of(encoder, [one]))
            assert (together.crystal[k] - alone.crystal[0]).abs().max() <= 1e-12
            assert (together.parts[together.owner == k] - alone.parts).abs().max() <= 1e-12


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_forces_and_stress_are_those_of_central_differences_and_a_loss_of_them_learns(geometry):
    encoder = build(geometry)
    batch = batch_of(encoder, CRYSTALS)
    weights = torch.randn(12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def energies(**changed) -> torch.Tensor:
        return encoder(batch | changed).crystal @ weights

    of = strained(batch["positions"], batch["cells"], batch["owner"])
    energy = energies(positions=of.positions, cells=of.cells)
    forces, stress = gradients(energy, of, create_graph=True)
    assert forces.abs().max() > 1e-3
    step, volumes = 1e-5, torch.linalg.det(batch["cells"]).abs()
    for atom, axis in [(1, 0), (3, 2), (9, 1)]:
        moved = torch.zeros_like(batch["positions"])
        moved[atom, axis] = step
        sides = [energies(positions=batch["positions"] + sign * moved).sum() for sign in (1, -1)]
        assert abs(forces[atom, axis] + (sides[0] - sides[1]) / (2 * step)) <= 1e-8
    bend = torch.zeros(3, 3, dtype=torch.float64)
    bend[0, 1] = bend[1, 0] = step
    sides = [
        energies(
            **{key: batch[key] @ (torch.eye(3) + sign * bend) for key in ("positions", "cells")}
        )
        for sign in (1, -1)
    ]
    expected = (sides[0] - sides[1]) / (2 * step) / volumes
    assert (stress[:, 0, 1] + stress[:, 1, 0] - expected).abs().max() <= 1e-8
    (forces.square().sum() + stress.square().sum()).backward()
    for name, parameter in encoder.named_parameters():
        if not name.endswith(("final_norm.bias", "blocks.1.feed_forward_out.bias")):
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name


@pytest.mark.parametrize("geometry", ["distances", "neighbours"])
def test_atoms_at_places_of_symmetry_have_no_forces(geometry):
    encoder = build(geometry)
    batch = batch_of(encoder, [SALT])
    batch["positions"].requires_grad_()
    found = encoder(batch)
    found.crystal.square().sum().backward()
    assert batch["positions"].grad.abs().max() <= 1e-6  # positions are rounded to float32


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_structures_of_one_element_that_differ_in_packing_alone_are_told_apart(geometry):
    cubic = 2.8
    wide = cubic * 2 ** (1 / 3)  # two atoms or four a cube, in the same volume each
    bcc = cubic / 2 * (np.ones((3, 3)) - 2 * np.eye(3))
    fcc = wide / 2 * (1 - np.eye(3))
    encoder = build(geometry)
    pair = [crystal(cell, [26], [[0.1, 0.2, 0.3]]) for cell in (bcc, fcc)]
    assert abs(np.linalg.det(bcc)) == pytest.approx(abs(np.linalg.det(fcc)))
    with torch.no_grad():
        one, other = encoder(batch_of(encoder, pair)).crystal
    assert (one - other).abs().max() > 1e-3


def test_each_step_of_training_turns_each_crystal_anew_and_evaluation_turns_none():
    encoder = build("absolute", rotate=True)
    batch = batch_of(encoder, [CRYSTALS[1]] * 2)
    plain = build("absolute")
    with torch.no_grad():
        still = encoder(batch).crystal
        assert torch.equal(still, plain.train()(batch).crystal)
        encoder.train()
        torch.manual_seed(0)
        first, again = (encoder(batch).crystal for _ in range(2))
        torch.manual_seed(0)
        assert torch.equal(encoder(batch).crystal, first)  # the generator of dropout decides
    for one, other in [(first, still), (first, again), (first[:1], first[1:])]:
        assert (one - other).abs().max() > 1e-3


def test_a_turn_of_training_takes_the_cell_along():
    turned = build("absolute", rotate=True).train()
    with torch.no_grad():  # without Cartesian coordinates nothing that turns is left
        turned.position_embedding[2].weight.zero_()
    batch = batch_of(turned, CRYSTALS)
    with torch.no_grad():
        assert (turned(batch).crystal - turned.eval()(batch).crystal).abs().max() <= 1e-12


def test_rotations_are_rotations_and_turn_to_every_side():
    torch.manual_seed(0)
    turns = random_rotations(4000, torch.zeros(0, dtype=torch.float64))
    assert (turns @ turns.mT - torch.eye(3)).abs().max() <= 1e-12
    assert (torch.linalg.det(turns) - 1).abs().max() <= 1e-12
    assert turns.mean(dim=0).abs().max() < 0.03
    assert ((turns**2).mean(dim=0) - 1 / 3).abs().max() < 0.03


def test_atoms_in_one_place_give_no_gradient_that_is_no_number():
    for geometry in ("distances", "neighbours"):
        encoder = build(geometry)
        batch = batch_of(encoder, [CRYSTALS[1]])
        batch["positions"][1] = batch["positions"][0]
        batch["shifts"].zero_()
        batch["positions"].requires_grad_()
        encoder(batch).crystal.sum().backward()
        assert batch["positions"].grad.isfinite().all()


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"heads": 5}, "hidden 12 cannot be shared by 5 heads"),
        ({"rotate": True}, "rotate is for the geometry absolute; of distances a turned crystal"),
        ({"geometry": "absolute", "hidden": 9, "heads": 3}, "hidden 9 is odd"),
    ],
)
def test_sizes_that_cannot_be_are_refused_in_a_sentence(values, what):
    with pytest.raises(ValidationError, match=what):
        AtomTransformerConfig.model_validate({**TINY, **values})


def test_a_generator_decides_the_weights_and_torch_s_own_is_left_alone():
    before = torch.get_rng_state()
    one, two, other = (build("distances", seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    for key, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[key])
        assert tensor.isfinite().all()
    assert not torch.equal(one.pair_projection.weight, other.pair_projection.weight)
