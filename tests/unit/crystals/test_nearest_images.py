"""Nearest images against trying many, in cells of any skew."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stratus.crystals.nearest_images import nearest_images
from stratus.crystals.neighbours import SHELL_A
from stratus.errors import InputError

MANY = np.array(list(itertools.product(range(-7, 8), repeat=3)), dtype=float)
FLAT = np.array([[3.0, 0, 0], [-1.5, 2.6, 0.05], [-1.5, -2.6, 0.2]])  # a + b + c is short
seeds = st.integers(0, 2**32 - 1)


def by_trying(lattice, frac) -> np.ndarray:
    """The shortest distance of each pair, an atom and its own image included."""
    apart = frac[None] - frac[:, None]
    apart -= np.rint(apart)
    distances = np.linalg.norm((apart[:, :, None] + MANY) @ lattice, axis=-1)
    distances[distances < 1e-9] = np.inf
    return distances.min(axis=-1)


def shortest(found, count: int) -> np.ndarray:
    least = np.full((count, count), np.inf)
    np.minimum.at(least, (found.centres, found.neighbours), found.distances)
    return least


@settings(deadline=None, max_examples=40)
@given(seeds, st.integers(1, 4))
@example(0, 2)
def test_no_image_is_nearer(seed, atoms):
    rng = np.random.default_rng(seed)
    lattice = np.diag(rng.uniform(2, 5, 3)) + rng.uniform(-1.5, 1.5, (3, 3))
    if min(np.linalg.svd(lattice)[1]) < 1:
        lattice = FLAT
    frac = rng.random((atoms, 3))
    found = nearest_images(lattice, frac + rng.integers(-2, 3, (atoms, 3)))
    assert np.abs(shortest(found, atoms) - by_trying(lattice, frac)).max() <= SHELL_A


@settings(deadline=None, max_examples=40)
@given(seeds)
def test_a_skewed_cell_has_the_same_distances_as_often(seed):
    rng = np.random.default_rng(seed)
    lattice = np.diag(rng.uniform(3, 5, 3)) + rng.normal(0, 0.3, (3, 3))
    frac = rng.integers(0, 4, (4, 3)) / 4 + np.arange(4)[:, None] / 64
    cell = np.eye(3)
    for _ in range(4):
        i, j = rng.choice(3, 2, replace=False)
        cell[i] += rng.choice([-1.0, 1.0]) * cell[j]
    one, other = (
        nearest_images(lattice, frac),
        nearest_images(cell @ lattice, frac @ np.rint(np.linalg.inv(cell))),
    )
    for found in (one, other):
        assert (np.diff(found.centres * 4 + found.neighbours) >= 0).all()
    assert (one.centres == other.centres).all()
    assert (one.neighbours == other.neighbours).all()
    assert np.abs(one.distances - other.distances).max() <= SHELL_A + 1e-9


def test_shifts_are_those_of_the_coordinates_as_given():
    rng = np.random.default_rng(5)
    frac = rng.normal(0, 3, (5, 3))
    found = nearest_images(FLAT, frac)
    vectors = (frac[found.neighbours] + found.shifts - frac[found.centres]) @ FLAT
    assert np.abs(np.linalg.norm(vectors, axis=1) - found.distances).max() < 1e-9
    assert len(np.unique(found.centres * 5 + found.neighbours)) == 25


def test_images_of_a_place_of_symmetry_are_all_there():
    found = nearest_images(4 * np.eye(3), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]))
    assert np.bincount(found.centres * 2 + found.neighbours).tolist() == [6, 8, 8, 6]
    vectors = found.shifts[(found.centres == 0) & (found.neighbours == 1)] + 0.5
    assert (vectors.sum(axis=0) == 0).all()


def test_many_atoms_are_taken_a_few_at_a_time_and_none_are_none():
    rng = np.random.default_rng(0)
    frac = rng.random((230, 3))
    found = nearest_images(12 * np.eye(3), frac)
    assert len(found) >= 230**2
    some = nearest_images(12 * np.eye(3), frac[:5])
    first = (found.centres < 5) & (found.neighbours < 5)
    assert np.allclose(found.distances[first], some.distances)
    assert len(nearest_images(np.eye(3), np.zeros((0, 3)))) == 0


@pytest.mark.parametrize(
    ("lattice", "frac", "what"),
    [
        (np.ones((3, 3)), np.zeros((1, 3)), "lie in one plane"),
        (np.eye(3), np.full((1, 3), np.nan), "no fractional coordinates"),
    ],
)
def test_what_is_no_crystal_is_refused(lattice, frac, what):
    with pytest.raises(InputError, match=what):
        nearest_images(lattice, frac)
