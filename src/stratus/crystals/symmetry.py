"""Space group and Wyckoff letters of a crystal, by moyo or spglib."""

from __future__ import annotations

import logging
import math
import warnings
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stratus.crystals.elements import SYMBOLS
from stratus.crystals.spacegroups import space_group
from stratus.crystals.wyckoff import wyckoff_positions
from stratus.errors import SymmetryError

if TYPE_CHECKING:
    import numpy.typing as npt
    from moyopy import Cell, MoyoDataset

DEFAULT_SYMPREC: Final = 0.01


class Backend(StrEnum):
    """The library that searches for symmetry."""

    MOYOPY = "moyopy"
    SPGLIB = "spglib"

    @property
    def version(self) -> str:
        """Version of the library that is installed."""
        return version(self.value)


@dataclass(frozen=True, slots=True)
class Symmetry:
    """What a symmetry search found.

    Attributes:
        number: space group, 1 to 230.
        letters: Wyckoff letter of each site of the cell as given, in one of the equivalent
            assignments; see :mod:`stratus.crystals.canonical` for the canonical one.
        n_atoms: atoms in the primitive cell.
    """

    number: int
    letters: tuple[str, ...]
    n_atoms: int


def find_symmetry(
    lattice: npt.NDArray[np.float64],
    frac_coords: npt.NDArray[np.float64],
    kinds: npt.NDArray[np.int64],
    *,
    symprec: float = DEFAULT_SYMPREC,
    angle_tolerance: float | None = None,
    backend: Backend = Backend.MOYOPY,
) -> Symmetry:
    """Search for the space group of a crystal.

    Args:
        lattice: shape (3, 3), rows are the lattice vectors, in Å.
        frac_coords: shape (n, 3), fractional coordinates.
        kinds: shape (n,); sites of one kind may be mapped onto each other.
        symprec: how far a site may be from its ideal place, in Å.
        angle_tolerance: how far a cell angle may be off, in degrees; by default the tolerance
            follows from ``symprec``.
        backend: the library that searches.

    Raises:
        stratus.errors.SymmetryError: no space group was found.
    """
    search = _moyopy if backend == Backend.MOYOPY else _spglib
    return search(lattice, frac_coords, kinds, symprec, angle_tolerance)


def _moyopy(
    lattice: npt.NDArray[np.float64],
    frac_coords: npt.NDArray[np.float64],
    kinds: npt.NDArray[np.int64],
    symprec: float,
    angle_tolerance: float | None,
) -> Symmetry:
    new_cell, new_dataset = _moyo()
    angle = None if angle_tolerance is None else float(np.deg2rad(angle_tolerance))
    try:
        cell = new_cell(lattice.tolist(), frac_coords.tolist(), kinds.tolist())
        dataset = new_dataset(cell, symprec=symprec, angle_tolerance=angle)
    except Exception as error:
        raise SymmetryError(_failure(Backend.MOYOPY, symprec, str(error))) from error
    except BaseException as error:  # a panic of the Rust core is no Exception
        if type(error).__name__ != "PanicException":
            raise
        raise SymmetryError(_failure(Backend.MOYOPY, symprec, str(error))) from error
    return Symmetry(dataset.number, tuple(dataset.wyckoffs), dataset.prim_std_cell.num_atoms)


@cache
def _moyo() -> tuple[type[Cell], type[MoyoDataset]]:
    """Import moyo, and let its log records reach only the handlers that the program has set up."""
    from moyopy import Cell, MoyoDataset

    logging.getLogger("moyo").addHandler(logging.NullHandler())
    return Cell, MoyoDataset


def _spglib(
    lattice: npt.NDArray[np.float64],
    frac_coords: npt.NDArray[np.float64],
    kinds: npt.NDArray[np.int64],
    symprec: float,
    angle_tolerance: float | None,
) -> Symmetry:
    import spglib

    if not math.isfinite(lattice.sum() + frac_coords.sum()):  # spglib dies of it; moyo says so
        reason = "a number of the crystal is not finite"
        raise SymmetryError(_failure(Backend.SPGLIB, symprec, reason))
    angle = -1.0 if angle_tolerance is None else angle_tolerance
    cell: Any = (lattice, frac_coords, kinds)  # arrays do; its type hints ask for lists
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            dataset = spglib.get_symmetry_dataset(cell, symprec=symprec, angle_tolerance=angle)
    except Exception as error:
        raise SymmetryError(_failure(Backend.SPGLIB, symprec, str(error))) from error
    if dataset is None:
        raise SymmetryError(_failure(Backend.SPGLIB, symprec, "the search returned nothing"))
    number = int(dataset.number)
    n_atoms = len(dataset.std_types) // space_group(number).centring_order
    return Symmetry(number, tuple(dataset.wyckoffs), n_atoms)


def _failure(backend: Backend, symprec: float, reason: str) -> str:
    return (
        f"{backend} {backend.version} found no space group at symprec {symprec:g} Å "
        f"({reason}); try another --symprec or the other --backend"
    )


def count_orbits(
    symmetry: Symmetry, numbers: npt.NDArray[np.int64]
) -> tuple[tuple[str, int, int], ...]:
    """Count the orbits of each Wyckoff letter and element.

    Args:
        symmetry: what :func:`find_symmetry` found.
        numbers: shape (n,), atomic number of each site.

    Returns:
        sorted (letter, atomic number, number of orbits).

    Raises:
        stratus.errors.SymmetryError: the letters do not fill whole orbits, so the search
            contradicts itself (seen where a tolerance is too loose for the crystal).
    """
    positions = wyckoff_positions(symmetry.number)
    # sites in the cell as given -> sites in the conventional cell
    conventional = symmetry.n_atoms * space_group(symmetry.number).centring_order
    counts: dict[tuple[str, int], int] = {}
    for site in zip(symmetry.letters, numbers.tolist(), strict=True):
        counts[site] = counts.get(site, 0) + 1
    orbits = []
    for (letter, number), sites in sorted(counts.items()):
        position = positions.get(letter)
        if position is None:
            raise SymmetryError(
                f"the search put {SYMBOLS[number]} on Wyckoff position {letter!r}, which space "
                f"group {symmetry.number} does not have; try a smaller --symprec"
            )
        repeat, rest = divmod(sites * conventional, position.multiplicity * len(numbers))
        if rest or (repeat > 1 and position.is_fixed):
            raise SymmetryError(
                f"the search put {sites} of {len(numbers)} sites, {SYMBOLS[number]}, on "
                f"{position.symbol} of space group {symmetry.number}, which is no whole number of "
                "orbits; try a smaller --symprec"
            )
        orbits.append((letter, number, repeat))
    return tuple(orbits)
