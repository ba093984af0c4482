"""From the rows of a table that need no encoding to a labelled table."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pyarrow as pa

from stratus.corpora.tables.positions_in_words import row_in_words
from stratus.corpora.tables.text_rows import text_rows
from stratus.crystals.entry import Code, Reject, Stage
from stratus.crystals.reading.table_rows import TableSlice, label_column

if TYPE_CHECKING:
    from stratus.corpora.tables.columns import Gathered
    from stratus.corpora.tables.crystal_file import CrystalFile
    from stratus.corpora.tables.text_rows import RowReader
    from stratus.crystals.facets import Crystal

_LOG = logging.getLogger(__name__)


def gather(file: CrystalFile, of: RowReader, gathered: Gathered) -> list[Reject]:
    """Take the rows of a table; return the rejects.

    Args:
        file: the table.
        of: how rows become strings.
        gathered: where the rows go.

    Raises:
        stratus.errors.InputError: a column is missing, or a label is a mistake.
    """
    rejects: list[Reject] = []
    taken: dict[str, str] = {}
    for record in file.records(of.column):
        if isinstance(record, Reject):
            rejects.append(record)
        elif isinstance(record.payload, TableSlice):
            _gather(record.payload, record.id, of, gathered, rejects, taken)
    return rejects


def _gather(
    payload: TableSlice,
    stem: str,
    of: RowReader,
    gathered: Gathered,
    rejects: list[Reject],
    taken: dict[str, str],
) -> None:
    """Take a slice.

    Args:
        payload: some rows.
        stem: what the id of a row without one begins with.
        of: how rows become strings.
        gathered: where the rows go.
        rejects: where the others go.
        taken: the source of each id so far.
    """
    batch = payload.batch
    own = {*of.own, payload.columns.id}
    names, materials = batch.schema.names, gathered.materials
    found_at = gathered.wanted.columns([n for n in names if n not in own], payload.table)
    columns = {name: label_column(batch, column) for name, column in found_at.items()}
    materials.look(names, payload.columns.id, payload.table)
    rows = text_rows(payload, stem, of)

    def where(place: int) -> str:
        return row_in_words(rows[place].source, rows[place].id)

    gathered.look(columns, where)
    good: list[int] = []
    ids: list[str] = []
    crystals: list[Crystal] = []
    for place, row in enumerate(rows):
        if row.reject is not None:
            rejects.append(row.reject)
        elif row.id in taken and not materials.are_ids:
            came = taken[row.id]
            detail = f"The id is taken by {came}, which came first; give this one another."
            rejects.append(Reject(row.id, row.source, Stage.COLLECTING, Code.DUPLICATE_ID, detail))
        elif row.crystal is not None:
            taken[row.id] = row.source
            good.append(place)
            ids += materials.row_ids([row.id], [row.source])
            crystals.append(row.crystal)
    noted = [place for place, one in zip(good, crystals, strict=True) if one.notes]
    if noted:
        first = rows[noted[0]]
        said = " ".join(first.crystal.notes if first.crystal is not None else ())
        _LOG.warning("%s: %s (1 of %d such rows here)", first.source, said, len(noted))
    places = pa.array(good, pa.int64())
    gathered.add(
        ids,
        crystals,
        {name: column.take(places) for name, column in columns.items()},
        lambda place: where(good[place]),
    )
    others = {name: label_column(batch, name).take(places) for name in materials.found_in(names)}
    materials.add([rows[place].id for place in good], others, lambda place: where(good[place]))
