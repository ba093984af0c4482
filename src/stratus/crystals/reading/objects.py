"""Structures that are already in memory: pymatgen's and ASE's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stratus.crystals.elements import deuterium_note
from stratus.crystals.entry import Code, Entry, Reject, Stage
from stratus.crystals.reading.building import build, fractional
from stratus.crystals.reading.periodicity import periodic_notes
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from stratus.crystals.reading.record import ReadOptions


def entry_of_structure(
    structure: Structure,
    id: str,  # noqa: A002 - the field's name
    source: str,
    options: ReadOptions,
) -> Entry | Reject:
    """Return the entry of a pymatgen ``Structure``, sites in its order.

    Raises:
        Refusal: a site is partially occupied or a dummy.
    """
    numbers, names, charged = [], [], False
    isotopes = set[str]()
    for position, site in enumerate(structure):
        if not site.is_ordered:
            raise Refusal(
                Code.PARTIAL_OCCUPANCY,
                f"site {position} is partially occupied ({site.species_string}); stratus reads "
                "ordered crystals: choose an ordered model of it first",
                Stage.CHECKING,
            )
        specie = site.specie
        number = getattr(specie, "Z", 0)
        if "Dummy" in type(specie).__name__ or not 1 <= number <= 118:
            raise Refusal(
                Code.DUMMY_SPECIES,
                f"site {position} holds {specie}, which is no element",
                Stage.CHECKING,
            )
        isotope = getattr(getattr(specie, "element", specie), "name", "")  # pymatgen writes H
        if isotope == "T":
            raise Refusal(
                Code.DUMMY_SPECIES,
                f"site {position} holds T, which is a tetrahedral site more often than tritium",
                Stage.CHECKING,
            )
        numbers.append(int(number))
        names.append(str(specie).replace("D", "H", 1) if isotope == "D" else str(specie))
        isotopes.add(isotope)
        charged = charged or bool(getattr(specie, "oxi_state", None))
    return build(
        id=id,
        source=source,
        lattice=np.array(structure.lattice.matrix, dtype=np.float64),
        numbers=np.array(numbers, dtype=np.int64),
        frac_coords=np.array(structure.frac_coords, dtype=np.float64).reshape(-1, 3),
        options=options,
        species=tuple(names) if charged else None,
        notes=(
            *deuterium_note(isotopes),
            *periodic_notes(getattr(structure.lattice, "pbc", None)),
        ),
    )


def entry_of_atoms(
    atoms: Any,
    id: str,  # noqa: A002 - the field's name
    source: str,
    options: ReadOptions,
) -> Entry | Reject:
    """Return the entry of an ASE ``Atoms``; the scalars of its ``info`` are labels.

    Raises:
        Refusal: it has no cell, or holds a dummy.
    """
    lattice = np.array(atoms.cell[:], dtype=np.float64).reshape(3, 3)
    numbers = np.array(atoms.get_atomic_numbers(), dtype=np.int64)
    if not lattice.any():
        raise Refusal(Code.NOT_A_STRUCTURE, "the atoms have no cell: a molecule is no crystal")
    if len(numbers) and numbers.min() < 1:
        raise Refusal(Code.DUMMY_SPECIES, "an atom has number 0, a dummy", Stage.CHECKING)
    coords = fractional(np.array(atoms.positions, dtype=np.float64).reshape(-1, 3), lattice)
    labels = {
        key: value
        for key, value in atoms.info.items()
        if isinstance(key, str) and isinstance(value, (str, int, float, bool))
    }
    return build(
        id=id,
        source=source,
        lattice=lattice,
        numbers=numbers,
        frac_coords=coords,
        options=options,
        labels=labels,
        notes=periodic_notes(atoms.pbc),
    )
