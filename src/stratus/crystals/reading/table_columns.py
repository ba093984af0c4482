"""Which columns of a table hold the structure and the id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stratus.crystals.entry import Code
from stratus.crystals.reading.column_names import find_column, first_column, named_column
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratus.crystals.reading.record import ReadOptions

_STRUCTURE_NAMES = ("cif", "structure", "poscar")
_ID_NAMES = ("id", "material_id", "mp_id", "mbid", "key", "immutable_id")
_LATTICES = ("lattice", "cell")
_PLACES = ("frac_coords", "coords")
_SPECIES, _CARTESIAN = "species", "cartesian"
_OPTIMADE = ("lattice_vectors", "cartesian_site_positions", "species_at_sites")

TAKEN = (
    f"{', '.join(_STRUCTURE_NAMES)} (structures); {' or '.join(_LATTICES)} with {_SPECIES} and "
    f"{' or '.join(_PLACES)}; and, in a table that is named itself, scope (strings), formula or "
    "composition (formulas)"
)
"""What would have been taken, in words."""


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
        cartesian: the column that says whether ``coords`` are Cartesian, if there is one.
    """

    id: str | None
    structure: str | None
    lattice: str | None = None
    coords: str | None = None
    species: str = "species"
    cartesian: str | None = None

    def used(self) -> frozenset[str]:
        """Return the columns that are no labels."""
        if self.structure is not None:
            return frozenset({self.structure})
        parts = {self.lattice, self.species, _SPECIES, self.coords, self.cartesian}
        return frozenset(part for part in parts if part is not None)


@dataclass(slots=True)
class TableHeader:
    """The columns of a table, before its rows.

    Attributes:
        names: all of them.
        table: the table's source.
        columns: which of them make a crystal; whoever reads the table may set it before asking
            for the next record, else they are found by their names.
    """

    names: tuple[str, ...]
    table: str
    columns: TableColumns | None = None


def find_columns(names: Sequence[str], source: str, options: ReadOptions) -> TableColumns:
    """Return the columns of a table that hold structures and ids.

    Args:
        names: the table's columns.
        source: the table, for messages.
        options: ``structure_column`` and ``id_column``, where the caller named them.

    Raises:
        InputError: a column that the caller named is missing, or several could be one of them.
        Refusal: no column of structures was found.
    """
    id_column = find_id_column(names, source, options)
    if options.structure_column is not None:
        return TableColumns(id_column, named_column(options.structure_column, names, source))
    structure = first_column(_STRUCTURE_NAMES, names, source)
    if structure is not None:
        return TableColumns(id_column, structure)
    lattice = first_column(_LATTICES, names, source)
    coords = first_column(_PLACES, names, source)
    species = find_column(_SPECIES, names, source)
    if lattice is not None and coords is not None and species is not None:
        cartesian = find_column(_CARTESIAN, names, source)
        return TableColumns(id_column, None, lattice, coords, species, cartesian)
    if all(name in names for name in _OPTIMADE):
        return TableColumns(id_column, None, *_OPTIMADE)
    raise Refusal(
        Code.NOT_A_STRUCTURE,
        f"the table has none of the columns that are taken: {TAKEN}; it has "
        f"{', '.join(names) or 'none'}; name the one of the structures with structure_column "
        "(--structure)",
    )


def find_id_column(names: Sequence[str], source: str, options: ReadOptions) -> str | None:
    """Return the column of a table that holds the ids, None where rows have none.

    Raises:
        InputError: the column that the caller named is missing, or several could be it.
    """
    if options.id_column is not None:
        return named_column(options.id_column, names, source)
    return first_column(_ID_NAMES, names, source)


def has_structures(names: Sequence[str], source: str, options: ReadOptions) -> bool:
    """Return whether a table has columns that hold structures; see :func:`find_columns`."""
    try:
        find_columns(names, source, options)
    except Refusal:
        return False
    return True
