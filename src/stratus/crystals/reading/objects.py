"""Structures of pymatgen that are already in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stratus.crystals.elements import deuterium_note
from stratus.crystals.entry import Code, Entry, Reject, Stage
from stratus.crystals.reading.building import build
from stratus.crystals.reading.periodicity import periodicity
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.reading.site_properties import labels_of_structure, site_columns

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from stratus.crystals.reading.record import ReadOptions


def entry_of_structure(
    structure: Structure,
    id: str,  # noqa: A002 - the field's name
    source: str,
    options: ReadOptions,
) -> Entry | Reject:
    """Return the entry of a pymatgen ``Structure``, sites and their properties in its order.

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
        labels=labels_of_structure(
            getattr(structure, "properties", None), getattr(structure, "_charge", None)
        ),
        notes=deuterium_note(isotopes),
        columns=site_columns([site.properties for site in structure]),
        periodic=periodicity(getattr(structure.lattice, "pbc", None)),
    )
