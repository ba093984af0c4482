"""Which columns of a table hold the structure and the id."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stratus.crystals.entry import Code
from stratus.crystals.reading.refusal import Refusal
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratus.crystals.reading.record import ReadOptions

_STRUCTURE_NAMES = ("cif", "structure", "poscar")
_ID_NAMES = ("id", "material_id", "mp_id", "mbid", "key", "immutable_id")
_LATTICES = ("lattice", "cell")
_PLACES = ("frac_coords", "coords")
_OPTIMADE = ("lattice_vectors", "cartesian_site_positions", "species_at_sites")


@dataclass(frozen=True, slots=True)
class TableColumns:
    """The columns that make a crystal.

    Attributes:
        id: the column of the ids, or ``None``.
        structure: the column that holds whole structures, or ``None``.
        lattice: ``lattice`` (9 numbers) or ``cell`` (6), where there is no structure column; or
            ``lattice_vectors``, as OPTIMADE calls it.
        coords: ``frac_coords`` or ``coords``, where there is no structure column; or
            ``cartesian_site_positions``.
        species: ``species``, or ``species_at_sites``.
    """

    id: str | None
    structure: str | None
    lattice: str | None = None
    coords: str | None = None
    species: str = "species"

    def used(self) -> frozenset[str]:
        """Return the columns that are no labels."""
        if self.structure is not None:
            return frozenset({self.structure})
        parts = {self.lattice or "", self.species, "species", self.coords or "", "cartesian"}
        return frozenset(parts)


def find_columns(names: Sequence[str], source: str, options: ReadOptions) -> TableColumns:
    """Return the columns of a table that hold structures and ids.

    Args:
        names: the table's columns.
        source: the table, for messages.
        options: ``structure_column`` and ``id_column``, where the caller named them.

    Raises:
        InputError: a column that the caller named is missing.
        Refusal: no column of structures was found.
    """
    lower = {name.lower(): name for name in reversed(names)}
    id_column = _named(options.id_column, names, source)
    if id_column is None:
        id_column = next((lower[name] for name in _ID_NAMES if name in lower), None)
    structure = _named(options.structure_column, names, source)
    if structure is not None:
        return TableColumns(id_column, structure)
    for name in _STRUCTURE_NAMES:
        if name in lower:
            return TableColumns(id_column, lower[name])
    lattice = next((name for name in _LATTICES if name in names), None)
    coords = next((name for name in _PLACES if name in names), None)
    if lattice is not None and coords is not None and "species" in names:
        return TableColumns(id_column, None, lattice, coords)
    if all(name in names for name in _OPTIMADE):
        return TableColumns(id_column, None, *_OPTIMADE)
    raise Refusal(
        Code.NOT_A_STRUCTURE,
        f"the table has no column of structures among {', '.join(names) or 'none'}; "
        "name it with structure_column (--structure)",
    )


def _named(wanted: str | None, names: Sequence[str], source: str) -> str | None:
    if wanted is None or wanted in names:
        return wanted
    close = difflib.get_close_matches(wanted, names, n=3)
    hint = f"; did you mean {' or '.join(close)}?" if close else f"; it has {', '.join(names)}"
    raise InputError(f"{source} has no column {wanted!r}{hint}")
