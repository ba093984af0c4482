"""A crystal of which only the formula is known, or the formula and the space group.

It is written in the orbit dialect with ``[MASK]`` in the place of each unknown part, which is how
a model that guesses masked tokens sees what it does not know:
``[MASK] | [MASK] | Na 1 Cl 1 | [MASK]`` and
``i1 aODD aDOD bOOO cOOO dOOO eOOO | [MASK] | Na 1 Cl 1 | [MASK]``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from stratus.crystals.composition import Composition, reduce_composition
from stratus.crystals.formula import read_formula
from stratus.crystals.spacegroups import read_space_group
from stratus.errors import InputError
from stratus.scope.orbit import group_text
from stratus.scope.vocabulary import SEPARATOR, number_words

UNKNOWN: Final = "[MASK]"
_BETWEEN: Final = f" {SEPARATOR} "
_PARTS: Final = 4


class Known(StrEnum):
    """How much is known of a crystal, the most first."""

    WHOLE = "whole"
    SPACE_GROUP = "space-group"
    FORMULA = "formula"


def write_partial(amounts: dict[str, int], space_group: int | None = None) -> str:
    """Write a formula, or a formula and a space group.

    Args:
        amounts: whole amounts by element symbol; they are reduced.
        space_group: 1 to 230; None where it is unknown.

    Raises:
        stratus.errors.InputError: there is no such space group.
    """
    group = UNKNOWN if space_group is None else group_text(space_group)
    return _BETWEEN.join([group, UNKNOWN, _composition(reduce_composition(amounts)), UNKNOWN])


def partial_scope(formula: str, space_group: int | str | None = None) -> str:
    """Write what a person knows of a crystal: ``partial_scope("NaCl", "Fm-3m")``.

    Args:
        formula: as :func:`stratus.crystals.formula.read_formula` takes it.
        space_group: a number or a Hermann-Mauguin symbol; None where it is unknown.

    Raises:
        stratus.errors.InputError: one of the two can not be read; says what and where.
    """
    number = None if space_group is None else read_space_group(space_group)
    return write_partial(read_formula(formula), number)


def known(text: str) -> Known:
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


def hide(text: str, kind: Known) -> str:
    """Return a string of which no more is known than a kind says.

    Args:
        text: in the orbit dialect, whole or partial.
        kind: what is left; what ``text`` does not tell stays unknown.
    """
    parts = zip(_parts(text), _UNKNOWN[kind], strict=True)
    return _BETWEEN.join(UNKNOWN if hidden else part for part, hidden in parts)


_UNKNOWN: Final = {  # group, orbits, composition, atoms
    Known.WHOLE: (False, False, False, False),
    Known.SPACE_GROUP: (False, True, False, True),
    Known.FORMULA: (True, True, False, True),
}


def _parts(text: str) -> list[str]:
    parts = text.split(_BETWEEN)
    if len(parts) != _PARTS:
        raise InputError(f"{text!r} is no string of the orbit dialect, which has four parts")
    return parts


def _composition(composition: Composition) -> str:
    return " ".join(
        word for symbol, amount in composition for word in (symbol, *number_words(amount))
    )
