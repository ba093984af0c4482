"""What strings say of the elements of crystals, and of the phase of those of one element."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from stratus.crystals.elements import NUMBERS, SYMBOLS
from stratus.scope import Dialect, PaperScope
from stratus.scope.paper import read_shares
from stratus.scope.partial import UNKNOWN, group_number, read_amounts
from stratus.scope.vocabulary import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stratus.scope.partial import Known

_BETWEEN: Final = f" {SEPARATOR} "
_GROUP, _ORBITS, _COMPOSITION = range(3)


class Phase(NamedTuple):
    """What is known of a crystal of one element.

    Attributes:
        element: its symbol.
        space_group: None where it is unknown.
        orbits: its Wyckoff symbols, ``2b 2c``; None where they are unknown.
    """

    element: str
    space_group: int | None
    orbits: str | None


class Contents(NamedTuple):
    """What is known of n crystals.

    Attributes:
        shares: ``[n, 118]``, the share of each element; column z - 1 is atomic number z.
        phases: those of one element, by place.
        known: ``[n]``, how much each string tells.
    """

    shares: NDArray[np.float64]
    phases: dict[int, Phase]
    known: Sequence[Known]


def contents_of(texts: Sequence[str], known: Sequence[Known], dialect: str) -> Contents:
    """Read the elements of strings.

    Args:
        texts: n strings of the dialect.
        known: ``[n]``, how much each tells.
        dialect: ``orbit`` or ``paper``.
    """
    orbit = Dialect(dialect) is Dialect.ORBIT
    read = read_amounts if orbit else read_shares
    shares = np.zeros((len(texts), len(SYMBOLS) - 1))
    phases: dict[int, Phase] = {}
    for place, text in enumerate(texts):
        parts = text.split(_BETWEEN)
        amounts = read(parts[_COMPOSITION])
        total = sum(amounts.values())
        for symbol, amount in amounts.items():
            shares[place, NUMBERS[symbol] - 1] = amount / total
        if len(amounts) == 1:
            phases[place] = _phase(next(iter(amounts)), text, parts, orbit=orbit)
    return Contents(shares, phases, known)


def _phase(element: str, text: str, parts: Sequence[str], *, orbit: bool) -> Phase:
    """Return the phase of a string of one element."""
    if not orbit:  # its Wyckoff symbols are not canonical
        return Phase(element, PaperScope.parse(text).space_group, None)
    known = parts[_ORBITS] != UNKNOWN
    words = [word for word in parts[_ORBITS].split(" ") if word != element]
    return Phase(element, group_number(parts[_GROUP]), " ".join(words) if known else None)
