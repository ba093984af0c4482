"""A first look at many cells at once: which ones are certainly crystals.

:func:`stratus.crystals.checks.check` spends most of its time on calling NumPy for arrays of nine or
thirty numbers. Here the arrays of a whole block of rows are looked at together, with a test that is
cheaper than the exact one and never passes what that would refuse. What it does not pass,
few of the usual cells, is for ``check`` to decide.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from stratus.crystals.checks import DENSEST, MAX_COORDINATE, MIN_HEIGHT

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from stratus.crystals.entry import Entry
    from stratus.crystals.reading.record import ReadOptions

_LARGEST = 1e3  # Å; a component beyond this may leave too few digits, so check decides
_MOST_ATOMS = 64  # pairs grow as the square: beyond this nothing is won
_SURELY = 1.001  # more than any rounding in cells of such lengths, and heights of 0.1 Å or more


def first_look(entries: Sequence[Entry], options: ReadOptions) -> tuple[list[bool], list[bool]]:
    """Return which cells are left-handed, and which are certainly crystals.

    Two atoms that differ by x cells along an axis, counted to the nearest image, are at least |x|
    heights of the cell over that axis apart. In a cell with all heights above twice
    ``options.min_distance`` no other image can be closer than that limit (see
    :func:`stratus.crystals.checks.closest_pair`). So a crystal is certain when its cell is that
    high and each pair is far enough apart along one of the three axes.

    Args:
        entries: cells with arrays of the right shapes and any numbers in them.
        options: ``max_atoms`` and ``min_distance`` (Å) are used.

    Returns:
        Two lists with one value an entry. Where the second is true,
        :func:`stratus.crystals.checks.check` returns ``None``.
    """
    if not entries:
        return [], []
    lattices = np.concatenate([entry.lattice for entry in entries]).reshape(-1, 3, 3)
    counts = np.array([len(entry.numbers) for entry in entries])
    with np.errstate(all="ignore"):  # broken numbers are what it looks for
        volumes, heights = _volumes_and_heights(lattices)
        certain = (
            (counts > 0)
            & (counts <= min(options.max_atoms, _MOST_ATOMS))
            & (np.abs(lattices).max(axis=(1, 2)) <= _LARGEST)
            & (heights.min(axis=0) >= _SURELY * max(MIN_HEIGHT, 2 * options.min_distance))
            & (_SURELY * counts * options.min_distance**3 <= DENSEST * np.abs(volumes))
        )
        places = np.flatnonzero(certain)
        if len(places):
            coords = np.concatenate([entries[place].frac_coords for place in places.tolist()])
            certain[places] = _apart(
                coords.T, counts[places], heights[:, places], _SURELY * options.min_distance
            )
    return (volumes < 0).tolist(), certain.tolist()


def _volumes_and_heights(
    lattices: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return signed volumes, shape (n,) in Å³, and heights over each face, shape (3, n) in Å."""
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = np.ascontiguousarray(lattices.transpose(1, 2, 0))
    ux, uy, uz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
    vx, vy, vz = cy * az - cz * ay, cz * ax - cx * az, cx * ay - cy * ax
    wx, wy, wz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    volumes = ax * ux + ay * uy + az * uz
    squares = (
        ux * ux + uy * uy + uz * uz,
        vx * vx + vy * vy + vz * vz,
        wx * wx + wy * wy + wz * wz,
    )
    areas = np.sqrt(squares)
    return volumes, np.abs(volumes) / areas  # nothing over nothing is NaN, which passes no test


def _apart(
    coords: npt.NDArray[np.float64],
    counts: npt.NDArray[np.intp],
    heights: npt.NDArray[np.float64],
    distance: float,
) -> npt.NDArray[np.bool_]:
    """Return for each crystal whether its coordinates are numbers and all its pairs far apart.

    Args:
        coords: shape (3, all atoms), the fractional coordinates of one crystal after the other.
        counts: shape (crystals,), atoms of each, none of them 0.
        heights: shape (3, crystals), in Å.
        distance: what is far, in Å.
    """
    crystals = np.arange(len(counts))
    fine = np.ones(len(counts), dtype=bool)
    pairs = np.concatenate([_pairs(count) for count in counts.tolist()], axis=1)
    of_pair = np.repeat(crystals, counts * (counts - 1) // 2)
    pairs += np.repeat(np.cumsum(counts) - counts, counts * (counts - 1) // 2)
    far = np.zeros(len(of_pair), dtype=bool)
    for along, height in zip(np.ascontiguousarray(coords), heights, strict=True):
        broken = ~(np.abs(along) <= MAX_COORDINATE)
        if broken.any():
            fine[np.repeat(crystals, counts)[broken]] = False
        delta = along.take(pairs[0]) - along.take(pairs[1])
        delta -= np.rint(delta)
        far |= np.abs(delta) * height.take(of_pair) >= distance
    fine[of_pair[~far]] = False
    return fine


@lru_cache(maxsize=_MOST_ATOMS + 1)
def _pairs(count: int) -> npt.NDArray[np.intp]:
    return np.stack(np.triu_indices(count, 1))
