"""The canonical Wyckoff assignment: the smallest one over the normaliser."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

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


@lru_cache(maxsize=65536)
def _smallest_letters(number: int, letters: tuple[str, ...]) -> tuple[dict[str, int], ...]:
    """Return the exchanges that make the sorted letters smallest.

    Args:
        number: space group.
        letters: the letter of each orbit, sorted, with repetitions.

    Returns:
        one mapping an exchange: letter to the place of the letter it becomes. There are several
        where the same letters can be reached in several ways; then the elements decide.
    """
    occupied = tuple(dict.fromkeys(letters))
    columns = [occupied.index(letter) for letter in letters]
    by_reach: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for image in _images(number, occupied):
        by_reach.setdefault(tuple(sorted([image[k] for k in columns])), []).append(image)
    best = by_reach[min(by_reach)]
    return tuple(dict(zip(occupied, image, strict=True)) for image in best)


@cache
def _images(number: int, occupied: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    """Return the different images of some letters under the normaliser, as places."""
    place = {letter: k for k, letter in enumerate(wyckoff_positions(number))}
    columns = letter_permutations(number)[:, [place[letter] for letter in occupied]]
    return tuple(dict.fromkeys(map(tuple, columns.tolist())))


@cache
def _orbit(number: int, place: int, atomic_number: int) -> Orbit:
    position = list(wyckoff_positions(number).values())[place]
    return Orbit(SYMBOLS[atomic_number], position.letter, position.multiplicity)


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
    pairs = [(letter, z) for letter, z, repeat in sites for _ in range(repeat)]
    exchanges = _smallest_letters(number, tuple([letter for letter, _ in pairs]))
    best = min([sorted([(exchange[w], z) for w, z in pairs]) for exchange in exchanges])
    return tuple([_orbit(number, place, z) for place, z in best])
