"""A crystal as all its atoms at once, for encoders in which each atom attends to each.

Atoms stand end to end, as in the view ``graph``, so energies can be differentiated by positions and
cells; an encoder lays them out in rows of one length, crystal by crystal, which is what ``mask`` is
for. So crystals of like size share a batch (``padded``).

What is known of two atoms depends on the geometry. Pairs are edges, with shifts and without
distances: those of nearest images, those within a cutoff, or none.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final, cast

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stratus.crystals.checks import lattice_problem
from stratus.crystals.lattice import volume_and_heights
from stratus.crystals.nearest_images import nearest_images
from stratus.crystals.neighbours import within
from stratus.errors import InputError
from stratus.views.atoms_view import AtomsView, alone_note
from stratus.views.collate import flat_batch, part_sizes
from stratus.views.graph import KEYS, check_atoms, compact_shifts
from stratus.views.keys import CELLS, CENTRES, NEIGHBOURS, NUMBERS, POSITIONS, SHIFTS, Key
from stratus.views.view import mask_tensors, require_facet

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from stratus.crystals.facets import AtomArrays, Crystal
    from stratus.crystals.neighbours import Neighbours
    from stratus.views.collate import FlatSample
    from stratus.views.keys import Batch
    from stratus.views.view import Ints


class Geometry(StrEnum):
    """What an encoder of clouds of atoms is told of where they are."""

    ABSOLUTE = "absolute"
    """Coordinates as they are written; no pairs."""

    DISTANCES = "distances"
    """Of each two atoms the distance of their nearest images."""

    NEIGHBOURS = "neighbours"
    """Of each two atoms the distances of all images within the cutoff."""


class CloudOfAtomsConfig(BaseModel):
    """Which pairs of atoms a batch holds, and of how many atoms a crystal may be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    geometry: Geometry = Field(Geometry.DISTANCES, description="What is told of places.")
    cutoff_a: float = Field(
        8.0, gt=0, le=100, allow_inf_nan=False, description="Longest pair of neighbours, in Å."
    )
    max_atoms: int = Field(
        512, ge=1, le=8192, description="Most atoms of a crystal; pairs grow with their square."
    )


_INT16_MAX: Final = np.iinfo(np.int16).max


class CloudOfAtomsView(AtomsView[CloudOfAtomsConfig]):
    """One part an atom; edges are pairs of atoms.

    Args:
        config: which pairs; those of nearest images if None.
    """

    name: ClassVar[str] = "cloud-of-atoms"
    config_kind: ClassVar[type[BaseModel]] = CloudOfAtomsConfig
    padded: ClassVar[bool] = True
    keys: ClassVar[Sequence[Key]] = KEYS

    def sample(self, crystal: Crystal) -> FlatSample:
        """Return the atoms of a crystal and their pairs, in small dtypes.

        Atoms are wrapped into the cell, so that no place is far away, but where coordinates count
        as they are written.

        Args:
            crystal: with its atoms.

        Returns:
            by the names of the keys: ``numbers`` uint8 ``[n]``; ``positions`` float32 ``[n, 3]``,
            in Å; ``cells`` float32 ``[3, 3]``; ``centres`` and ``neighbours`` int16 ``[k]``;
            ``shifts`` int8 or int32 ``[k, 3]``.

        Raises:
            stratus.errors.InputError: the crystal has no atoms or too many, a number is not finite
                or of no element, or the lattice has no volume.
        """
        require_facet(self, crystal, "give a structure, a CIF or POSCAR file, say")
        atoms = cast("AtomArrays", crystal.atoms)
        check_atoms(atoms)
        most = self.config.max_atoms
        if len(atoms.numbers) > most:
            raise InputError(
                f"a crystal of {len(atoms.numbers)} atoms is larger than the model takes, {most}; "
                "give its primitive cell, or take a model with a larger max_atoms"
            )
        frac = atoms.frac
        if self.config.geometry is not Geometry.ABSOLUTE:
            frac = frac - np.floor(frac)
        centres, neighbours, shifts = self._pairs(atoms.lattice, frac)
        place = np.int16 if most <= _INT16_MAX else np.int32
        return {
            NUMBERS: atoms.numbers.astype(np.uint8),
            POSITIONS: (frac @ atoms.lattice).astype(np.float32),
            CELLS: atoms.lattice.astype(np.float32),
            CENTRES: centres.astype(place),
            NEIGHBOURS: neighbours.astype(place),
            SHIFTS: compact_shifts(shifts),
        }

    def sizes(self, samples: Sequence[FlatSample]) -> Ints:
        """Return the atoms of each sample, int64 ``[B]``."""
        return part_sizes(samples, KEYS) if samples else np.zeros(0, dtype=np.int64)

    def notes(self, sample: FlatSample) -> tuple[str, ...]:
        """Say how many atoms have no neighbour within the cutoff, if any."""
        if self.config.geometry is not Geometry.NEIGHBOURS:
            return ()
        return alone_note(sample, self.config.cutoff_a)

    def collate(self, samples: Sequence[FlatSample]) -> Batch:
        """Return what the view ``graph`` does, and ``mask`` bool ``[B, n]`` and ``padding``.

        The mask says which places are atoms where crystals are rows of ``n`` atoms; atom ``k`` of a
        crystal is at place ``k``.

        Raises:
            stratus.errors.InputError: there is no sample.
        """
        return flat_batch(samples, KEYS) | mask_tensors(part_sizes(samples, KEYS))

    def _pairs(
        self, lattice: npt.NDArray[np.float64], frac: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        if self.config.geometry is Geometry.ABSOLUTE:
            problem = lattice_problem(lattice, volume_and_heights(lattice)[1])
            if problem is not None:
                raise InputError(f"coordinates in a broken cell: {problem}; check the cell")
            nothing = np.zeros(0, dtype=np.int64)
            return nothing, nothing, np.zeros((0, 3), dtype=np.int64)
        found: Neighbours = (
            nearest_images(lattice, frac)
            if self.config.geometry is Geometry.DISTANCES
            else within(lattice, frac, self.config.cutoff_a)
        )
        return found.centres, found.neighbours, found.shifts
