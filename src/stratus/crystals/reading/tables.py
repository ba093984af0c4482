"""Tables as slices, one in memory at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from stratus.crystals.entry import Code
from stratus.crystals.reading.record import Record
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.reading.table_columns import find_columns
from stratus.crystals.reading.table_rows import TableSlice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from stratus.crystals.reading.record import ReadOptions

SLICE_ROWS = 512


def table_records(
    file: Path | BinaryIO, kind: str, stem: str, source: str, options: ReadOptions
) -> Iterator[Record]:
    """Yield the slices of a table, in order.

    Args:
        file: a path, or an open file; a Parquet one must be able to seek.
        kind: ``parquet``, ``csv`` or ``tsv``.
        stem: what the ids of rows without one begin with.
        source: the table's source.
        options: names of columns.

    Raises:
        InputError: a column that the caller named is missing.
        Refusal: no table, no column of structures, or broken in the middle (after its good rows).
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy

    first = 0
    columns = None
    try:
        for batch in _batches(file, kind):
            if columns is None:
                columns = find_columns(batch.schema.names, source, options)
            for start in range(0, batch.num_rows, SLICE_ROWS):
                part = batch.slice(start, SLICE_ROWS)
                payload = TableSlice(part, columns, first, source)
                last = first + part.num_rows - 1
                yield Record(stem, f"{source}:{first}-{last}", "table", payload, part.num_rows)
                first += part.num_rows
    except pa.ArrowInvalid as error:
        reason = " ".join(str(error).split())
        raise Refusal(
            Code.UNREADABLE, f"the table cannot be read after row {first - 1}: {reason}"
        ) from error


def _batches(file: Path | BinaryIO, kind: str) -> Iterator[pa.RecordBatch]:
    if kind == "parquet":
        import pyarrow.parquet as pq  # noqa: PLC0415 - heavy

        with pq.ParquetFile(file) as table:
            if table.metadata.num_rows == 0:
                yield table.schema_arrow.empty_table().to_batches()[0]
            yield from table.iter_batches(batch_size=SLICE_ROWS)
        return
    yield from _csv_batches(file, "\t" if kind == "tsv" else ",")


def _csv_batches(file: Path | BinaryIO, delimiter: str) -> Iterator[pa.RecordBatch]:
    """Yield batches of a CSV; no word stands for a missing value, an empty cell does."""
    import pyarrow.csv as pc  # noqa: PLC0415 - heavy

    with pc.open_csv(
        file,
        read_options=pc.ReadOptions(block_size=1 << 22),
        parse_options=pc.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pc.ConvertOptions(null_values=[""], strings_can_be_null=True),
    ) as reader:
        yield from reader
