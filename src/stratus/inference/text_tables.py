"""Tables that say in text what is known of each crystal: SCOPE strings, or formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratus.corpora.labelled.formulas import Formulas
from stratus.corpora.labelled.gathering import with_column
from stratus.corpora.labelled.layout import find_layout
from stratus.corpora.labelled.strings import DIALECT, SCOPE
from stratus.crystals.entry import Code, Reject, Stage
from stratus.crystals.reading import records
from stratus.crystals.reading.table_rows import TableSlice
from stratus.errors import InputError, StratusError
from stratus.models.given import Given, read_text
from stratus.scope import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from stratus.crystals.reading import ReadOptions

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
    reader = find_layout(path, read, ()).reader
    if reader is None:
        return None
    formulas = reader if isinstance(reader, Formulas) else None
    if formulas is not None and dialect != Dialect.ORBIT:
        raise InputError(
            f"{path} holds formulas, which only models of the orbit dialect take; this one reads "
            f"the {dialect} dialect"
        )
    return _rows(path, dialect, with_column(read, reader.column), formulas)


def _rows(
    path: Path, dialect: Dialect, read: ReadOptions, formulas: Formulas | None
) -> Iterator[Found]:
    for record in records([path], read):
        if isinstance(record, Reject):
            yield record.id, None, record
        elif isinstance(record.payload, TableSlice):
            part = record.payload
            ids, sources = _names(part, record.id)
            if formulas is not None:
                outcomes = _of_formulas(part.batch, formulas)
            else:
                _check_dialect(part, dialect)
                outcomes = _of_strings(part.batch, dialect)
            for name, source, outcome in zip(ids, sources, outcomes, strict=True):
                if isinstance(outcome, Given):
                    yield name, outcome, None
                else:
                    code, detail = outcome
                    yield name, None, Reject(name, source, Stage.READING, code, detail)


def _names(part: TableSlice, stem: str) -> tuple[list[str], list[str]]:
    """Return the id and the source of each row."""
    numbers = range(part.first_row, part.first_row + part.batch.num_rows)
    column = part.columns.id
    named = part.batch.column(column).to_pylist() if column else [None] * len(numbers)
    texts = ["" if value is None else str(value).strip() for value in named]
    ids = [text or f"{stem}:{number}" for text, number in zip(texts, numbers, strict=True)]
    return ids, [f"{part.table}:{number}" for number in numbers]


def _of_formulas(batch: pa.RecordBatch, formulas: Formulas) -> Iterator[Given | tuple[Code, str]]:
    for row in formulas.rows(batch, str):
        yield read_text(row.text, Dialect.ORBIT) if row.code is None else (row.code, row.text)


def _of_strings(batch: pa.RecordBatch, dialect: Dialect) -> Iterator[Given | tuple[Code, str]]:
    for value in batch.column(SCOPE).to_pylist():
        text = str(value or "").strip()
        if not text:
            yield Code.UNREADABLE, f"The row has nothing in {SCOPE}."
            continue
        try:
            yield read_text(text, dialect)
        except StratusError as error:
            yield Code.UNREADABLE, str(error)


def _check_dialect(part: TableSlice, dialect: Dialect) -> None:
    if DIALECT not in part.batch.schema.names:
        return  # then each string has to prove it
    for place, value in enumerate(part.batch.column(DIALECT).to_pylist()):
        if value != dialect:
            raise InputError(
                f"{part.table}:{part.first_row + place} is of dialect {value!r}, but the model "
                f"reads the {dialect.value} dialect: encode the crystals with --dialect "
                f"{dialect.value}"
            )
