"""Tables as slices, one in memory at a time."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from stratus.crystals.entry import Code, Reject
from stratus.crystals.reading.csv_batches import csv_batches
from stratus.crystals.reading.excel_batches import excel_batches
from stratus.crystals.reading.record import Record
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.reading.table_columns import TableHeader, find_columns
from stratus.crystals.reading.table_rows import TableSlice
from stratus.files.text import writable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from stratus.crystals.reading.record import ReadOptions

SLICE_ROWS = 512
TABLES = frozenset({"csv", "tsv", "parquet", "xlsx"})
"""Formats of tables."""

SEPARATORS = {"csv": ",", "tsv": "\t"}
"""The separator that the name of a table tells; its text may tell another."""


def table_records(
    file: Path | BinaryIO, kind: str, stem: str, source: str, options: ReadOptions
) -> Iterator[Record | Reject]:
    """Yield the slices of a table, in order; before them its header, if the options say so.

    Args:
        file: an open file; of a Parquet table or a workbook also a path, and it must be able to
            seek.
        kind: ``parquet``, ``xlsx``, ``csv`` or ``tsv``.
        stem: what the ids of rows without one begin with.
        source: the table's source.
        options: names of columns.

    Raises:
        InputError: a column that the caller named is missing.
        Refusal: no table, no column of structures, or broken in the middle (after its good rows).
    """
    import pyarrow as pa

    first = 0
    columns = None
    try:
        for batch in _batches(file, kind, stem, source, options):
            if isinstance(batch, Reject):
                yield batch
                continue
            if columns is None:
                header = TableHeader(tuple(batch.schema.names), source)
                if options.headers:
                    yield Record(stem, source, "header", header, 0)
                columns = header.columns or find_columns(header.names, source, options)
            for start in range(0, batch.num_rows, SLICE_ROWS):
                part = batch.slice(start, SLICE_ROWS)
                payload = TableSlice(part, columns, first, source)
                last = first + part.num_rows - 1
                yield Record(stem, f"{source}:{first}-{last}", "table", payload, part.num_rows)
                first += part.num_rows
    except (pa.ArrowException, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise Refusal(
            Code.UNREADABLE, f"the table cannot be read from row {first} on: {reason}"
        ) from error


def _batches(
    file: Path | BinaryIO, kind: str, stem: str, source: str, options: ReadOptions
) -> Iterator[pa.RecordBatch | Reject]:
    if kind == "xlsx":
        yield from excel_batches(file, stem, source, options)
        return
    if kind != "parquet" and not isinstance(file, Path):
        yield from csv_batches(file, SEPARATORS[kind], stem, source)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    with ExitStack() as stack:
        if isinstance(file, Path) and writable(str(file)) != str(file):  # Arrow opens no such name
            file = stack.enter_context(file.open("rb"))
        table = stack.enter_context(pq.ParquetFile(file))
        yield pa.RecordBatch.from_pylist([], schema=table.schema_arrow)
        # one row group at a time: Arrow keeps the nesting levels of list columns of all of them
        for group in range(table.num_row_groups):
            yield from table.iter_batches(batch_size=SLICE_ROWS, row_groups=[group])
