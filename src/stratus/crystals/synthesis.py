"""Made-up crystals of a given symmetry: data that tests, timings and demonstrations make."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.crystals.checks import closest_pair
from stratus.crystals.elements import NUMBERS, SYMBOLS
from stratus.crystals.entry import Entry
from stratus.crystals.spacegroups import space_group
from stratus.crystals.wyckoff import wyckoff_positions
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

_TERM = re.compile(r"([+-]?)(\d+/\d+|\d+)?([xyz])?")
_ATTEMPTS: Final = 200


@cache
def _operations(number: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    from moyopy import Setting, operations_from_number

    operations = operations_from_number(number, setting=Setting.standard())
    return np.array(operations.rotations, dtype=float), np.array(operations.translations)


@cache
def affine_position(
    coordinates: str,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Turn ``x,2x,z+1/4`` into (matrix, vector): a site is ``matrix @ (x, y, z) + vector``."""
    matrix, vector = np.zeros((3, 3)), np.zeros(3)
    for row, component in enumerate(coordinates.split(",")):
        for sign, value, letter in _TERM.findall(component):
            amount = float(Fraction(value or "1")) * (-1 if sign == "-" else 1)
            if letter:
                matrix[row, "xyz".index(letter)] += amount
            elif value:
                vector[row] += amount
    return matrix, vector


def wyckoff_orbit(
    number: int, letter: str, free: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return all sites of one orbit in the conventional cell.

    Args:
        number: space group.
        letter: Wyckoff letter.
        free: shape (3,), values for x, y, z; those the position does not use are ignored.

    Returns:
        shape (multiplicity, 3), fractional coordinates in [0, 1), standard setting.
    """
    position = wyckoff_positions(number)[letter]
    matrix, vector = affine_position(position.coordinates)
    rotations, translations = _operations(number)
    images = (rotations @ (matrix @ free + vector) + translations) % 1
    keys = np.round(images * 1e6).astype(np.int64) % 1_000_000
    _, first = np.unique(keys, axis=0, return_index=True)
    return np.asarray(images[np.sort(first)])


def random_lattice(
    crystal_system: str, volume: float, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Draw a conventional lattice of a crystal system, rows in Å, with the given volume in Å³."""
    a, b, c = rng.uniform(0.7, 1.4, 3)
    lattice = np.diag([a, b, c])
    if crystal_system in {"trigonal", "hexagonal"}:
        lattice = np.array([[a, 0, 0], [-a / 2, a * np.sqrt(0.75), 0], [0, 0, c]])
    elif crystal_system == "tetragonal":
        lattice = np.diag([a, a, c])
    elif crystal_system == "cubic":
        lattice = np.diag([a, a, a])
    elif crystal_system == "monoclinic":
        lattice[2, 0] = -c * rng.uniform(0.1, 0.4)
    elif crystal_system == "triclinic":
        lattice[1, 0], lattice[2, 0], lattice[2, 1] = rng.uniform(0.05, 0.35, 3) * (b, c, c)
    return np.asarray(lattice * np.cbrt(volume / np.linalg.det(lattice)))


def random_crystal(
    number: int,
    orbits: Sequence[tuple[str, str]],
    rng: np.random.Generator,
    *,
    id: str = "",  # noqa: A002 - the field of an entry
    volume_per_atom: float = 15.0,
    min_distance: float = 0.8,
) -> Entry:
    """Make a crystal with the given orbits and random free coordinates and cell.

    Args:
        number: space group, 1 to 230.
        orbits: (element, Wyckoff letter) of each orbit, such as ``[("Na", "a"), ("Cl", "b")]``.
        rng: where the free numbers come from.
        id: id of the entry.
        volume_per_atom: in Å³; grown by 3 % for each attempt that overlapped.
        min_distance: atoms are at least this far apart, in Å.

    Returns:
        an entry in the conventional cell, standard setting. Where the orbits happen to fill a
        more symmetric pattern, its space group is higher than ``number``.

    Raises:
        stratus.errors.InputError: an unknown letter, or no place without overlap was found.
    """
    positions = wyckoff_positions(number)
    unknown = [letter for _, letter in orbits if letter not in positions]
    if unknown:
        raise InputError(f"space group {number} has no Wyckoff letter {unknown[0]!r}")
    system = space_group(number).crystal_system
    n_sites = sum(positions[letter].multiplicity for _, letter in orbits)
    for attempt in range(_ATTEMPTS):
        volume = volume_per_atom * n_sites * 1.03**attempt
        lattice = random_lattice(system, volume, rng)
        sites = [wyckoff_orbit(number, letter, rng.random(3)) for _, letter in orbits]
        frac_coords = np.concatenate(sites)
        if closest_pair(lattice, frac_coords, min_distance)[2] >= min_distance:
            numbers = np.repeat([NUMBERS[e] for e, _ in orbits], [len(s) for s in sites])
            return Entry(id, lattice, numbers, frac_coords, source="synthesis")
    raise InputError(
        f"no place for {len(orbits)} orbits of space group {number} without atoms closer than "
        f"{min_distance} Å was found in {_ATTEMPTS} attempts; give them more volume_per_atom"
    )


def random_orbits(
    number: int, rng: np.random.Generator, *, max_orbits: int = 4, max_atoms: int = 40
) -> list[tuple[str, str]]:
    """Draw (element, Wyckoff letter) pairs that fit a space group.

    Args:
        number: space group.
        rng: where the choice comes from.
        max_orbits: at most this many orbits.
        max_atoms: at most this many atoms in the primitive cell, unless one orbit has more.
    """
    positions = list(wyckoff_positions(number).values())
    centring = space_group(number).centring_order
    chosen: list[tuple[str, str]] = []
    atoms = 0
    for _ in range(int(rng.integers(1, max_orbits + 1))):
        fitting = [p for p in positions if atoms + p.multiplicity // centring <= max_atoms]
        if not fitting:
            break
        position = fitting[int(rng.integers(len(fitting)))]
        if position.is_fixed:
            positions.remove(position)
        chosen.append((SYMBOLS[int(rng.integers(1, 95))], position.letter))
        atoms += position.multiplicity // centring
    if not chosen:
        chosen.append((SYMBOLS[int(rng.integers(1, 95))], positions[0].letter))
    return chosen
