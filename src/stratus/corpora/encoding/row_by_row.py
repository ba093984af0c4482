"""Table slices cut smaller: into shares of a chunk, and into rows where one row is to blame."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stratus.crystals.reading.table_rows import TableSlice

if TYPE_CHECKING:
    from stratus.crystals.reading.record import Record


def cut(record: Record, rows: int) -> list[Record]:
    """Return a table slice as slices of at most ``rows`` rows; other records as they are."""
    whole = record.payload
    if not isinstance(whole, TableSlice) or record.rows <= rows:
        return [record]
    pieces = []
    for start in range(0, record.rows, rows):
        batch = whole.batch.slice(start, rows)
        first = whole.first_row + start
        last = first + batch.num_rows - 1
        place = f"{whole.table}:{first}" if rows == 1 else f"{whole.table}:{first}-{last}"
        payload = replace(whole, batch=batch, first_row=first)
        pieces.append(replace(record, payload=payload, source=place, rows=batch.num_rows))
    return pieces
