"""CSV and TSV as batches of text columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from stratus.crystals.entry import Code, Reject
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.reading.table_rows import TEXT_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator
    import pyarrow as pa

_BLOCK = 1 << 24  # bytes; no cell may be longer


def csv_batches(
    file: Path | BinaryIO, delimiter: str, stem: str, source: str
) -> Iterator[pa.RecordBatch | Reject]:
    """Yield batches in which every column is text, and a reject for each row of the wrong width.

    Nothing is guessed about types: ``NaN`` is sodium nitride until somebody asks for a number.
    An empty cell is null.

    Args:
        file: a path or an open file.
        delimiter: one character.
        stem: what the ids of bad rows begin with.
        source: the table's source.

    Raises:
        Refusal: the file is empty.
        pyarrow.ArrowInvalid: the file is broken from some row on.
    """
    import pyarrow as pa
    import pyarrow.csv as pc

    bad: list[Reject] = []

    def note(row: pc.InvalidRow) -> str:
        where = f"line {row.number}" if row.number is not None else "a row"
        refusal = Refusal(
            Code.UNREADABLE,
            f"{where} has {row.actual_columns} cells where the header has {row.expected_columns}",
        )
        bad.append(refusal.reject(f"{stem}:line{row.number}", f"{source}:line {row.number}"))
        return "skip"

    names, opened = _header(file, delimiter)
    if not names:
        raise Refusal(Code.NOT_A_STRUCTURE, "the table is empty")
    with pc.open_csv(
        opened,
        read_options=pc.ReadOptions(block_size=_BLOCK, use_threads=False, encoding="utf8"),
        parse_options=pc.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note
        ),
        convert_options=pc.ConvertOptions(
            column_types=dict.fromkeys(names, pa.binary()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            check_utf8=False,
        ),
    ) as reader:
        for batch in reader:
            yield from _drain(bad)
            columns = [_as_text(column) for column in batch.columns]
            schema = pa.schema(
                [(name, pa.large_string()) for name in batch.schema.names],
                metadata={TEXT_MARK: b""},
            )
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
    yield from _drain(bad)


def _drain(bad: list[Reject]) -> list[Reject]:
    out = list(bad)
    bad.clear()
    return out


def _as_text(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    try:
        return column.cast(pa.large_string())
    except pa.ArrowInvalid:  # not UTF-8
        values = [None if v is None else v.decode("latin-1") for v in column.to_pylist()]
        return pa.array(values, type=pa.large_string())


def _header(file: Path | BinaryIO, delimiter: str) -> tuple[list[str], object]:
    """Return the names of the columns, and what to read from, at its beginning."""
    import csv
    import io

    from stratus.crystals.reading.cif_text import decode

    stream = file.open("rb") if isinstance(file, Path) else file
    first = stream.readline(_BLOCK)
    names = next(csv.reader(io.StringIO(decode(first)), delimiter=delimiter), [])
    return names, _Again(first, stream)


class _Again:
    """A stream of which the first line is given back."""

    def __init__(self, first: bytes, rest: BinaryIO) -> None:
        self._first = first
        self._rest = rest
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes."""
        if self._first:
            head = self._first if size < 0 else self._first[:size]
            self._first = self._first[len(head) :]
            return head + self._rest.read() if size < 0 else head
        return self._rest.read(size)

    def readable(self) -> bool:
        """Return ``True``."""
        return True

    def close(self) -> None:
        """Stop reading; the file belongs to the caller."""
        self.closed = True
