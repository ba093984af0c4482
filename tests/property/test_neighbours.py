"""The same crystal has the same neighbours, however it is written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratus.crystals.neighbours import Neighbours, nearest, within

CUTOFF_A = 4.321

LATTICES = {
    "cubic": np.eye(3) * 3.9,
    "fcc": np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 2.03,
    "hexagonal": np.array([[3.1, 0, 0], [-1.55, 1.55 * 3**0.5, 0], [0, 0, 5.0]]),
    "triclinic": np.array([[4.1, 0.2, 0], [-0.9, 3.7, 0.3], [1.1, 0.4, 5.2]]),
    "left-handed": np.array([[4.0, 0, 0], [0, 0, 3.3], [0.2, 4.4, 0]]),
}
special = st.sampled_from([0, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4])
anywhere = st.floats(0, 1, exclude_max=True, width=32)
atoms = st.lists(st.tuples(*[special | anywhere] * 3), min_size=1, max_size=5, unique=True)
ways = st.sampled_from(["within", "nearest", "both"])
steps = st.lists(st.tuples(st.permutations(range(3)), st.sampled_from([-2, -1, 1, 2])), max_size=5)
crystals = st.tuples(st.sampled_from(sorted(LATTICES)), atoms)


def found(way, lattice, frac) -> Neighbours:
    if way == "within":
        return within(lattice, frac, CUTOFF_A)
    return nearest(lattice, frac, 8, CUTOFF_A if way == "both" else None)


def of_each(neighbours: Neighbours, count: int) -> list[np.ndarray]:
    return [neighbours.distances[neighbours.centres == i] for i in range(count)]


def assert_same(first: list[np.ndarray], second: list[np.ndarray]) -> None:
    assert list(map(len, first)) == list(map(len, second))
    for mine, other in zip(first, second, strict=True):
        assert mine == pytest.approx(other, abs=1e-8)


def crystal(drawn):
    name, places = drawn
    return LATTICES[name], np.array(places, dtype=float)


@given(ways, crystals, st.randoms(use_true_random=False))
def test_the_order_of_the_atoms_does_not_matter(way, drawn, random) -> None:
    lattice, frac = crystal(drawn)
    order = list(range(len(frac)))
    random.shuffle(order)
    before = of_each(found(way, lattice, frac), len(frac))
    after = of_each(found(way, lattice, frac[order]), len(frac))
    assert_same([before[i] for i in order], after)


@given(ways, crystals, steps)
def test_another_cell_of_the_same_lattice_does_not_matter(way, drawn, steps) -> None:
    lattice, frac = crystal(drawn)
    change = np.eye(3)
    for (i, j, _), times in steps:
        change[i] += times * change[j]
    before = of_each(found(way, lattice, frac), len(frac))
    other = found(way, change @ lattice, frac @ np.linalg.inv(change))
    assert_same(before, of_each(other, len(frac)))


@given(ways, crystals, st.tuples(*[st.integers(1, 3)] * 3))
@settings(max_examples=50)
def test_a_supercell_has_the_same_neighbours_once_for_each_copy(way, drawn, repeats) -> None:
    lattice, frac = crystal(drawn)
    grid = np.stack(np.meshgrid(*map(np.arange, repeats), indexing="ij"), axis=-1).reshape(-1, 1, 3)
    many = ((frac + grid) / repeats).reshape(-1, 3)
    before = of_each(found(way, lattice, frac), len(frac))
    after = of_each(found(way, lattice * np.array(repeats)[:, None], many), len(many))
    assert_same(before * len(grid), after)


@given(ways, crystals, st.tuples(*[st.floats(-2, 2)] * 3), st.integers(0, 1000))
def test_place_and_turn_do_not_matter(way, drawn, shift, seed) -> None:
    lattice, frac = crystal(drawn)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]  # or a mirror
    before = of_each(found(way, lattice, frac), len(frac))
    after = of_each(found(way, lattice @ turn, frac + shift), len(frac))
    assert_same(before, after)


@given(ways, crystals, st.lists(st.tuples(*[st.integers(-5, 5)] * 3), min_size=5, max_size=5))
def test_shifts_belong_to_the_coordinates_as_given(way, drawn, moves) -> None:
    lattice, frac = crystal(drawn)
    frac = frac + np.array(moves)[: len(frac)]
    edges = found(way, lattice, frac)
    vectors = (frac[edges.neighbours] + edges.shifts - frac[edges.centres]) @ lattice
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(edges.distances, abs=1e-9)


@given(ways, crystals)
def test_each_pair_within_a_cutoff_is_there_in_both_directions(way, drawn) -> None:
    lattice, frac = crystal(drawn)
    edges = within(lattice, frac, CUTOFF_A)
    there = set(zip(edges.centres, edges.neighbours, map(tuple, edges.shifts), strict=True))
    back = set(zip(edges.neighbours, edges.centres, map(tuple, -edges.shifts), strict=True))
    assert there == back
    chosen = found(way, lattice, frac)
    of_nearest = set(zip(chosen.centres, chosen.neighbours, map(tuple, chosen.shifts), strict=True))
    assert len(of_nearest) == len(chosen)
