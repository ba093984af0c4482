"""Partial crystals are written in one way, and hiding never tells more than there was."""

from __future__ import annotations

import pytest

from stratus.crystals.facets import Detail
from stratus.errors import InputError
from stratus.scope import Scope, vocabulary
from stratus.scope.partial import hide, known, partial_scope, write_partial

SALT = str(Scope.from_orbits(225, [("Na", "a"), ("Cl", "b")]))


def test_a_formula_is_reduced_and_every_word_is_a_token() -> None:
    text = write_partial({"Cl": 4, "Na": 4})
    assert text == "[MASK] | [MASK] | Na 1 Cl 1 | [MASK]"
    assert len(vocabulary().ids(text)) == len(text.split())


@pytest.mark.parametrize("kind", list(Detail))
def test_what_is_hidden_is_what_is_not_known(kind: Detail) -> None:
    assert known(hide(SALT, kind)) is kind


def test_hiding_gives_what_is_written_from_formula_and_group() -> None:
    assert hide(SALT, Detail.FORMULA) == write_partial({"Na": 1, "Cl": 1})
    assert hide(SALT, Detail.SPACE_GROUP) == write_partial({"Na": 1, "Cl": 1}, 225)
    assert hide(SALT, Detail.WHOLE) == SALT


def test_hiding_less_does_not_bring_back_what_is_unknown() -> None:
    formula = hide(SALT, Detail.FORMULA)
    assert hide(formula, Detail.SPACE_GROUP) == formula
    assert hide(formula, Detail.WHOLE) == formula


def test_an_unknown_composition_is_refused() -> None:
    with pytest.raises(InputError, match="may be unknown"):
        known("[MASK] | [MASK] | [MASK] | [MASK]")


def test_a_space_group_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="231"):
        write_partial({"Na": 1}, 231)


def test_a_formula_and_a_group_are_written_from_what_a_person_types() -> None:
    assert partial_scope("Na0.5Cl0.5", "Fm-3m") == hide(SALT, Detail.SPACE_GROUP)
    assert partial_scope("Na4Cl4", 225) == hide(SALT, Detail.SPACE_GROUP)
    assert partial_scope("NaCl") == hide(SALT, Detail.FORMULA)
    with pytest.raises(InputError, match="'Xx'"):
        partial_scope("Xx2")
    with pytest.raises(InputError, match="no space group"):
        partial_scope("NaCl", "Fm-3x")
