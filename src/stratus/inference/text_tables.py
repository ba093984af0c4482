"""Tables that say in text what is known of each crystal: SCOPE strings, or formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratus.corpora.tables.crystal_file import CrystalFile
from stratus.corpora.tables.formulas import Formulas
from stratus.corpora.tables.gathering import with_column
from stratus.corpora.tables.layout import file_layout
from stratus.crystals.entry import Reject
from stratus.crystals.reading import records
from stratus.crystals.reading.table_rows import TableSlice, label_column, row_ids
from stratus.inference.row import Row, text_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stratus.corpora.tables.gathering import RowReader
    from stratus.crystals.reading import ReadOptions
    from stratus.crystals.reading.file_names import FileNames
    from stratus.scope import Dialect


def text_table(
    path: Path, dialect: Dialect, read: ReadOptions, names: FileNames, *, keep: bool = False
) -> Iterator[Row] | None:
    """Return what is known of each row of a table, or why nothing is.

    Args:
        path: the table.
        dialect: of the strings.
        read: the columns of ids and structures, where the caller named them.
        names: what the files of all inputs are called.
        keep: whether rows carry the other columns.

    Returns:
        None for a table of structures, which have to be encoded, and for what is no table.

    Raises:
        stratus.errors.InputError: a column that was named is missing, or the table cannot be of
            the dialect.
    """
    reader = file_layout(CrystalFile(path, read), dialect=dialect).reader
    return None if reader is None else _rows(path, read, reader, dialect, names, keep=keep)


def _rows(
    path: Path,
    read: ReadOptions,
    reader: RowReader,
    dialect: Dialect,
    names: FileNames,
    *,
    keep: bool,
) -> Iterator[Row]:
    for record in records([path], with_column(read, reader.column), None, names):
        if isinstance(record, Reject):
            yield Row(record.id, None, record, record.source)
        elif isinstance(record.payload, TableSlice):
            part = record.payload
            ids, sources, notes = _names(part, record.id)
            found = reader.rows(part.batch, sources.__getitem__)
            given = _as_given(part, reader)
            own = _own(part) if keep else [{}] * len(ids)
            for place, (name, source, row) in enumerate(zip(ids, sources, found, strict=True)):
                one = text_row(name, source, row, dialect)
                yield one._replace(
                    formula=one.formula or given[place],
                    notes=(*notes[place], *row.notes),
                    own=own[place],
                )


def _own(part: TableSlice) -> list[dict[str, Any]]:
    """Return the user's columns of each row, the id left out; texts as they are written."""
    names = [name for name in part.batch.schema.names if name != part.columns.id]
    columns = [label_column(part.batch, name).to_pylist() for name in names]
    if not names:
        return [{}] * part.batch.num_rows
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _as_given(part: TableSlice, reader: RowReader) -> list[str]:
    """Return the formula of each row as the table says it, for those that cannot be read."""
    if not isinstance(reader, Formulas):
        return [""] * part.batch.num_rows
    cells = part.batch.column(reader.column).to_pylist()
    return ["" if cell is None else str(cell).strip() for cell in cells]


def _names(part: TableSlice, stem: str) -> tuple[list[str], list[str], list[tuple[str, ...]]]:
    """Return the id, the source and the notes of each row."""
    named = row_ids(part, stem)
    first = part.first_row
    return (
        [name for name, _ in named],
        [f"{part.table}:{number}" for number in range(first, first + len(named))],
        [() if note is None else (note,) for _, note in named],
    )
