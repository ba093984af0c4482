"""A crystal as a graph: its atoms, and an edge from each near atom, images included.

An edge holds no distance: an encoder works it out from positions, shifts and cells, so an energy
can be differentiated by them. Atoms are wrapped into the cell first, so that no place is far away
and single precision is enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final, cast

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stratus.crystals.elements import SYMBOLS
from stratus.crystals.neighbours import nearest, within
from stratus.errors import InputError
from stratus.views.atoms_view import AtomsView, alone_note
from stratus.views.collate import flat_batch
from stratus.views.keys import CELLS, CENTRES, NEIGHBOURS, NUMBERS, POSITIONS, SHIFTS, Key
from stratus.views.view import require_facet

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from stratus.crystals.facets import AtomArrays, Crystal
    from stratus.crystals.neighbours import Neighbours
    from stratus.views.collate import FlatSample
    from stratus.views.keys import Batch
    from stratus.views.view import Ints

KEYS: Final = (
    Key(NUMBERS, "part", "int64", about="atomic numbers"),
    Key(POSITIONS, "part", "float32", about="Cartesian, in Å"),
    Key(CELLS, "crystal", "float32", about="rows are lattice vectors, in Å"),
    Key(CENTRES, "edge", "int64", index=True, about="the atom that an edge ends at"),
    Key(NEIGHBOURS, "edge", "int64", index=True, about="the atom that an edge comes from"),
    Key(
        SHIFTS,
        "edge",
        "float32",
        about="whole lattice vectors from the neighbour to its image: an edge is the vector "
        "positions[neighbours] + shifts @ cell - positions[centres]",
    ),
)
"""The tensors of a graph, beside ``owner``."""

_INT8_MAX: Final = np.iinfo(np.int8).max
_INT16_MAX: Final = np.iinfo(np.int16).max


class GraphConfig(BaseModel):
    """Which atoms are neighbours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cutoff_a: float = Field(
        8.0, gt=0, le=100, allow_inf_nan=False, description="Longest edge, in Å."
    )
    max_neighbours: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        12,
        description=(
            "How many of the nearest atoms within the cutoff are neighbours, and with the last "
            "one all that are as far; none: all within the cutoff."
        ),
    )


class GraphView(AtomsView[GraphConfig]):
    """One part an atom; edges from its neighbours.

    Args:
        config: which atoms are neighbours; those of CGCNN if None.
    """

    name: ClassVar[str] = "graph"
    config_kind: ClassVar[type[BaseModel]] = GraphConfig
    padded: ClassVar[bool] = False
    keys: ClassVar[Sequence[Key]] = KEYS

    def sample(self, crystal: Crystal) -> FlatSample:
        """Return the graph of a crystal, in small dtypes.

        Args:
            crystal: with its atoms.

        Returns:
            by the names of :data:`KEYS`: ``numbers`` uint8 ``[n]``; ``positions`` float32
            ``[n, 3]``, in the cell, in Å; ``cells`` float32 ``[3, 3]``; ``centres`` and
            ``neighbours`` int16 or int32 ``[k]``, sorted by centre, then by distance; ``shifts``
            int8 or int32 ``[k, 3]``.

        Raises:
            stratus.errors.InputError: the crystal has no atoms, a number is not finite or of no
                element, or the lattice has no volume.
        """
        require_facet(self, crystal, "give a structure, a CIF or POSCAR file, say")
        atoms = cast("AtomArrays", crystal.atoms)
        check_atoms(atoms)
        frac = atoms.frac - np.floor(atoms.frac)
        found = self._neighbours(atoms.lattice, frac)
        place = np.int16 if len(frac) <= _INT16_MAX else np.int32
        return {
            NUMBERS: atoms.numbers.astype(np.uint8),
            POSITIONS: (frac @ atoms.lattice).astype(np.float32),
            CELLS: atoms.lattice.astype(np.float32),
            CENTRES: found.centres.astype(place),
            NEIGHBOURS: found.neighbours.astype(place),
            SHIFTS: compact_shifts(found.shifts),
        }

    def sizes(self, samples: Sequence[FlatSample]) -> Ints:
        """Return what each sample costs, int64 ``[B]``: its edges, but at least its atoms."""
        return np.array(
            [max(len(sample[CENTRES]), len(sample[NUMBERS])) for sample in samples], dtype=np.int64
        )

    def notes(self, sample: FlatSample) -> tuple[str, ...]:
        """Say how many atoms have no neighbour, if any."""
        return alone_note(sample, self.config.cutoff_a)

    def collate(self, samples: Sequence[FlatSample]) -> Batch:
        """Return ``numbers``, ``positions``, ``cells``, ``centres``, ``neighbours``, ``shifts``.

        And ``owner``; shapes in :mod:`stratus.views.keys`.

        Raises:
            stratus.errors.InputError: there is no sample.
        """
        return flat_batch(samples, KEYS)

    def _neighbours(
        self, lattice: npt.NDArray[np.float64], frac: npt.NDArray[np.float64]
    ) -> Neighbours:
        if self.config.max_neighbours is None:
            return within(lattice, frac, self.config.cutoff_a)
        return nearest(lattice, frac, self.config.max_neighbours, cutoff_a=self.config.cutoff_a)


def check_atoms(atoms: AtomArrays) -> None:
    """Refuse what is no crystal; its lattice is left to the search of neighbours.

    Raises:
        stratus.errors.InputError: says what is wrong.
    """
    if not len(atoms.numbers):
        raise InputError("a crystal without any atom has no graph; give one with atoms")
    if not np.isfinite(atoms.frac).all():
        at = int(np.argmax(~np.isfinite(atoms.frac).all(axis=1)))
        raise InputError(
            f"the coordinates of atom {at} are {atoms.frac[at].tolist()}, which is no place; look "
            "at the structure that they came from"
        )
    lowest, highest = np.minimum.reduce(atoms.numbers), np.maximum.reduce(atoms.numbers)
    if lowest < 1 or highest >= len(SYMBOLS):
        wrong = next(int(z) for z in atoms.numbers if not 1 <= z < len(SYMBOLS))
        raise InputError(
            f"{wrong} is the atomic number of no element; it must be from 1 to {len(SYMBOLS) - 1}"
        )


def compact_shifts(shifts: npt.NDArray[np.integer]) -> npt.NDArray[np.generic]:
    """Return shifts as int8 where that holds them, else int32."""
    largest = np.maximum.reduce(np.abs(shifts), axis=None, initial=0)
    return shifts.astype(np.int8 if largest <= _INT8_MAX else np.int32)
