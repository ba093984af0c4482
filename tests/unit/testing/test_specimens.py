"""The crystals of the suite, and the ways to write them: the same crystal in other numbers."""

from __future__ import annotations

import numpy as np
import pytest

from stratus.crystals.neighbours import within
from stratus.scope import encode
from stratus.testing import specimens as of

WAYS = [of.reordered, of.translated, of.rotated, of.reflected, of.in_another_cell, of.supercell]


def surroundings(entry) -> list[list[tuple[int, float]]]:
    """Of each atom its neighbours within 5 Å, by element and distance."""
    found = within(entry.lattice, entry.frac_coords, 5.0)
    pairs = zip(entry.numbers[found.neighbours].tolist(), found.distances.round(6), strict=True)
    around = [[] for _ in range(len(entry))]
    for centre, pair in zip(found.centres, pairs, strict=True):
        around[centre].append(pair)
    return [sorted(pairs) for pairs in around]


@pytest.mark.parametrize("way", WAYS)
def test_a_rewritten_crystal_is_the_same_and_its_atoms_are_known(way):
    rng = np.random.default_rng(1)
    for entry in of.specimens(1):
        found = way(entry, rng)
        before, after = surroundings(entry), surroundings(found.entry)
        for pairs, source in zip(after, found.source, strict=True):
            assert [z for z, _ in pairs] == [z for z, _ in before[source]]
            assert np.allclose([d for _, d in pairs], [d for _, d in before[source]], atol=1e-5)


def test_a_rewriting_changes_the_arrays():
    rng = np.random.default_rng(1)
    for way in WAYS:
        one = of.specimens(1)[4]
        found = way(one, rng).entry
        same = len(found) == len(one) and (
            np.allclose(found.lattice, one.lattice)
            and np.array_equal(found.numbers, one.numbers)
            and np.allclose(found.frac_coords, one.frac_coords)
        )
        assert not same, way.__name__


def test_one_specimen_is_chiral_and_a_turn_is_no_mirror_image():
    rng = np.random.default_rng(0)
    chiral = next(entry for entry in of.specimens(0) if entry.id == "76")
    text = str(encode(chiral))
    assert {str(encode(of.rotated(chiral, rng).entry)) for _ in range(8)} == {text}
    assert str(encode(of.reflected(chiral, rng).entry)) != text
    assert np.linalg.det(of.rotated(chiral, rng).turn) == pytest.approx(1)
    assert np.linalg.det(of.reflected(chiral, rng).turn) == pytest.approx(-1)


def test_the_path_begins_at_full_symmetry_and_leaves_it():
    assert str(encode(of.on_a_path(0.0))) != str(encode(of.on_a_path(0.5)))
    assert encode(of.on_a_path(0.5)).space_group == 1


def test_any_distance_above_four_is_crossed_on_the_path():
    ways = [within(e.lattice, e.frac_coords, 12.0) for e in map(of.on_a_path, np.linspace(0, 1, 9))]
    counts = [
        [int((found.distances < cutoff).sum()) for found in ways]
        for cutoff in np.arange(4.0, 11.9, 0.13)
    ]
    assert all(len(set(row)) > 1 for row in counts)
