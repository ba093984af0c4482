"""Which atoms of a crystal are near one another, over all periodic images.

Pairs within a radius come from ``find_points_in_spheres`` of pymatgen (a linked cell list in C; the
method of Allen and Tildesley, Computer Simulation of Liquids, 1987, section 5.3). This module hands
it cells and coordinates that it is fast and safe with, and finds the k nearest with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from stratus.crystals.checks import MIN_HEIGHT, coordinates_problem, lattice_problem
from stratus.crystals.lattice import reduction, volume_and_heights
from stratus.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

SHELL_A: Final = 1e-4
"""Distances that differ by no more than this belong to one shell, in Å.

Atoms that symmetry makes equally far come out of files with eight decimals up to about 1e-5 Å
apart. In MP-20 and MPTS-52 the 12th and the 13th neighbour are between 1e-5 and 1e-4 Å apart for
fewer atoms than in any other decade above 1e-8 Å, so few shells are split and few are joined.
"""

MOST_PAIRS: Final = 100_000_000
"""A search that would find more pairs than this is refused: they would fill the memory."""

_FIRST_RADIUS: Final = 1.25  # over that of a sphere which holds k atoms on average
_GROWTH: Final = 1.2
_SKEWED: Final = 0.4  # a cell below this share of the volume of a box is made less skewed
_MOST_CUBES: Final = 200_000  # of the cell list, about 220 bytes each
_PERIODIC: Final = np.ones(3, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Pairs of atoms that are near one another, each in both directions.

    They are sorted by centre, then distance, then neighbour; images of one neighbour at the very
    same distance stand in the order of the search, which is always the same. An atom is no
    neighbour of itself, its periodic images are.

    Attributes:
        centres: shape (E,), the atom that has the neighbour.
        neighbours: shape (E,), the atom whose image is the neighbour.
        shifts: shape (E, 3), whole lattice vectors that take the neighbour to that image. They
            belong to the coordinates as given: the vector of an edge is
            ``(frac[neighbours] + shifts - frac[centres]) @ lattice``, wrapped or not.
        distances: shape (E,), in Å.
    """

    centres: npt.NDArray[np.int64]
    neighbours: npt.NDArray[np.int64]
    shifts: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of edges, E."""
        return len(self.centres)


class _Cell(NamedTuple):
    """A crystal as the finder takes it: not skewed, atoms inside the cell."""

    lattice: npt.NDArray[np.float64]  # [3, 3], Å, contiguous
    points: npt.NDArray[np.float64]  # [n, 3], Å, contiguous
    wraps: npt.NDArray[np.float64] | None  # [n, 3], vectors of this cell taken away; None: all 0
    forward: npt.NDArray[np.float64] | None  # this lattice over the given one; None: the same
    volume: float  # Å³
    shortest: float  # length of the shortest vector, Å


class _Pairs(NamedTuple):
    """What the finder found, centres ascending, each atom with itself too."""

    centres: npt.NDArray[np.int64]  # [E]
    neighbours: npt.NDArray[np.int64]  # [E]
    images: npt.NDArray[np.float64]  # [E, 3], whole vectors of a `_Cell`
    distances: npt.NDArray[np.float64]  # [E], Å


def within(
    lattice: npt.NDArray[np.float64], frac: npt.NDArray[np.float64], cutoff_a: float
) -> Neighbours:
    """Return all neighbours within a cutoff.

    Args:
        lattice: shape (3, 3), rows are the lattice vectors, in Å; of either hand, skewed or not.
        frac: shape (n, 3), fractional coordinates, wrapped or not.
        cutoff_a: distance up to which an atom is a neighbour, in Å. :data:`SHELL_A` more still
            counts, so that no shell at the cutoff is split by rounding.

    Raises:
        InputError: lattice or coordinates are no crystal's, the cutoff is not above 0, or more than
            :data:`MOST_PAIRS` pairs are within it.
    """
    _check_cutoff(cutoff_a)
    cell = _cell(lattice, frac)
    reach = cutoff_a + SHELL_A
    pairs = _pairs(cell, reach)
    return _chosen(cell, pairs, pairs.distances <= reach)


def nearest(
    lattice: npt.NDArray[np.float64],
    frac: npt.NDArray[np.float64],
    k: int,
    cutoff_a: float | None = None,
) -> Neighbours:
    """Return the k nearest neighbours of each atom, and those as far as the last of them.

    A shell is kept whole: all that are no more than :data:`SHELL_A` farther than the k-th are
    neighbours, so an atom may have more than k. What is found depends neither on the order of the
    atoms nor on the cell that the crystal is written in.

    The search starts at 1.25 times the radius of a sphere that holds k atoms on average, and grows
    by 1.2 until it holds the k-th shell of every atom.

    Args:
        lattice: shape (3, 3), rows are the lattice vectors, in Å; of either hand, skewed or not.
        frac: shape (n, 3), fractional coordinates, wrapped or not.
        k: how many neighbours, at least 1.
        cutoff_a: distance beyond which no atom is a neighbour, in Å (:data:`SHELL_A` more still
            counts). An atom may then have fewer than k neighbours, or none.

    Raises:
        InputError: lattice or coordinates are no crystal's, k is below 1, the cutoff is not above
            0, or more than :data:`MOST_PAIRS` pairs would be looked at.
    """
    if k < 1:
        raise InputError(f"an atom cannot have its {k} nearest neighbours; ask for at least 1")
    if cutoff_a is not None:
        _check_cutoff(cutoff_a)
    cell = _cell(lattice, frac)
    count = len(cell.points)
    if count == 0:
        return _chosen(cell, _pairs(cell, 1.0), np.zeros(0, dtype=np.bool_))
    # Images along the shortest vector alone are k neighbours within this.
    last = math.ceil(k / 2) * cell.shortest * (1 + 1e-9) + SHELL_A
    if cutoff_a is not None:
        last = min(last, cutoff_a + SHELL_A)
    per_atom = cell.volume / count
    radius = min(last, _FIRST_RADIUS * (3 * k * per_atom / (4 * math.pi)) ** (1 / 3))
    while True:
        pairs = _pairs(cell, radius)
        reach = _reach(pairs, count, k)
        if radius >= last or reach.max() <= radius:
            break
        radius = min(last, radius * _GROWTH)
    reach = np.minimum(reach, radius)  # no shell beyond it is known whole
    return _chosen(cell, pairs, pairs.distances <= reach.take(pairs.centres))


def _reach(pairs: _Pairs, count: int, k: int) -> npt.NDArray[np.float64]:
    """Return how far the k-th shell of each atom reaches, shape (n,), in Å; inf if not found."""
    atoms = np.arange(count)
    apart = pairs.distances.max() + 1.0
    # One sort of floats, centre by centre, is faster than one by two keys.
    ordered = pairs.centres * apart
    ordered += pairs.distances
    ordered.sort()
    ends = pairs.centres.searchsorted(atoms, side="right")
    kth = np.full(count, k)  # the nearest, number 0, is the atom itself
    kth[1:] += ends[:-1]
    reach: npt.NDArray[np.float64] = ordered.take(kth, mode="clip") - atoms * apart + SHELL_A
    reach[kth >= ends] = np.inf
    return reach


def _check_cutoff(cutoff_a: float) -> None:
    if not 0 < cutoff_a < math.inf:
        raise InputError(
            f"a cutoff of {cutoff_a} Å makes no neighbours; give a number above 0, such as 6"
        )


def _cell(lattice: npt.NDArray[np.float64], frac: npt.NDArray[np.float64]) -> _Cell:
    """Return a crystal as the finder takes it.

    Raises:
        InputError: it is no crystal's lattice, or these are no coordinates.
    """
    lattice = np.ascontiguousarray(lattice, dtype=np.float64)
    frac = np.asarray(frac, dtype=np.float64)
    if lattice.shape != (3, 3) or frac.ndim != 2 or frac.shape[1] != 3:
        raise InputError(
            f"neighbours need a lattice of shape (3, 3) and coordinates of shape (n, 3); these are "
            f"{lattice.shape} and {frac.shape}"
        )
    volume, heights = volume_and_heights(lattice)
    problem = lattice_problem(lattice, heights) or coordinates_problem(frac)
    if problem is not None:
        raise InputError(f"neighbours of a broken crystal: {problem}; check its cell and atoms")
    lengths = [math.hypot(*vector) for vector in lattice.tolist()]
    forward = None
    if volume < _SKEWED * math.prod(lengths):
        reduced = reduction(lattice)
        lattice, forward, frac = reduced.lattice, reduced.forward, frac @ reduced.back
        lengths = [math.hypot(*vector) for vector in lattice.tolist()]
    wraps = np.floor(frac)
    points = np.ascontiguousarray((frac - wraps) @ lattice)
    return _Cell(lattice, points, wraps if wraps.any() else None, forward, volume, min(lengths))


def _pairs(cell: _Cell, radius: float) -> _Pairs:
    """Return all pairs up to a radius apart, in Å, and some that are farther.

    Raises:
        InputError: they are more than :data:`MOST_PAIRS`.
    """
    from pymatgen.optimization.neighbors import find_points_in_spheres

    count = len(cell.points)
    if count == 0:
        nothing = np.zeros(0, dtype=np.int64)
        return _Pairs(nothing, nothing, np.zeros((0, 3)), np.zeros(0))
    expected = count**2 * 4 / 3 * math.pi * radius**3 / cell.volume
    if expected > MOST_PAIRS:
        raise InputError(
            f"within {radius:.4g} Å these {count} atoms have about {expected:.2g} neighbours, more "
            f"than {MOST_PAIRS:,}; choose a smaller cutoff or fewer neighbours"
        )
    return _Pairs(
        *find_points_in_spheres(
            cell.points, cell.points, _finder_radius(cell, radius), _PERIODIC, cell.lattice
        )
    )


def _finder_radius(cell: _Cell, radius: float) -> float:
    """Return a radius no smaller that the finder has memory for.

    Its cell list has cubes as wide as the radius over the whole box of the atoms, empty ones too:
    for two atoms far apart in vacuum they would fill the memory.
    """
    extents = [sum(map(abs, column)) for column in zip(*cell.lattice.tolist(), strict=True)]
    radius = max(radius, 1.0)
    while math.prod(extent / radius + 3 for extent in extents) > _MOST_CUBES:
        radius *= _GROWTH
    return radius


def _chosen(cell: _Cell, pairs: _Pairs, near: npt.NDArray[np.bool_]) -> Neighbours:
    """Return the pairs that are near, in their order, with shifts of the crystal as given."""
    # Images of one atom are at least the height of a cell apart: nearer is the atom itself.
    near &= (pairs.centres != pairs.neighbours) | (pairs.distances > MIN_HEIGHT / 2)
    which = near.nonzero()[0]
    centres = pairs.centres.take(which)  # ascending before and after
    neighbours, distances = pairs.neighbours.take(which), pairs.distances.take(which)
    order = np.lexsort((neighbours, distances, centres))
    neighbours, distances = neighbours.take(order), distances.take(order)
    whole = pairs.images.take(which.take(order), 0)
    if cell.wraps is not None:
        whole += cell.wraps.take(centres, 0) - cell.wraps.take(neighbours, 0)
    if cell.forward is not None:
        whole = whole @ cell.forward
    shifts = np.rint(whole, out=whole).astype(np.int64)
    return Neighbours(centres, neighbours, shifts, distances)
