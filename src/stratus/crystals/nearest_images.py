"""Of each two atoms of a crystal, the images that are nearest to each other.

The distance of two atoms is then that in the crystal, whichever cell it is written in. Images are
tried in a less skewed cell, as far as any nearest one can be (the bound of Babai 1986 on what is
left after rounding, Combinatorica 6, 1), so that none is missed in a flat cell either.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.crystals.checks import coordinates_problem, lattice_problem
from stratus.crystals.lattice import reduction, volume_and_heights
from stratus.crystals.neighbours import SHELL_A, Neighbours
from stratus.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]

_AT_ONCE: Final = 1_000_000  # distances that are in memory together


def nearest_images(lattice: Doubles, frac: Doubles) -> Neighbours:
    """Return every pair of atoms of a crystal by its shortest vector.

    Of an atom and itself that is the vector to its nearest image. Where several images are equally
    far (:data:`stratus.crystals.neighbours.SHELL_A`), as at places of symmetry, the pair is there
    with each of them, so what is found does not depend on how the crystal is written.

    Args:
        lattice: shape (3, 3), rows are the lattice vectors, in Å; of either hand, skewed or not.
        frac: shape (n, 3), fractional coordinates, wrapped or not.

    Returns:
        at least ``n²`` pairs, both directions of each, sorted by centre, then neighbour; images of
        one pair by their shift.

    Raises:
        stratus.errors.InputError: lattice or coordinates are no crystal's.
    """
    lattice = np.ascontiguousarray(lattice, dtype=np.float64)
    frac = np.asarray(frac, dtype=np.float64)
    problem = lattice_problem(lattice, volume_and_heights(lattice)[1]) or coordinates_problem(frac)
    if problem is not None:
        raise InputError(f"images of a broken crystal: {problem}; check its cell and atoms")
    cell = reduction(lattice)
    frac = frac @ cell.back
    shifts = _shifts(cell.lattice)
    moved = shifts @ cell.lattice
    itself = int(np.flatnonzero(~shifts.any(axis=1))[0])
    step = max(1, _AT_ONCE // (max(1, len(frac)) * len(shifts)))
    found = []
    for start in range(0, len(frac), step):
        apart = frac[None] - frac[start : start + step, None]
        whole = np.rint(apart)
        vectors = (apart - whole) @ cell.lattice
        distances = np.linalg.norm(vectors[:, :, None] + moved, axis=-1)
        rows = np.arange(len(apart))
        distances[rows, start + rows, itself] = np.inf
        near = distances <= distances.min(axis=-1, keepdims=True) + SHELL_A
        i, j, image = near.nonzero()
        found.append((start + i, j, shifts[image] - whole[i, j], distances[i, j, image]))
    if not found:
        nothing = np.zeros(0, dtype=np.int64)
        return Neighbours(nothing, nothing, np.zeros((0, 3), dtype=np.int64), np.zeros(0))
    centres, neighbours, images, lengths = (
        np.concatenate(part) for part in zip(*found, strict=True)
    )
    back = np.rint(images @ cell.forward).astype(np.int64)
    return Neighbours(centres, neighbours, back, lengths)


def _shifts(lattice: Doubles) -> Doubles:
    """Return the whole vectors among which the nearest images are, shape (s, 3).

    After rounding, coordinates are at most 1/2. The nearest image is no farther than half the root
    of the summed squares of the vectors made orthogonal, nor is that of the atom itself farther
    than the shortest vector; what is so near has each coordinate below that over the height.
    """
    _, heights = volume_and_heights(lattice)
    orthogonal = np.abs(np.diag(np.linalg.qr(lattice.T)[1]))
    other = math.hypot(*orthogonal) / 2
    itself = float(np.linalg.norm(lattice, axis=1).min())
    reach = [math.floor(max(other / h + 0.5, itself / h) + 1e-4) for h in heights]
    axes = (np.arange(-most, most + 1, dtype=np.float64) for most in reach)
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
