"""What a file holds, by its columns: strings, structures, or formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from stratus.corpora.tables.text_rows import FORMULA_NAMES, SCOPE, SPACE_GROUP_NAMES
from stratus.crystals.facets import USUAL_STRINGS, Facet, ReadFacet
from stratus.crystals.reading.column_names import (
    find_column,
    first_column,
    named_column,
    plain_name,
)
from stratus.crystals.reading.table_columns import has_structures
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection

    from stratus.corpora.tables.crystal_file import CrystalFile
    from stratus.corpora.tables.text_rows import RowReader
    from stratus.crystals.reading import ReadOptions


STRINGS: Final = ReadFacet(Facet.SCOPE, USUAL_STRINGS)
"""What is read where nothing says otherwise."""


class Layout(NamedTuple):
    """What a file holds.

    Attributes:
        reader: how its rows become strings; ``None`` where they are structures, to be encoded.
        columns: the names of all columns; ``None`` for a file that is no table.
    """

    reader: RowReader | None
    columns: tuple[str, ...] | None


def file_layout(
    file: CrystalFile,
    labels: Collection[str] = (),
    formula_columns: tuple[str | None, str | None] = (None, None),
    reads: ReadFacet = STRINGS,
) -> Layout:
    """Find out what a file holds.

    A column that the caller named decides; else a column ``scope``, then structures, then a
    column of formulas.

    Args:
        file: the file; no row of it is read.
        labels: the columns of the labels, which are never taken for space groups.
        formula_columns: the columns of formulas and of space groups, where the caller named them.
        reads: what is read of the crystals.

    Raises:
        stratus.errors.InputError: a column that was named is missing, the names contradict, or
            formulas cannot be written in the dialect.
    """
    if file.read.structure_column is not None and any(formula_columns):
        raise InputError(
            "a table is read as structures or as formulas, not as both; name a "
            "structure_column, or a formula_column with a space_group_column"
        )
    if file.columns is None:
        for column in formula_columns:
            if column is not None:
                raise InputError(f"{file.path} is no table, so it has no column {column!r}")
        return Layout(None, None)
    return layout_of(file.columns, str(file.path), file.read, labels, formula_columns, reads=reads)


def layout_of(
    names: tuple[str, ...],
    source: str,
    read: ReadOptions,
    labels: Collection[str] = (),
    formula_columns: tuple[str | None, str | None] = (None, None),
    *,
    reads: ReadFacet = STRINGS,
) -> Layout:
    """Find out what a table holds by the names of its columns.

    Args:
        names: the columns.
        source: the table, for messages.
        read: the columns of structures and ids, where the caller named them.
        labels: as of :func:`file_layout`.
        formula_columns: the columns of formulas and of space groups, where the caller named them.
        reads: what is read of the crystals.

    Raises:
        stratus.errors.InputError: as of :func:`file_layout`.
    """
    formula_column, space_group_column = formula_columns
    if read.structure_column is not None:
        named_column(read.structure_column, names, source)
        return Layout(None, names)
    if reads.facet is Facet.ATOMS:
        _require_atoms(names, source, read, formula_columns)
        return Layout(None, names)
    if formula_column is not None:
        formula: str | None = named_column(formula_column, names, source)
    else:
        if space_group_column is None:
            scope = find_column(SCOPE, names, source)
            if scope is not None:
                return Layout(_strings(scope, reads), names)
            if has_structures(names, source, read):
                return Layout(None, names)
        labelled = {find_column(label, names, source) for label in labels}
        formula = first_column(
            FORMULA_NAMES, [name for name in names if name not in labelled], source
        )
    if formula is not None:
        reader = _formulas(source, formula, space_group_column, names, labels, reads)
        return Layout(reader, names)
    if space_group_column is not None:
        raise InputError(
            f"{source} has no column {' or '.join(FORMULA_NAMES)}, to which the space groups in "
            f"{space_group_column!r} would belong; name it with formula_column"
        )
    return Layout(None, names)


def tells_atoms(
    names: tuple[str, ...] | None,
    source: str,
    read: ReadOptions,
    formula_columns: tuple[str | None, str | None] = (None, None),
) -> bool:
    """Return whether the crystals of a table or file have coordinates, by the names of its columns.

    Args:
        names: the columns; None for a file that is no table, which is taken for structures.
        source: the table, for messages.
        read: the columns of structures and ids, where the caller named them.
        formula_columns: the columns of formulas and of space groups, where the caller named them.
    """
    if any(formula_columns):
        return False
    return names is None or read.structure_column is not None or has_structures(names, source, read)


def _require_atoms(
    names: tuple[str, ...],
    source: str,
    read: ReadOptions,
    formula_columns: tuple[str | None, str | None],
) -> None:
    """Refuse a table that says nothing of atoms."""
    if tells_atoms(names, source, read, formula_columns):
        return
    there = [name for name in names if plain_name(name) in {SCOPE, *FORMULA_NAMES}]
    has = f"; it has {' and '.join(there)}, which tell nothing of them" if there else ""
    raise InputError(
        f"the model reads atoms, and {source} has no columns of structures, such as lattice, "
        f"species and frac_coords{has}; give the structures, or take a model of what is there"
    )


def _strings(column: str, reads: ReadFacet) -> RowReader:
    from stratus.corpora.tables.strings import Strings
    from stratus.scope.dialects import Dialect

    return Strings(Dialect(str(reads.strings)), column)


def _formulas(
    source: str,
    formula: str,
    space_group: str | None,
    names: tuple[str, ...],
    labels: Collection[str],
    reads: ReadFacet,
) -> RowReader:
    if reads.strings != STRINGS.strings:
        raise InputError(
            f"{source} holds formulas, which can be written in the {STRINGS.strings} dialect "
            f"alone, and {reads.strings} is read here"
        )
    from stratus.corpora.tables.formulas import Formulas

    labelled = {find_column(label, names, source) for label in labels} - {None}
    if space_group is None:
        free = [name for name in names if name not in labelled and name != formula]
        space_group = first_column(SPACE_GROUP_NAMES, free, source)
    else:
        space_group = named_column(space_group, names, source)
    for name in (formula, space_group):
        if name in labelled:
            raise InputError(
                f"the column {name!r} is both what is known of a crystal and a label; choose one"
            )
    return Formulas(formula, space_group)
