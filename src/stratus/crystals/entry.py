"""An :class:`Entry` is one crystal; a :class:`Reject` is what could not be one."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt
    from pymatgen.core import Structure


class Stage(StrEnum):
    """Where on its way an input became a reject."""

    READING = "reading"  # bytes to a lattice and sites
    CHECKING = "checking"  # is that a crystal?
    SYMMETRY = "symmetry"  # its space group and orbits
    COLLECTING = "collecting"  # its place in the output table
    PREDICTING = "predicting"  # its string to a model


class Code(StrEnum):
    """Why an input became a reject."""

    UNREADABLE = "unreadable"
    NOT_A_STRUCTURE = "not-a-structure"
    NO_ATOMS = "no-atoms"
    PARTIAL_OCCUPANCY = "partial-occupancy"
    DUMMY_SPECIES = "dummy-species"
    DOUBTFUL_ELEMENT = "doubtful-element"
    DOUBTFUL_SYMMETRY = "doubtful-symmetry"
    BAD_LATTICE = "bad-lattice"
    BAD_COORDINATES = "bad-coordinates"
    OVERLAPPING_ATOMS = "overlapping-atoms"
    TOO_MANY_ATOMS = "too-many-atoms"
    SYMMETRY_FAILED = "symmetry-failed"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    DUPLICATE_ID = "duplicate-id"
    UNSAFE_ARCHIVE = "unsafe-archive"
    BAD_FORMULA = "bad-formula"
    BAD_SPACE_GROUP = "bad-space-group"
    TOO_LONG = "too-long"
    UNKNOWN_WORD = "unknown-word"
    NOT_PERIODIC = "not-periodic"
    MISSING_FACET = "missing-facet"


@dataclass(frozen=True, slots=True)
class Reject:
    """An input that could not become an entry.

    Attributes:
        id: the id it would have had.
        source: the file, archive member or table row it came from.
        stage: where it stopped.
        code: why, as a word for programs.
        detail: why, as one sentence for people.
        labels: the other columns of its table, if it came from one and they are known.
    """

    id: str
    source: str
    stage: Stage
    code: Code
    detail: str
    labels: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, eq=False)
class Entry:
    """One crystal with an id, labels and columns of its atoms.

    Lattice, numbers and coordinates are the crystal; :attr:`structure` is made from them when
    somebody asks.

    Attributes:
        id: the crystal's name, unique in its corpus.
        lattice: shape (3, 3), rows are the lattice vectors, in Å.
        numbers: shape (n,), atomic numbers.
        frac_coords: shape (n, 3), fractional coordinates.
        source: the file, archive member or table row it came from.
        labels: what its input says of the whole crystal: the other columns of its table, or the
            results of a calculation. Numbers, texts, vectors and tensors; ``stress`` has the shape
            (3, 3), in eV/Å³, and is positive under tension.
        species: site species as pymatgen writes them (``Fe2+``), where the input gave oxidation
            states; else ``None`` and the species are the elements.
        notes: what the reader decided on the way, one sentence each.
        arrays: what its input says of each atom, by name: ``float64`` of shape (n,) or (n, ...),
            finite, in the order of the sites and the orientation of the lattice. ``forces`` are in
            eV/Å, ``fixed`` is 1 where an atom is held along a lattice vector, shape (n, 3).
        pbc: whether the input is periodic along each lattice vector; ``None`` where it says only
            along how many. The crystal is read as periodic along all three.
    """

    id: str
    lattice: npt.NDArray[np.float64]
    numbers: npt.NDArray[np.int64]
    frac_coords: npt.NDArray[np.float64]
    source: str = ""
    labels: Mapping[str, Any] = field(default_factory=dict)
    species: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    arrays: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    pbc: tuple[bool, bool, bool] | None = (True, True, True)

    def __len__(self) -> int:
        """Return the number of atoms in the cell as given."""
        return len(self.numbers)

    @property
    def volume_per_atom(self) -> float:
        """The volume of the cell over its atoms, in Å³."""
        (ax, ay, az), (bx, by, bz), (cx, cy, cz) = self.lattice.tolist()
        x, y, z = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
        return float(abs(ax * x + ay * y + az * z) / len(self))

    @cached_property
    def structure(self) -> Structure:
        """The crystal as a pymatgen ``Structure``, sites in the order of the arrays."""
        from pymatgen.core import Structure

        species = self.species if self.species is not None else [int(z) for z in self.numbers]
        return Structure(self.lattice, species, self.frac_coords)
