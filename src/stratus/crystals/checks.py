"""Is this a crystal? Checks that need nothing but the arrays."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from stratus.crystals.entry import Code, Reject, Stage
from stratus.crystals.lattice import reduction, volume_and_heights

if TYPE_CHECKING:
    import numpy.typing as npt

    from stratus.crystals.entry import Entry
    from stratus.crystals.reading.record import ReadOptions

MIN_HEIGHT = 0.1
"""A cell flatter than this is collapsed, in Å: no two layers of atoms are that close."""

MAX_LENGTH = 1e5
"""A lattice vector with a longer component is no crystal's, in Å."""

MAX_COORDINATE = 1e6
"""Fractional coordinates beyond this are broken numbers; they also lose their digits."""

DENSEST = 2**0.5 * (1 + 1e-9)  # Kepler: n atoms d apart need n d³ / sqrt(2) of volume
_DENSE_LIMIT = 200  # atoms up to which all pairs are compared at once


def check(entry: Entry, options: ReadOptions) -> Reject | None:
    """Return why an entry is no crystal, or ``None`` when it is one.

    The checks, in this order: it has atoms, and not too many; its lattice is finite and none of
    the heights of its reduced cell is below :data:`MIN_HEIGHT`; its coordinates are finite; no two
    atoms, images included, are closer than ``options.min_distance``.

    Args:
        entry: the crystal.
        options: ``max_atoms`` and ``min_distance`` (Å) are used.
    """
    count = len(entry.numbers)
    if count == 0:
        return _reject(entry, Code.NO_ATOMS, "the cell holds no atoms")
    if count > options.max_atoms:
        return _reject(
            entry,
            Code.TOO_MANY_ATOMS,
            f"the cell holds {count} atoms, more than the limit of {options.max_atoms}; "
            "raise max_atoms to read it",
        )
    volume, heights = volume_and_heights(entry.lattice)
    problem = lattice_problem(entry.lattice, heights)
    if problem is not None:
        return _reject(entry, Code.BAD_LATTICE, problem)
    problem = coordinates_problem(entry.frac_coords)
    if problem is not None:
        return _reject(entry, Code.BAD_COORDINATES, problem)
    if options.min_distance == 0:
        return None
    if count * options.min_distance**3 > DENSEST * volume:
        return _reject(
            entry,
            Code.OVERLAPPING_ATOMS,
            f"{count} atoms do not fit into {volume:.3g} Å³ with {options.min_distance} Å between "
            "them",
        )
    first, second, distance = _closest_pair(
        entry.lattice, entry.frac_coords, options.min_distance, heights
    )
    if distance < options.min_distance:
        pair = (
            f"atom {first} and its own image" if first == second else f"atoms {first} and {second}"
        )
        return _reject(
            entry,
            Code.OVERLAPPING_ATOMS,
            f"{pair} are {distance:.3f} Å apart, closer than the limit of {options.min_distance} Å",
        )
    return None


def lattice_problem(
    lattice: npt.NDArray[np.float64], heights: tuple[float, float, float] | None = None
) -> str | None:
    """Return what is wrong with a lattice as a sentence, or ``None``.

    Args:
        lattice: shape (3, 3), rows are the lattice vectors, in Å.
        heights: of its cell, where they are known already.
    """
    if heights is None:
        heights = volume_and_heights(lattice)[1]
    numbers = lattice.ravel().tolist()
    if not math.isfinite(sum(numbers)) or max(map(abs, numbers)) > MAX_LENGTH:
        return "the lattice holds a number that is no length of a crystal's cell"
    height = min(heights)
    if 0 < height < MIN_HEIGHT:  # a sheared cell may be flat and yet be a good crystal's
        height = min(volume_and_heights(reduction(lattice).lattice)[1])
    if not height > 0:
        return "the lattice vectors lie in one plane, so the cell has no volume"
    if height < MIN_HEIGHT:
        return f"the cell is collapsed: it is only {height:.3g} Å high, less than {MIN_HEIGHT} Å"
    return None


def coordinates_problem(frac_coords: npt.NDArray[np.float64]) -> str | None:
    """Return what is wrong with fractional coordinates, shape (n, 3); ``None`` if nothing."""
    if not frac_coords.size or np.maximum.reduce(np.abs(frac_coords), axis=None) <= MAX_COORDINATE:
        return None  # three times faster than max() and min()
    bad = ~(np.abs(frac_coords) <= MAX_COORDINATE).all(axis=1)
    site = int(np.flatnonzero(bad)[0])
    place = " ".join(f"{value:g}" for value in frac_coords[site])
    return f"atom {site} stands at {place}, which are no fractional coordinates"


def closest_pair(
    lattice: npt.NDArray[np.float64], frac_coords: npt.NDArray[np.float64], cutoff: float
) -> tuple[int, int, float]:
    """Return the two closest atoms of a crystal and their distance, exact below a cutoff.

    When every height of the cell is at least twice the cutoff, a pair closer than the cutoff
    differs by less than half a cell along each axis, so the nearest integer translation is the
    right one however skewed the cell is. A cell that is not that high is made less skewed, and
    then repeated until it is.

    Args:
        lattice: shape (3, 3), rows are the lattice vectors, in Å, with a volume.
        frac_coords: shape (n, 3), n >= 1, finite.
        cutoff: distance up to which the answer must be exact, in Å.

    Returns:
        Two indices into the atoms, equal for an atom and its own image, and the distance in Å;
        ``(0, 0, inf)`` when nothing is near.
    """
    return _closest_pair(lattice, frac_coords, cutoff, volume_and_heights(lattice)[1])


def _closest_pair(
    lattice: npt.NDArray[np.float64],
    frac_coords: npt.NDArray[np.float64],
    cutoff: float,
    flat: tuple[float, float, float],
) -> tuple[int, int, float]:
    heights = np.array(flat)
    count = len(frac_coords)
    if min(flat) < 2 * cutoff:
        reduced = reduction(lattice)
        lattice, frac_coords = reduced.lattice, frac_coords @ reduced.back
        heights = np.array(volume_and_heights(lattice)[1])
        repeats = np.maximum(1, np.ceil(2 * cutoff / heights)).astype(int)
        shifts = np.stack(
            np.meshgrid(*(np.arange(r) for r in repeats), indexing="ij"), axis=-1
        ).reshape(-1, 1, 3)
        frac_coords = ((frac_coords[None] + shifts) / repeats).reshape(-1, 3)
        lattice = lattice * repeats[:, None]
        heights = heights * repeats
    if len(frac_coords) > _DENSE_LIMIT:
        first, second, distance = _closest_by_tree(lattice, frac_coords, heights, cutoff)
    else:
        first, second, distance = _closest_by_pairs(lattice, frac_coords)
    return first % count, second % count, distance


def _closest_by_pairs(
    lattice: npt.NDArray[np.float64], frac_coords: npt.NDArray[np.float64]
) -> tuple[int, int, float]:
    i, j = _pairs(len(frac_coords))
    if len(i) == 0:
        return 0, 0, float("inf")
    return _closest_of(i, j, lattice, frac_coords)


def _closest_by_tree(
    lattice: npt.NDArray[np.float64],
    frac_coords: npt.NDArray[np.float64],
    heights: npt.NDArray[np.float64],
    cutoff: float,
) -> tuple[int, int, float]:
    from scipy.spatial import cKDTree

    # A difference along one axis, times the height over it, never exceeds the distance: boxes of
    # half-width cutoff in these coordinates hold every pair that counts.
    scaled = (frac_coords - np.floor(frac_coords)) * heights
    scaled[scaled >= heights] = 0.0
    tree = cKDTree(scaled, boxsize=heights)
    pairs = tree.query_pairs(cutoff, p=np.inf, output_type="ndarray")
    if len(pairs) == 0:
        return 0, 0, float("inf")
    return _closest_of(pairs[:, 0], pairs[:, 1], lattice, frac_coords)


def _closest_of(
    first: npt.NDArray[np.intp],
    second: npt.NDArray[np.intp],
    lattice: npt.NDArray[np.float64],
    frac_coords: npt.NDArray[np.float64],
) -> tuple[int, int, float]:
    """Return the closest of some pairs of atoms, over the nearest integer translation of each."""
    # take is twice as fast as brackets
    delta = frac_coords.take(first, 0) - frac_coords.take(second, 0)
    delta -= np.rint(delta)
    delta = delta @ lattice
    squares = np.einsum("ij,ij->i", delta, delta)
    best = int(squares.argmin())
    return int(first[best]), int(second[best]), float(np.sqrt(squares[best]))


@lru_cache(maxsize=_DENSE_LIMIT + 1)
def _pairs(count: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    return np.triu_indices(count, 1)


def _reject(entry: Entry, code: Code, detail: str) -> Reject:
    return Reject(id=entry.id, source=entry.source, stage=Stage.CHECKING, code=code, detail=detail)
