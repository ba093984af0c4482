"""The lattice of a crystal: how large its cell is, and a less skewed cell of the same lattice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_REDUCTION_STEPS = 100


class Reduction(NamedTuple):
    """A cell whose vectors cannot be shortened by one another, and the way there and back.

    Attributes:
        lattice: shape (3, 3), rows are the vectors of the new cell, in Å.
        forward: whole numbers, shape (3, 3), determinant ±1: ``lattice = forward @ old lattice``.
            A translation by ``t`` new vectors is one by ``t @ forward`` old ones.
        back: the inverse of ``forward``: fractional coordinates ``x`` become ``x @ back``.
    """

    lattice: npt.NDArray[np.float64]
    forward: npt.NDArray[np.float64]
    back: npt.NDArray[np.float64]


def reduction(lattice: npt.NDArray[np.float64]) -> Reduction:
    """Return a less skewed cell of a lattice.

    One vector after another is made as short as whole multiples of one other can make it, until
    nothing changes (the reduction of Lagrange and Gauss, pair by pair).

    Args:
        lattice: shape (3, 3), rows are the lattice vectors, in Å.
    """
    vectors = lattice.copy()
    forward, back = np.eye(3), np.eye(3)  # kept exact step by step
    for _ in range(_REDUCTION_STEPS):
        still = True
        for i, j in ((0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)):
            square = float(vectors[j] @ vectors[j])
            times = round(float(vectors[i] @ vectors[j]) / square) if square else 0
            if times:
                vectors[i] -= times * vectors[j]
                forward[i] -= times * forward[j]
                back[:, j] += times * back[:, i]
                still = False
        if still:
            break
    return Reduction(vectors, forward, back)


def volume_and_heights(
    lattice: npt.NDArray[np.float64],
) -> tuple[float, tuple[float, float, float]]:
    """Return the volume of a cell in Å³ and the distances between opposite faces in Å.

    All are 0 where the cell is flat. In plain Python: for nine numbers that is ten times faster
    than NumPy.

    Args:
        lattice: shape (3, 3), rows are the lattice vectors, in Å.
    """
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = lattice.tolist()
    ux, uy, uz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
    vx, vy, vz = cy * az - cz * ay, cz * ax - cx * az, cx * ay - cy * ax
    wx, wy, wz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    volume = abs(ax * ux + ay * uy + az * uz)
    areas = (math.hypot(ux, uy, uz), math.hypot(vx, vy, vz), math.hypot(wx, wy, wz))
    if not all(areas):
        return 0.0, (0.0, 0.0, 0.0)
    return volume, (volume / areas[0], volume / areas[1], volume / areas[2])
