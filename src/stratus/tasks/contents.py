"""What is known of the elements of crystals, and of the phase of those of one element."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stratus.crystals.elements import NUMBERS, SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stratus.crystals.facets import Crystal, Detail


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
        details: ``[n]``, how much is known of each.
    """

    shares: NDArray[np.float64]
    phases: dict[int, Phase]
    details: Sequence[Detail]


def contents_of(crystals: Sequence[Crystal]) -> Contents:
    """Return what is known of crystals."""
    shares = np.zeros((len(crystals), len(SYMBOLS) - 1))
    phases: dict[int, Phase] = {}
    for place, crystal in enumerate(crystals):
        total = sum(crystal.composition.values())
        for symbol, amount in crystal.composition.items():
            shares[place, NUMBERS[symbol] - 1] = amount / total
        if len(crystal.composition) == 1:
            [element] = crystal.composition
            phases[place] = Phase(element, crystal.space_group, crystal.wyckoffs)
    return Contents(shares, phases, [crystal.detail for crystal in crystals])
