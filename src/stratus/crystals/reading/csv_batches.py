"""CSV and TSV as batches of text columns."""

from __future__ import annotations

import codecs
import csv
from typing import TYPE_CHECKING, BinaryIO

from stratus.crystals.entry import Code, Reject
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.reading.table_rows import TEXT_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

_BLOCK = 1 << 24  # bytes; no cell may be longer


def csv_batches(
    file: BinaryIO, delimiter: str, stem: str, source: str
) -> Iterator[pa.RecordBatch | Reject]:
    """Yield batches in which every column is text, and a reject for each row of the wrong width.

    Nothing is guessed about types: ``NaN`` is sodium nitride until somebody asks for a number.
    An empty cell is null.

    Args:
        file: an open file.
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
        read_options=pc.ReadOptions(block_size=_BLOCK, use_threads=False),
        parse_options=pc.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note
        ),
        convert_options=pc.ConvertOptions(
            column_types=dict.fromkeys(names, pa.large_string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    ) as reader:
        yield pa.RecordBatch.from_pylist([], schema=reader.schema)  # its columns, if nothing else
        for batch in reader:
            yield from _drain(bad)
            yield batch.replace_schema_metadata({TEXT_MARK: b""})
    yield from _drain(bad)


def _drain(bad: list[Reject]) -> list[Reject]:
    out = list(bad)
    bad.clear()
    return out


def _header(file: BinaryIO, delimiter: str) -> tuple[list[str], object]:
    """Return the names of the columns, and what to read from, at its beginning."""
    first = file.readline(_BLOCK)
    try:
        names = next(csv.reader(_utf8(first).splitlines(), delimiter=delimiter), [])
    except csv.Error as error:
        raise Refusal(Code.UNREADABLE, f"the header of the table is broken: {error}") from error
    return names, _Utf8(first, file)


def _utf8(data: bytes) -> str:
    return data.decode("utf-8-sig", errors="surrogateescape").translate(_LATIN)


class _Utf8:
    """A stream from its first line on, in which bytes that are not UTF-8 become Latin-1 letters.

    Arrow drops a row of the wrong width without a word when it is not UTF-8.
    """

    def __init__(self, first: bytes, rest: BinaryIO) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8-sig")(errors="surrogateescape").decode
        self._first = first
        self._rest = rest
        self._ready = b""
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes, none only at the end."""
        while size < 0 or len(self._ready) < size:
            raw = self._first or self._rest.read(size if size >= 0 else -1)
            self._first = b""
            text = self._decode(raw, final=not raw)
            self._ready += text.translate(_LATIN).encode("utf-8", errors="replace")
            if not raw:
                break
        if size < 0:
            size = len(self._ready)
        out, self._ready = self._ready[:size], self._ready[size:]
        return out

    def readable(self) -> bool:
        """Return ``True``."""
        return True

    def close(self) -> None:
        """Stop reading; the file belongs to the caller."""
        self.closed = True


_LATIN = {0xDC00 + byte: chr(byte) for byte in range(0x80, 0x100)}
