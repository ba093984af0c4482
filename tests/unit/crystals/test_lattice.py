"""A less skewed cell is a cell of the same lattice, and there is an exact way there and back."""

from __future__ import annotations

import numpy as np
import pytest

from stratus.crystals.lattice import reduction, volume_and_heights


def sheared(rng):
    lattice = np.diag(rng.uniform(2, 6, size=3)) + rng.uniform(-0.5, 0.5, size=(3, 3))
    for _ in range(5):
        i, j = rng.choice(3, size=2, replace=False)
        lattice[i] += int(rng.integers(-9, 10)) * lattice[j]
    return lattice


def test_a_reduced_cell_is_one_of_the_same_lattice() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        lattice = sheared(rng)
        reduced = reduction(lattice)
        assert np.array_equal(reduced.forward, np.rint(reduced.forward))
        assert np.array_equal(reduced.forward @ reduced.back, np.eye(3))
        assert reduced.forward @ lattice == pytest.approx(reduced.lattice, abs=1e-8)
        places = rng.random((4, 3))
        assert places @ lattice == pytest.approx(places @ reduced.back @ reduced.lattice, abs=1e-8)


def test_no_vector_of_a_reduced_cell_can_be_shortened_by_another() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        products = reduction(sheared(rng)).lattice
        products = products @ products.T
        for i, j in ((0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)):
            assert abs(products[i, j]) <= 0.5 * products[j, j] * (1 + 1e-9)


def test_heights_are_the_distances_between_faces() -> None:
    lattice = sheared(np.random.default_rng(4))
    volume, heights = volume_and_heights(lattice)
    assert volume == pytest.approx(abs(np.linalg.det(lattice)))
    assert heights == pytest.approx(1 / np.linalg.norm(np.linalg.inv(lattice), axis=0), rel=1e-6)
    assert volume_and_heights(np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 0]])) == (0, (0, 0, 0))
