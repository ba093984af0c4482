"""The view of clouds of atoms: its pairs, its mask, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from stratus.crystals.facets import AtomArrays, Crystal
from stratus.encoders.atom_transformer import AtomTransformerConfig
from stratus.encoders.edges import edge_lengths
from stratus.errors import InputError
from stratus.views.cloud_of_atoms import CloudOfAtomsConfig, CloudOfAtomsView, Geometry

SIZES: dict[str, Any] = {"hidden": 8, "layers": 1, "heads": 2, "feed_forward": 8}


def crystal(lattice, numbers, frac) -> Crystal:
    return Crystal({}, atoms=AtomArrays(np.array(lattice), np.array(numbers), np.array(frac)))


SALT = crystal(4.0 * np.eye(3), [11, 17], [[0.0, 0, 0], [0.5, 0.5, 1.5]])
ALONE = crystal(50.0 * np.eye(3), [18], [[0.1, 0.2, 0.3]])


def view(**values) -> CloudOfAtomsView:
    return CloudOfAtomsView(CloudOfAtomsConfig(**values))


def test_nearest_images_of_all_pairs_are_edges_and_the_mask_says_which_places_are_atoms():
    seen = view()
    samples = [seen.sample(SALT), seen.sample(ALONE)]
    batch = seen.collate(samples)
    assert seen.sizes(samples).tolist() == [2, 1]
    assert batch["mask"].tolist() == [[True, True], [True, False]]
    assert batch["padding"].tolist() == [1]
    assert batch["owner"].tolist() == [0, 0, 1]
    lengths = edge_lengths(batch)
    away = (batch["centres"] != batch["neighbours"]) & (batch["owner"][batch["centres"]] == 0)
    assert torch.allclose(lengths[away], torch.tensor(4.0 * 0.75**0.5))
    own = (batch["centres"] == batch["neighbours"]) & (batch["centres"] < 2)
    assert (lengths[own] == 4).all()
    assert batch["positions"][1].tolist() == [2, 2, 2]  # wrapped
    assert seen.notes(samples[1]) == ()


def test_neighbours_are_all_images_within_the_cutoff():
    seen = view(geometry="neighbours", cutoff_a=4.5)
    sample = seen.sample(SALT)
    assert np.bincount(sample["centres"]).tolist() == [14, 14]
    assert seen.notes(sample) == ()
    assert seen.notes(seen.sample(ALONE)) == ("its one atom has no neighbour within 4.5 Å",)


def test_absolute_coordinates_are_those_that_were_written_and_have_no_pairs():
    seen = view(geometry=Geometry.ABSOLUTE)
    batch = seen.collate([seen.sample(SALT)])
    assert batch["positions"][1].tolist() == [2, 2, 6]
    assert batch["centres"].shape == (0,)
    assert batch["shifts"].shape == (0, 3)
    assert batch["padding"].numel() == 0


def test_a_view_is_that_of_its_encoder_and_of_no_other():
    config = AtomTransformerConfig(**SIZES, geometry="neighbours", cutoff_a=5.0)
    seen = CloudOfAtomsView.of_encoder(config, "")
    assert seen.config == CloudOfAtomsConfig(geometry="neighbours", cutoff_a=5.0)
    assert CloudOfAtomsView.stored(seen.config.model_dump(mode="json"), seen.files()).config == (
        seen.config
    )
    seen.check_encoder(config)
    with pytest.raises(InputError, match="the view has geometry neighbours, but the encoder dist"):
        seen.check_encoder(AtomTransformerConfig(**SIZES, cutoff_a=5.0))


@pytest.mark.parametrize("geometry", Geometry)
@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (crystal(np.eye(3), [1] * 9, np.random.default_rng(0).random((9, 3))), "larger than the"),
        (crystal(np.ones((3, 3)), [1], np.zeros((1, 3))), "lie in one plane"),
        (crystal(np.eye(3), [200], np.zeros((1, 3))), "200 is the atomic number of no element"),
        (crystal(np.eye(3), np.zeros(0, int), np.zeros((0, 3))), "without any atom"),
        (Crystal({"Na": 1}), "reads the atoms of a crystal"),
    ],
)
def test_what_it_cannot_see_is_refused_in_a_sentence(geometry, wrong, what):
    with pytest.raises(InputError, match=what):
        view(geometry=geometry, max_atoms=8).sample(wrong)


def test_no_samples_are_no_batch():
    with pytest.raises(InputError, match="at least one crystal"):
        view().collate([])
    assert view().sizes([]).shape == (0,)
