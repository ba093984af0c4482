"""A crystal of which only the formula is known, or the formula and the space group.

It is written in the orbit dialect with ``[MASK]`` in the place of each unknown part, which is how
a model that guesses masked tokens sees what it does not know:
``[MASK] | [MASK] | Na 1 Cl 1 | [MASK]`` and
``i1 aODD aDOD bOOO cOOO dOOO eOOO | [MASK] | Na 1 Cl 1 | [MASK]``.
"""

from __future__ import annotations

from typing import Final

from stratus.crystals.composition import composition_text, reduce_composition
from stratus.crystals.elements import NUMBERS
from stratus.crystals.facets import Crystal, Detail
from stratus.crystals.formula import read_formula, read_noted
from stratus.crystals.spacegroups import find_space_group, read_space_group
from stratus.errors import InputError
from stratus.scope.orbit import group_text
from stratus.scope.vocabulary import SEPARATOR, vocabulary

UNKNOWN: Final = "[MASK]"
BETWEEN: Final = f" {SEPARATOR} "
_PARTS: Final = 4


def write_partial(amounts: dict[str, int], space_group: int | None = None) -> str:
    """Write a formula, or a formula and a space group.

    Args:
        amounts: whole amounts by element symbol; they are reduced.
        space_group: 1 to 230; None where it is unknown.

    Raises:
        stratus.errors.InputError: there is no such space group.
    """
    group = UNKNOWN if space_group is None else group_text(space_group)
    return BETWEEN.join([group, UNKNOWN, composition_text(reduce_composition(amounts)), UNKNOWN])


def partial_scope(formula: str, space_group: int | str | None = None) -> str:
    """Write what a person knows of a crystal: ``partial_scope("NaCl", "Fm-3m")``.

    Args:
        formula: as :func:`stratus.crystals.formula.read_formula` takes it.
        space_group: a number or a Hermann-Mauguin symbol; None where it is unknown.

    Raises:
        stratus.errors.InputError: one of the two cannot be read; says what and where.
    """
    number = None if space_group is None else read_space_group(space_group)
    return write_partial(read_formula(formula), number)


def noted_scope(formula: str, space_group: int | str | None = None) -> tuple[str, tuple[str, ...]]:
    """Write what a person knows of a crystal, and what was decided on the way.

    Args:
        formula: as :func:`stratus.crystals.formula.read_noted` takes it, full stops for the dots of
            hydrates too: ``CuSO4.5H2O``.
        space_group: a number or a Hermann-Mauguin symbol; None where it is unknown.

    Returns:
        the string, and notes of one sentence each.

    Raises:
        stratus.errors.InputError: one of the two cannot be read; says what and where.
    """
    number = None if space_group is None else read_space_group(space_group)
    found = read_noted(formula)
    return write_partial(found.amounts, number), found.notes


def known(text: str) -> Detail:
    """Return how much a string of the orbit dialect tells.

    Raises:
        stratus.errors.InputError: it has other unknown parts than those of this module.
    """
    parts = _parts(text)
    unknown = tuple(part == UNKNOWN for part in parts)
    for kind, expected in _UNKNOWN.items():
        if unknown == expected:
            return kind
    raise InputError(
        f"{text!r}: what may be unknown are the orbits with the atoms of the cell, and then the "
        "space group too"
    )


def check_partial(text: str) -> Detail:
    """Return how much a partial string tells, if it is written as :func:`write_partial` does.

    Raises:
        stratus.errors.InputError: it is not; says how it has to be written where that is clear.
    """
    kind = known(text)
    if kind is Detail.WHOLE:
        raise InputError(f"{text!r} has no unknown part; read it with Scope.parse")
    vocabulary().ids(text)  # every word is a token, or an error
    group, _, composition, _ = _parts(text)
    amounts = read_amounts(composition)
    number = group_number(group)
    if not amounts or (right := write_partial(amounts, number)) != text:
        hint = f"; write {right!r}" if amounts else ""
        raise InputError(f"{text!r} is not as a partial crystal is written{hint}")
    return kind


def hide(text: str, kind: Detail) -> str:
    """Return a string of which no more is known than a kind says.

    Args:
        text: in the orbit dialect, whole or partial.
        kind: what is left; what ``text`` does not tell stays unknown.
    """
    parts = zip(_parts(text), _UNKNOWN[kind], strict=True)
    return BETWEEN.join(UNKNOWN if hidden else part for part, hidden in parts)


def hide_crystal(crystal: Crystal, detail: Detail) -> Crystal:
    """Return a crystal of which no more is known than a kind says.

    Args:
        crystal: with a string of the orbit dialect.
        detail: what is left; what the crystal does not tell stays unknown.

    Raises:
        stratus.errors.InputError: it has no such string.
    """
    text = hide(str(crystal.scope), detail)
    found = known(text)
    return Crystal(
        crystal.composition,
        text,
        formula_atoms=crystal.formula_atoms,
        n_atoms=crystal.n_atoms if found is Detail.WHOLE else 0,
        space_group=None if found is Detail.FORMULA else crystal.space_group,
        wyckoffs=crystal.wyckoffs if found is Detail.WHOLE else None,
        detail=found,
    )


_UNKNOWN: Final = {  # group, orbits, composition, atoms
    Detail.WHOLE: (False, False, False, False),
    Detail.SPACE_GROUP: (False, True, False, True),
    Detail.FORMULA: (True, True, False, True),
}


def _parts(text: str) -> list[str]:
    parts = text.split(BETWEEN)
    if len(parts) != _PARTS:
        raise InputError(f"{text!r} is no string of the orbit dialect, which has four parts")
    return parts


def read_amounts(composition: str) -> dict[str, int]:
    """Return the amounts of a composition: ``Si 1 O 2`` is one Si and two O; none of what is none.

    Args:
        composition: that part of a string.
    """
    amounts: dict[str, int] = {}
    symbol = ""
    for word in composition.split(" "):
        if word in NUMBERS:
            symbol = word
            amounts[symbol] = 0
        elif symbol and word.rstrip("_").isdigit():
            amounts[symbol] = 100 * amounts[symbol] + int(word.rstrip("_"))
        else:
            return {}
    return amounts if all(amounts.values()) else {}


def group_number(group: str) -> int | None:
    """Return the number of the space group that the first part of a string writes.

    Returns:
        1 to 230; None where the space group is unknown.

    Raises:
        stratus.errors.InputError: no space group is written so.
    """
    if group == UNKNOWN:
        return None
    first, *generators = group.split(" ")
    origin = generators.pop()[1:] if generators and generators[-1].startswith("o") else ""
    found = find_space_group(inversion=first == "i1", generators=tuple(generators), origin=origin)
    if found is None:
        raise InputError(f"no space group is written with the generators {group!r}")
    return found.number
