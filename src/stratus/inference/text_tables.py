"""Tables that say in text what is known of each crystal: SCOPE strings, or formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratus.corpora.labelled.gathering import with_column
from stratus.corpora.labelled.layout import find_layout
from stratus.crystals.entry import Reject, Stage
from stratus.crystals.reading import records
from stratus.crystals.reading.table_rows import TableSlice
from stratus.models.given import Given

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stratus.corpora.labelled.gathering import RowReader
    from stratus.crystals.reading import ReadOptions
    from stratus.scope import Dialect

    Found = tuple[str, Given | None, Reject | None]


def text_table(path: Path, dialect: Dialect, read: ReadOptions) -> Iterator[Found] | None:
    """Return id, what is known, and why nothing is, of each row of a table.

    Args:
        path: the table.
        dialect: of the strings.
        read: the columns of ids and structures, where the caller named them.

    Returns:
        None for a table of structures, which have to be encoded, and for what is no table.

    Raises:
        stratus.errors.InputError: a column that was named is missing, or the table can not be of
            the dialect.
    """
    reader = find_layout(path, read, (), dialect=dialect).reader
    return None if reader is None else _rows(path, read, reader)


def _rows(path: Path, read: ReadOptions, reader: RowReader) -> Iterator[Found]:
    for record in records([path], with_column(read, reader.column)):
        if isinstance(record, Reject):
            yield record.id, None, record
        elif isinstance(record.payload, TableSlice):
            part = record.payload
            ids, sources = _names(part, record.id)
            found = reader.rows(part.batch, sources.__getitem__)
            for name, source, row in zip(ids, sources, found, strict=True):
                if row.code is not None:
                    yield name, None, Reject(name, source, Stage.READING, row.code, row.text)
                else:
                    yield name, Given(row.text, row.n_atoms, row.known), None


def _names(part: TableSlice, stem: str) -> tuple[list[str], list[str]]:
    """Return the id and the source of each row."""
    numbers = range(part.first_row, part.first_row + part.batch.num_rows)
    column = part.columns.id
    named = part.batch.column(column).to_pylist() if column else [None] * len(numbers)
    texts = ["" if value is None else str(value).strip() for value in named]
    ids = [text or f"{stem}:{number}" for text, number in zip(texts, numbers, strict=True)]
    return ids, [f"{part.table}:{number}" for number in numbers]
