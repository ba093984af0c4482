"""Neighbours of crystals whose shells are known, and of what is no crystal."""

from __future__ import annotations

import numpy as np
import pytest

from stratus.crystals.neighbours import SHELL_A, nearest, within
from stratus.errors import InputError

FCC = np.array([[0.0, 2, 2], [2, 0, 2], [2, 2, 0]])
ONE = np.zeros((1, 3))


def test_a_shell_is_kept_whole() -> None:
    counts = [len(nearest(FCC, ONE, k)) for k in (1, 12, 13, 18, 19, 42)]
    assert counts == [12, 12, 18, 18, 42, 42]  # 12 + 6 + 24


def test_a_shell_that_rounding_has_spread_is_kept_whole() -> None:
    lattice = FCC + np.array([[0, 0, 1e-5], [2e-5, 0, 0], [0, 0, 0]])
    assert len(np.unique(nearest(lattice, ONE, 12).distances)) > 1
    assert len(nearest(lattice, ONE, 1)) == 12


def test_shells_farther_apart_than_rounding_are_two() -> None:
    lattice = np.diag([3.0, 3.0 + 20 * SHELL_A, 5.0])
    assert len(nearest(lattice, ONE, 2)) == 2
    assert len(nearest(lattice, ONE, 3)) == 4


def test_a_cutoff_takes_away_what_is_beyond_it() -> None:
    assert len(nearest(FCC, ONE, 13, cutoff_a=3.9)) == 12
    assert len(nearest(FCC, ONE, 13, cutoff_a=4.0)) == 18
    assert len(nearest(FCC, ONE, 12, cutoff_a=2.8)) == 0
    assert len(nearest(FCC, ONE, 1, cutoff_a=30.0)) == 12


def test_a_shell_at_the_cutoff_is_not_split() -> None:
    assert len(within(FCC, ONE, 4.0)) == 18
    turned = FCC @ np.array([[0.6, 0.8, 0], [-0.8, 0.6, 0], [0, 0, 1]])
    assert len(within(turned, ONE, 4.0)) == 18
    assert within(FCC, ONE, 4.0 - 2 * SHELL_A).distances.max() < 3


def test_edges_are_sorted_by_centre_distance_and_neighbour() -> None:
    rng = np.random.default_rng(0)
    frac = np.concatenate([np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5]]), rng.random((2, 3))])
    for edges in (within(np.eye(3) * 5.0, frac, 6.0), nearest(np.eye(3) * 5.0, frac, 12)):
        keys = list(zip(edges.centres, edges.distances, edges.neighbours, strict=True))
        assert keys == sorted(keys)
        assert edges.centres.dtype == edges.neighbours.dtype == edges.shifts.dtype == np.int64


def test_the_same_crystal_twice_gives_the_same_arrays() -> None:
    first, second = nearest(FCC, ONE, 12), nearest(FCC.copy(), ONE.copy(), 12)
    assert np.array_equal(first.shifts, second.shifts)


def test_an_atom_alone_in_vacuum_has_no_neighbours_within_the_cutoff() -> None:
    for edges in (within(np.eye(3) * 500, ONE, 8.0), nearest(np.eye(3) * 500, ONE, 12, 8.0)):
        assert len(edges) == 0
        assert edges.shifts.shape == (0, 3)
    farther = nearest(np.eye(3) * 500, ONE, 12)
    assert farther.distances == pytest.approx([500] * 6 + [500 * 2**0.5] * 12)


def test_two_atoms_far_apart_do_not_fill_the_memory() -> None:
    lattice, frac = np.diag([5e4, 5.5e4, 6e4]), np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
    assert len(within(lattice, frac, 6.0)) == 0
    assert len(nearest(lattice, frac, 12, 6.0)) == 0
    assert len(nearest(lattice, frac, 1)) == 16  # body-centred, with eight for each


def test_a_far_atom_does_not_hide_the_neighbours_of_the_others() -> None:
    frac = np.array([[0, 0, 0], [0.03, 0, 0], [0.03, 0.03, 0], [0.5, 0.5, 0.5]])
    edges = nearest(np.eye(3) * 100, frac, 2)
    assert edges.distances[edges.centres == 0] == pytest.approx([3.0, 3 * 2**0.5])
    assert np.bincount(edges.centres).min() >= 2


def test_a_needle_and_a_sheet_have_their_nearest() -> None:
    needle = nearest(np.diag([60.0, 60.0, 2.0]), ONE, 12)
    assert needle.distances == pytest.approx(np.repeat([2, 4, 6, 8, 10, 12], 2))
    assert len(nearest(np.diag([3.0, 3.0, 400.0]), ONE, 12)) == 12  # 4 + 4 + 4


def test_a_cell_sheared_a_thousand_times_is_the_same_crystal() -> None:
    lattice = np.eye(3) * 4.0
    sheared = lattice.copy()
    sheared[0] += 1000 * sheared[1] - 2000 * sheared[2]
    edges = nearest(sheared, ONE, 6)
    assert edges.distances == pytest.approx([4.0] * 6)
    assert np.linalg.norm(edges.shifts @ sheared, axis=1) == pytest.approx([4.0] * 6)


def test_coordinates_a_million_cells_away_are_wrapped() -> None:
    frac = np.array([[0, 0, 0], [0.5, 0.5, 0.5]]) + np.array([[999_000, 0, 0], [0, -999_000, 3]])
    edges = nearest(np.eye(3) * 4.0, frac, 8)
    assert len(edges) == 16
    assert edges.distances == pytest.approx([12**0.5] * 16, abs=1e-6)
    vectors = (frac[edges.neighbours] - frac[edges.centres] + edges.shifts) * 4.0
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(edges.distances)


def test_two_atoms_at_one_place_are_neighbours_of_each_other_but_not_of_themselves() -> None:
    edges = within(np.eye(3) * 4.0, np.zeros((2, 3)), 1.0)
    assert edges.centres.tolist() == [0, 1]
    assert edges.neighbours.tolist() == [1, 0]


def test_no_atoms_have_no_neighbours() -> None:
    assert len(within(FCC, np.zeros((0, 3)), 5.0)) == 0
    assert len(nearest(FCC, np.zeros((0, 3)), 12)) == 0


@pytest.mark.parametrize(
    ("lattice", "frac", "says"),
    [
        (np.full((3, 3), np.nan), ONE, "no length of a crystal's cell"),
        (np.diag([4.0, 4.0, np.inf]), ONE, "no length of a crystal's cell"),
        (np.array([[1.0, 0, 0], [0, 1, 0], [1, 1, 0]]) * 4, ONE, "one plane"),
        (np.diag([4.0, 4.0, 0.01]), ONE, "collapsed"),
        (np.eye(3) * 4, np.array([[0.1, np.nan, 0]]), "no fractional coordinates"),
        (np.eye(3) * 4, np.array([[0.1, np.inf, 0]]), "no fractional coordinates"),
        (np.eye(2), ONE, "shape"),
        (np.eye(3) * 4, np.zeros((2, 2)), "shape"),
        (np.eye(3) * 4, np.zeros(3), "shape"),
    ],
)
def test_what_is_no_crystal_is_refused_in_a_sentence(lattice, frac, says) -> None:
    with pytest.raises(InputError, match=says):
        within(lattice, frac, 5.0)
    with pytest.raises(InputError, match=says):
        nearest(lattice, frac, 12)


@pytest.mark.parametrize("cutoff", [0.0, -1.0, float("nan"), float("inf")])
def test_a_cutoff_that_is_no_distance_is_refused(cutoff) -> None:
    with pytest.raises(InputError, match="above 0"):
        within(FCC, ONE, cutoff)
    with pytest.raises(InputError, match="above 0"):
        nearest(FCC, ONE, 12, cutoff)


def test_fewer_than_one_neighbour_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        nearest(FCC, ONE, 0)


def test_a_search_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(InputError, match="smaller cutoff"):
        within(FCC, np.zeros((200, 3)), 200.0)
    with pytest.raises(InputError, match="fewer neighbours"):
        nearest(FCC, ONE, 10**9)
