"""The canonical assignment is the smallest one, elements included."""

from __future__ import annotations

import numpy as np
import pytest

from stratus.crystals.canonical import Orbit, canonical_orbits
from stratus.crystals.wyckoff import letter_permutations, wyckoff_positions


def test_rock_salt_is_the_same_from_both_origins() -> None:
    one = canonical_orbits(225, (("a", 11, 1), ("b", 17, 1)))
    other = canonical_orbits(225, (("a", 17, 1), ("b", 11, 1)))
    assert one == other == (Orbit("Na", "a", 4), Orbit("Cl", "b", 4))


def test_letters_decide_before_elements() -> None:
    # zincblende with its atoms on b and d comes back to a and c, whatever the elements
    assert [o.letter for o in canonical_orbits(216, (("b", 30, 1), ("d", 16, 1)))] == ["a", "c"]


def test_the_axes_of_an_orthorhombic_cell_have_no_names() -> None:
    along = {canonical_orbits(47, (("a", 5, 1), (letter, 7, 1))) for letter in "bce"}
    assert len(along) == 1


def test_repeated_orbits_on_one_letter_are_all_kept() -> None:
    orbits = canonical_orbits(62, (("c", 8, 3), ("c", 26, 1)))
    assert [o.element for o in orbits] == ["O", "O", "O", "Fe"]


@pytest.mark.parametrize("number", [2, 10, 12, 15, 47, 65, 123, 139, 166, 194, 216, 221, 227])
def test_every_equivalent_assignment_has_one_canonical_form(number: int) -> None:
    rng = np.random.default_rng(number)
    letters = list(wyckoff_positions(number))
    chosen = rng.choice(len(letters), min(4, len(letters)), replace=False)
    elements = rng.integers(1, 90, len(chosen))
    forms = {
        canonical_orbits(
            number,
            tuple(
                sorted((letters[row[k]], int(z), 1) for k, z in zip(chosen, elements, strict=True))
            ),
        )
        for row in letter_permutations(number)
    }
    assert len(forms) == 1
