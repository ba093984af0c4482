"""The canonical Wyckoff assignment: the smallest one over the normaliser."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

from stratus.crystals.elements import SYMBOLS
from stratus.crystals.wyckoff import letter_permutations, wyckoff_positions


@dataclass(frozen=True, slots=True)
class Orbit:
    """An occupied Wyckoff position with its element.

    Attributes:
        element: chemical symbol.
        letter: Wyckoff letter in the canonical assignment.
        multiplicity: sites in the conventional cell.
    """

    element: str
    letter: str
    multiplicity: int

    @property
    def wyckoff(self) -> str:
        """Multiplicity and letter, ``4a``."""
        return f"{self.multiplicity}{self.letter}"


@cache
def _exchanges(number: int, occupied: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Return the distinct images of the occupied letters that can be the smallest."""
    return np.unique(letter_permutations(number)[:, occupied], axis=0)


@lru_cache(maxsize=65536)
def canonical_orbits(number: int, sites: tuple[tuple[str, int, int], ...]) -> tuple[Orbit, ...]:
    """Choose the smallest of the equivalent Wyckoff assignments.

    Smallest means: first by the sorted list of letters, then by the atomic numbers that stand
    along it. So the letters depend on the arrangement alone, and the elements decide only
    between assignments that use the same letters.

    Args:
        number: space group, 1 to 230.
        sites: sorted (letter, atomic number, number of orbits) in any one of the assignments.

    Returns:
        one orbit after the other, sorted by letter, then by atomic number.
    """
    letters = list(wyckoff_positions(number))
    place = {letter: k for k, letter in enumerate(letters)}
    occupied = tuple(sorted({place[letter] for letter, _, _ in sites}))
    column = {k: j for j, k in enumerate(occupied)}
    columns = [column[place[letter]] for letter, _, repeat in sites for _ in range(repeat)]
    atomic = np.array([z for _, z, repeat in sites for _ in range(repeat)])
    codes = np.sort(_exchanges(number, occupied)[:, columns] * 256 + atomic, axis=1)
    keys = np.concatenate([codes // 256, codes % 256], axis=1)
    best = keys[np.lexsort(keys.T[::-1])[0]]
    positions = wyckoff_positions(number)
    half = len(best) // 2
    return tuple(
        Orbit(SYMBOLS[z], letters[k], positions[letters[k]].multiplicity)
        for k, z in zip(best[:half].tolist(), best[half:].tolist(), strict=True)
    )
