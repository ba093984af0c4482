"""Keys tell rows apart as they say, and a prototype has one name whatever the elements."""

from __future__ import annotations

import numpy as np
import pytest

from stratus.corpora.digests import digests, drawn
from stratus.corpora.keys import Key, keys_of
from stratus.crystals.synthesis import random_orbits
from stratus.scope import Scope
from stratus.scope.partial import partial_scope

SALT = str(Scope.from_orbits(225, [("Na", "a"), ("Cl", "b")]))


def key(name: str, *scopes: str) -> list[str | None]:
    return keys_of(Key(name), [f"id{k}" for k in range(len(scopes))], scopes)


def test_the_keys_of_rock_salt():
    assert key("id", SALT) == ["id0"]
    assert key("scope", SALT) == [SALT]
    assert key("formula", SALT) == ["Na 1 Cl 1"]
    assert key("formula-group", SALT) == ["Na 1 Cl 1 | i1 aODD aDOD bOOO cOOO dOOO eOOO"]
    assert key("chemical-system", SALT) == ["Cl-Na"]
    assert key("prototype", SALT) == ["i1 aODD aDOD bOOO cOOO dOOO eOOO | 4a 4b | 1 1"]


def test_a_partial_crystal_has_the_keys_that_it_tells():
    formula, group = partial_scope("NaCl"), partial_scope("Na2Cl2", "Fm-3m")
    assert key("formula", formula, group) == key("formula", SALT) * 2
    assert key("chemical-system", formula) == key("chemical-system", SALT)
    assert key("formula-group", formula, group) == [None, *key("formula-group", SALT)]
    assert key("scope", formula, group) == [None, None]
    assert key("prototype", formula, group) == [None, None]


@pytest.mark.parametrize("seed", range(40))
def test_other_elements_on_the_same_orbits_are_the_same_prototype(seed):
    rng = np.random.default_rng(seed)
    number = int(rng.integers(1, 231))
    orbits = random_orbits(number, rng)
    names = sorted({element for element, _ in orbits})
    other = rng.permutation(["Ti", "Se", "Cs", "Hg", "B", "U", "Ne", "Ag", "Kr", "Os"])
    renamed = dict(zip(names, other[: len(names)], strict=True))
    moved = [(renamed[element], letter) for element, letter in orbits]
    first, second = (str(Scope.from_orbits(number, sites)) for sites in (orbits, moved))
    assert key("prototype", first) == key("prototype", second)
    assert key("chemical-system", first) != key("chemical-system", second)


def test_prototypes_differ_by_group_positions_and_amounts():
    texts = [
        SALT,
        str(Scope.from_orbits(225, [("Zn", "a"), ("S", "c")])),  # other positions
        str(Scope.from_orbits(221, [("Cs", "a"), ("Cl", "b")])),  # another group
    ]
    assert len(set(key("prototype", *texts))) == 3
    same_elements = str(Scope.from_orbits(216, [("Si", "a"), ("Si", "c")]))
    two_elements = str(Scope.from_orbits(216, [("Zn", "a"), ("S", "c")]))
    assert len(set(key("prototype", same_elements, two_elements))) == 2


def test_digests_are_the_same_for_good():
    assert bytes(digests([b"a"], "salt")[0]).hex() == "63d0f68b507c6e35ae3c0636a219504e"
    assert drawn(["a", "b", "c", "d"], "0") != drawn(["a", "b", "c", "d"], "1")
    assert digests([]).shape == (0, 16)
