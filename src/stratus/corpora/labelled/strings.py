"""Tables that hold SCOPE strings already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stratus.corpora.labelled.places import row_in_words
from stratus.crystals.entry import Code, Reject, Stage
from stratus.crystals.reading import Record, records
from stratus.crystals.reading.table_rows import TableSlice
from stratus.errors import InputError
from stratus.scope import Dialect, Scope

if TYPE_CHECKING:
    import os

    from stratus.corpora.labelled.columns import Gathered
    from stratus.crystals.reading import ReadOptions

SCOPE, DIALECT = "scope", "dialect"


def holds_strings(path: str | os.PathLike[str], read: ReadOptions) -> bool:
    """Return whether a file is a table with a column ``scope``."""
    try:
        for record in records([Path(path)], _as_strings(read)):
            if isinstance(record, Record):
                return isinstance(record.payload, TableSlice)
    except InputError:  # no such column, or a mistake that reading it as structures will name
        return False
    return False


def gather_strings(
    path: str | os.PathLike[str], read: ReadOptions, gathered: Gathered
) -> list[Reject]:
    """Take the rows of a table of strings; return the rejects.

    Args:
        path: the table.
        read: the column of ids.
        gathered: where the rows go.

    Raises:
        InputError: a column is missing, the dialect is another, or a label is a mistake.
    """
    rejects: list[Reject] = []
    taken: dict[str, str] = {}
    known: dict[str, int | str] = {}
    for record in records([Path(path)], _as_strings(read)):
        if isinstance(record, Reject):
            rejects.append(record)
        elif isinstance(record.payload, TableSlice):
            _gather(record.payload, record.id, gathered, rejects, taken, known)
    return rejects


def _gather(
    payload: TableSlice,
    stem: str,
    gathered: Gathered,
    rejects: list[Reject],
    taken: dict[str, str],
    known: dict[str, int | str],
) -> None:
    """Take a slice.

    Args:
        payload: some rows.
        stem: what the id of a row without one begins with.
        gathered: where the rows go.
        rejects: where the others go.
        taken: the source of each id so far.
        known: of each string so far the atoms per cell, or what is wrong with it.
    """
    batch, of = payload.batch, payload.columns
    own = {SCOPE, of.id}
    gathered.wanted.require([n for n in batch.schema.names if n not in own], payload.table)
    rows = range(payload.first_row, payload.first_row + batch.num_rows)
    sources = [f"{payload.table}:{row}" for row in rows]
    named = batch.column(of.id).to_pylist() if of.id is not None else [None] * batch.num_rows
    ids = [_id(value, f"{stem}:{row}") for value, row in zip(named, rows, strict=True)]
    columns = {name: batch.column(name) for name in gathered.wanted.names}
    gathered.look(columns, lambda place: row_in_words(sources[place], ids[place]))
    _check_dialect(batch, ids, sources)
    good: list[int] = []
    texts = [str(text or "").strip() for text in batch.column(SCOPE).to_pylist()]
    for place, (name, source, text) in enumerate(zip(ids, sources, texts, strict=True)):
        atoms = known.get(text)
        if atoms is None:
            atoms = known[text] = _atoms(text)
        if isinstance(atoms, str):
            rejects.append(Reject(name, source, Stage.READING, Code.UNREADABLE, atoms))
        elif name in taken:
            detail = f"The id is taken by {taken[name]}, which came first; give this one another."
            rejects.append(Reject(name, source, Stage.COLLECTING, Code.DUPLICATE_ID, detail))
        else:
            taken[name] = source
            good.append(place)
    gathered.add(
        [ids[place] for place in good],
        [texts[place] for place in good],
        [int(known[texts[place]]) for place in good],
        {name: column.take(pa.array(good, pa.int64())) for name, column in columns.items()},
        lambda place: row_in_words(sources[good[place]], ids[good[place]]),
    )


def _as_strings(read: ReadOptions) -> ReadOptions:
    return read.model_copy(update={"structure_column": SCOPE})


def _id(value: Any, otherwise: str) -> str:
    text = "" if value is None else str(value).strip()
    return text or otherwise


def _check_dialect(batch: pa.RecordBatch, ids: list[str], sources: list[str]) -> None:
    if DIALECT not in batch.schema.names:
        return  # then each string has to prove it
    for place, dialect in enumerate(batch.column(DIALECT).to_pylist()):
        if dialect != Dialect.ORBIT:
            raise InputError(
                f"{row_in_words(sources[place], ids[place])} is of dialect {dialect!r}; labelled "
                f"tables are read in the {Dialect.ORBIT.value!r} dialect: encode the crystals with "
                f"--dialect {Dialect.ORBIT.value}"
            )


def _atoms(text: str) -> int | str:
    """Return the atoms of the primitive cell, or what is wrong with a string."""
    if not text:
        return f"The row has nothing in {SCOPE}."
    try:
        return Scope.parse(text).n_atoms
    except InputError as error:
        return str(error)
