"""Made-up crystals that encoders are tried on, and other ways to write the same crystal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.crystals.elements import NUMBERS
from stratus.crystals.entry import Entry
from stratus.crystals.synthesis import random_crystal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_ORBITS: Final = (
    (225, (("Na", "a"), ("Cl", "b"))),
    (221, (("Sr", "a"), ("Ti", "b"), ("O", "c"))),
    (186, (("Zn", "b"), ("S", "b"))),
    (76, (("Si", "a"), ("O", "a"))),  # chiral: its mirror image is of space group 78
    (2, (("Cu", "i"), ("S", "i"), ("O", "i"))),
    (1, (("La", "a"), ("Fe", "a"), ("N", "a"))),
)
_APART_A: Final = 1.6


@dataclass(frozen=True, slots=True)
class Rewriting:
    """The same crystal, written in another way.

    Attributes:
        entry: the crystal.
        source: shape (m,), of each of its atoms, which atom of the original it is.
        turn: shape (3, 3); a vector of the original, as a row, times it is one of this crystal.
    """

    entry: Entry
    source: NDArray[np.int64]
    turn: NDArray[np.float64]


def specimens(seed: int) -> list[Entry]:
    """Return six crystals: simple ones, a chiral one, and two without symmetry to speak of.

    Args:
        seed: of their cells and free coordinates.
    """
    rng = np.random.default_rng(seed)
    return [
        random_crystal(number, orbits, rng, id=str(number), min_distance=_APART_A)
        for number, orbits in _ORBITS
    ]


def of_other_elements() -> list[Entry]:
    """Return crystals in the structure and the cell of CsCl, which differ in their elements."""
    places = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    pairs = (("Na", "Cl"), ("K", "Cl"), ("Na", "Br"), ("Mg", "O"))
    return [crystal(np.eye(3) * 3.4, pair, places) for pair in pairs]


def polymorphs() -> list[Entry]:
    """Return NaCl in its own structure and in that of CsCl."""
    return [
        crystal(np.eye(3) * 2.82 @ (1 - np.eye(3)), ("Na", "Cl"), [[0, 0, 0], [0.5, 0.5, 0.5]]),
        crystal(np.eye(3) * 3.4, ("Na", "Cl"), [[0, 0, 0], [0.5, 0.5, 0.5]]),
    ]


def crystal(
    lattice: NDArray[np.float64],
    symbols: Sequence[str],
    frac_coords: Sequence[Sequence[float]] | NDArray[np.float64],
) -> Entry:
    """Return a crystal of a lattice in Å, elements and fractional coordinates."""
    numbers = np.array([NUMBERS[symbol] for symbol in symbols], dtype=np.int64)
    return Entry("", lattice, numbers, np.array(frac_coords, dtype=np.float64))


def alone(vacuum_a: float) -> Entry:
    """Return an atom of argon whose images are so far away, in Å."""
    return crystal(np.eye(3) * vacuum_a, ("Ar",), [[0.1, 0.2, 0.3]])


def far_apart(distance_a: float, box_a: float, far_element: str) -> Entry:
    """Return a pair NaCl and an atom far from it.

    Args:
        distance_a: from the chlorine to the far atom, in Å.
        box_a: length of the cubic cell, in Å.
        far_element: of the far atom.
    """
    places = np.array([[0.0, 0, 0], [2.5, 0, 0], [2.5 + distance_a, 0, 0]])
    return crystal(np.eye(3) * box_a, ("Na", "Cl", far_element), places / box_a)


def on_a_path(way: float) -> Entry:
    """Return CsCl with its chlorine moved from the middle of the cell towards a face.

    From ``way`` 0 to 1 all symmetry goes, shells of equal distance split, and pairs of atoms cross
    every distance above 4 Å, so any cutoff.
    """
    edge = 4.6
    chlorine = 0.5 + way * np.array([0.5, 0.08, 0.05])
    return crystal(np.eye(3) * edge, ("Cs", "Cl"), np.array([np.zeros(3), chlorine]))


def strained(entry: Entry, share: float) -> Entry:
    """Return a crystal that is longer along all axes by a share; its symmetry stays."""
    return replace(entry, lattice=entry.lattice * (1 + share))


def reordered(entry: Entry, rng: np.random.Generator) -> Rewriting:
    """Return a crystal with its atoms in another order."""
    order = rng.permutation(len(entry))
    return _rewriting(entry, entry.lattice, entry.frac_coords[order], order)


def translated(entry: Entry, rng: np.random.Generator) -> Rewriting:
    """Return a crystal with all atoms moved alike; some are then outside of the cell."""
    return _rewriting(entry, entry.lattice, entry.frac_coords + rng.uniform(-1.5, 1.5, 3))


def rotated(entry: Entry, rng: np.random.Generator) -> Rewriting:
    """Return a turned crystal."""
    turn = _rotation(rng)
    return _rewriting(entry, entry.lattice @ turn, entry.frac_coords, turn=turn)


def reflected(entry: Entry, rng: np.random.Generator) -> Rewriting:
    """Return the mirror image of a crystal in a plane of any direction."""
    turn = _rotation(rng) @ np.diag([1.0, 1.0, -1.0])
    return _rewriting(entry, entry.lattice @ turn, entry.frac_coords, turn=turn)


def in_another_cell(entry: Entry, rng: np.random.Generator) -> Rewriting:
    """Return a crystal in a skewed cell of the same lattice."""
    cell = np.eye(3)
    for _ in range(3):
        i, j = rng.choice(3, 2, replace=False)
        cell[i] += rng.choice([-1.0, 1.0]) * cell[j]
    frac = entry.frac_coords @ np.rint(np.linalg.inv(cell))
    return _rewriting(entry, cell @ entry.lattice, frac)


def supercell(entry: Entry, rng: np.random.Generator) -> Rewriting:
    """Return a cell that holds a crystal four times, copies in any order."""
    times = rng.permutation([2, 2, 1])
    images = np.stack(np.meshgrid(*map(np.arange, times)), -1).reshape(-1, 3)
    source = np.repeat(np.arange(len(entry)), len(images))
    frac = (entry.frac_coords[:, None] + images).reshape(-1, 3) / times
    order = rng.permutation(len(source))
    return _rewriting(entry, entry.lattice * times[:, None], frac[order], source[order])


def _rewriting(
    entry: Entry,
    lattice: NDArray[np.float64],
    frac: NDArray[np.float64],
    source: NDArray[np.int64] | None = None,
    turn: NDArray[np.float64] | None = None,
) -> Rewriting:
    source = np.arange(len(entry)) if source is None else source
    written = replace(entry, lattice=lattice, numbers=entry.numbers[source], frac_coords=frac)
    return Rewriting(written, source, np.eye(3) if turn is None else turn)


def _rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    turn, triangle = np.linalg.qr(rng.normal(size=(3, 3)))
    turn = turn * np.sign(np.diag(triangle))
    return np.asarray(turn * np.linalg.det(turn))  # of either sign, so never a reflection
