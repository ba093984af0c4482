"""Tables that say in text what is known of each crystal: SCOPE strings, or formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratus.corpora.tables.text_rows import text_rows
from stratus.crystals.entry import Reject
from stratus.crystals.reading.table_rows import TableSlice, label_column
from stratus.inference.row import Row, row_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stratus.corpora.tables.crystal_file import CrystalFile
    from stratus.corpora.tables.text_rows import RowReader


def text_table(file: CrystalFile, reader: RowReader, *, keep: bool = False) -> Iterator[Row]:
    """Yield what is known of each row of a table, or why nothing is.

    Args:
        file: the table.
        reader: how its rows become strings.
        keep: whether rows carry the other columns.

    Raises:
        stratus.errors.InputError: a row says that its string is written in another way.
    """
    for record in file.records(reader.column):
        if isinstance(record, Reject):
            yield Row(record.id, None, record, record.source)
        elif isinstance(record.payload, TableSlice):
            part = record.payload
            found = text_rows(part, record.id, reader)
            formulas = _formulas(part, reader)
            own = _own(part) if keep else [{}] * len(found)
            for one, formula, columns in zip(found, formulas, own, strict=True):
                row = row_of(one)
                yield row._replace(formula=row.formula or formula, own=columns)


def _own(part: TableSlice) -> list[dict[str, Any]]:
    """Return the user's columns of each row, the id left out; texts as they are written."""
    names = [name for name in part.batch.schema.names if name != part.columns.id]
    columns = [label_column(part.batch, name).to_pylist() for name in names]
    if not names:
        return [{}] * part.batch.num_rows
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _formulas(part: TableSlice, reader: RowReader) -> list[str]:
    """Return the formula of each row as the table says it, for those that cannot be read."""
    if not reader.has_formulas:
        return [""] * part.batch.num_rows
    cells = part.batch.column(reader.column).to_pylist()
    return ["" if cell is None else str(cell).strip() for cell in cells]
