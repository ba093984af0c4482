"""The orbit dialect: round trip, precise errors, exact stoichiometry."""

from __future__ import annotations

import pytest
from pymatgen.core import Lattice, Structure

import stratus
from stratus.crystals.composition import number_words
from stratus.errors import InputError, ScopeSyntaxError
from stratus.scope import Role, Scope, vocabulary

ROCK_SALT = "i1 aODD aDOD bOOO cOOO dOOO eOOO | Na 4a Cl 4b | Na 1 Cl 1 | 2"


def rock_salt() -> Structure:
    return Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.64), ["Cl", "Na"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )


def test_rock_salt_reads_as_in_the_book() -> None:
    scope = stratus.encode(rock_salt())
    assert str(scope) == ROCK_SALT
    assert (scope.space_group, scope.formula, scope.n_atoms, scope.n_orbits) == (225, "NaCl", 2, 2)


def test_parse_gives_back_what_was_written() -> None:
    scope = Scope.parse(ROCK_SALT)
    assert scope == stratus.encode(rock_salt())
    assert str(scope) == ROCK_SALT


@pytest.mark.parametrize(
    ("text", "token", "message"),
    [
        ("", 0, "'' is no token"),
        ("i1 aODD | Na 4a", 0, "no space group is written with these generators"),
        (ROCK_SALT.replace("Na 4a", "Na 4c"), 9, "has no position 4c"),
        (ROCK_SALT.replace("Na 4a", "4a Na"), 8, "expected the element of an orbit, found '4a'"),
        (ROCK_SALT.replace("Na 4a", "Xx 4a"), 8, "'Xx' is no token"),
        (ROCK_SALT.replace("Na 1 ", "Na 2 "), 13, "the composition are not those"),
        (ROCK_SALT.replace("| 2", "| 4"), 18, "the atoms are not those"),
        (ROCK_SALT.replace("| 2", "|"), 18, "found the end"),
        (ROCK_SALT + " 2", 19, "expected the end, found '2'"),
        (ROCK_SALT.replace("Na 4a Cl 4b", "Na 4b Cl 4a"), 8, "the orbits are not those"),
        (ROCK_SALT.replace("Na 4a Cl 4b", "Na 4a Cl 4a"), 8, "one orbit fills it"),
        (ROCK_SALT.replace("Na 1", "Na 0_ 1"), 14, "without leading zeros"),
        (ROCK_SALT.replace(" | Na 1", "  | Na 1"), 12, "'' is no token"),
    ],
)
def test_a_wrong_string_is_refused_at_the_token(text: str, token: int, message: str) -> None:
    with pytest.raises(ScopeSyntaxError, match=message) as caught:
        Scope.parse(text)
    assert caught.value.position == token
    assert caught.value.text == text


def test_orbits_of_one_position_and_large_numbers_survive() -> None:
    scope = Scope.from_orbits(1, [("C", "a")] * 137 + [("O", "a")])
    assert str(scope).endswith("| C 1_ 37 O 1 | 1_ 38")
    assert Scope.parse(str(scope)) == scope


def test_numbers_are_written_to_the_base_of_a_hundred() -> None:
    assert [number_words(n) for n in (1, 99, 100, 12345)] == [
        ["1"],
        ["99"],
        ["1_", "0"],
        ["1_", "23_", "45"],
    ]


def test_from_orbits_takes_any_of_the_equivalent_assignments() -> None:
    assert Scope.from_orbits(225, [("Cl", "a"), ("Na", "b")]) == Scope.parse(ROCK_SALT)


@pytest.mark.parametrize(
    ("orbits", "message"),
    [
        ([], "at least one orbit"),
        ([("Xx", "a")], "no chemical element"),
        ([("Na", "q")], "has no Wyckoff letter 'q'"),
        ([("Na", "a"), ("Cl", "a")], "one orbit fills it"),
    ],
)
def test_impossible_orbits_are_refused(orbits: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Scope.from_orbits(225, orbits)


def test_the_perovskite_with_its_cations_exchanged_is_another_string() -> None:
    def perovskite(a: str, b: str) -> Structure:
        places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]]
        return Structure.from_spacegroup("Pm-3m", Lattice.cubic(3.9), [a, b, "O"], places)

    assert str(stratus.encode(perovskite("Sr", "Ti"))) != str(
        stratus.encode(perovskite("Ti", "Sr"))
    )


def test_every_token_has_one_role_and_one_id() -> None:
    words = vocabulary()
    assert len(set(words.tokens)) == len(words.tokens) == len(words.roles)
    assert words.text(words.ids(ROCK_SALT)) == ROCK_SALT
    assert words.role("O") is Role.ELEMENT
    assert [words.tokens[k] for k in range(4)] == ["[PAD]", "[CLS]", "[SEP]", "[MASK]"]


def test_the_ids_are_frozen() -> None:
    words = vocabulary()
    assert words.schema_version == 1
    assert len(words) == 595
    assert words.ids(ROCK_SALT) == [
        6, 11, 9, 19, 30, 31, 39, 4, 287, 128, 293, 129, 4, 287, 396, 293, 396, 4, 397,
    ]  # fmt: skip
