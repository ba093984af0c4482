"""A table slice cut into its rows, so that a row on which reading stops costs itself alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stratus.crystals.reading.table_rows import TableSlice

if TYPE_CHECKING:
    from stratus.crystals.reading.record import Record


def single_rows(record: Record) -> list[Record]:
    """Return one record for each row of a table slice; other records as they are."""
    whole = record.payload
    if not isinstance(whole, TableSlice):
        return [record]
    rows = []
    for row in range(whole.batch.num_rows):
        number = whole.first_row + row
        payload = replace(whole, batch=whole.batch.slice(row, 1), first_row=number)
        rows.append(replace(record, payload=payload, source=f"{whole.table}:{number}", rows=1))
    return rows
