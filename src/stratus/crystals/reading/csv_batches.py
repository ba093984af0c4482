"""Tables of text as batches of text columns, whatever their encoding and separator."""

from __future__ import annotations

import codecs
import csv
import io
from typing import TYPE_CHECKING, BinaryIO

from stratus.crystals.entry import Code, Reject
from stratus.crystals.reading.archives import looked_into
from stratus.crystals.reading.column_names import usable_names
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.reading.table_rows import TEXT_MARK
from stratus.crystals.reading.table_text import LATIN, decoded, table_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from stratus.crystals.reading.table_text import TableText

_BLOCK = 1 << 24  # bytes; no cell may be longer
_HEAD = 1 << 16


def csv_batches(
    file: BinaryIO, preferred: str, stem: str, source: str
) -> Iterator[pa.RecordBatch | Reject]:
    """Yield batches in which every column is text, and a reject for each row of the wrong width.

    Nothing is guessed about types: ``NaN`` is sodium nitride until somebody asks for a number.
    An empty cell is null. Where semicolons separate cells, the schema says that numbers may have
    a decimal comma.

    Args:
        file: an open file.
        preferred: the separator that its name tells.
        stem: what the ids of bad rows begin with.
        source: the table's source.

    Raises:
        Refusal: the file is empty, or two of its columns have one name.
        pyarrow.ArrowInvalid: the file is broken from some row on.
    """
    import pyarrow as pa
    import pyarrow.csv as pc

    bad: list[Reject] = []

    def note(row: pc.InvalidRow) -> str:
        where = f"line {row.number}" if row.number is not None else "a row"
        refusal = Refusal(
            Code.UNREADABLE,
            f"{where} has {row.actual_columns} cells where the header has {row.expected_columns} "
            f"(separated by {_SPOKEN.get(written.separator, written.separator)})",
        )
        bad.append(refusal.reject(f"{stem}:line{row.number}", f"{source}:line {row.number}"))
        return "skip"

    head, opened = _head(file)
    written = table_text(head, preferred)
    header = _header(head, written)
    names = usable_names(header)
    with pc.open_csv(
        _Utf8(opened, written),
        read_options=pc.ReadOptions(block_size=_BLOCK, use_threads=False),
        parse_options=pc.ParseOptions(
            delimiter=written.separator, newlines_in_values=True, invalid_row_handler=note
        ),
        convert_options=pc.ConvertOptions(
            column_types=dict.fromkeys(header, pa.large_string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    ) as reader:
        texts = pa.schema([(name, pa.large_string()) for name in names])
        yield pa.RecordBatch.from_pylist([], schema=texts)  # its columns, if nothing else
        mark = b"," if written.decimal_comma else b""
        for batch in reader:
            yield from _drain(bad)
            yield batch.rename_columns(names).replace_schema_metadata({TEXT_MARK: mark})
    yield from _drain(bad)


_SPOKEN = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "|"}


def _drain(bad: list[Reject]) -> list[Reject]:
    out = list(bad)
    bad.clear()
    return out


def _head(file: BinaryIO) -> tuple[bytes, BinaryIO]:
    """Return the beginning of a file, with its header, and the file from its beginning."""
    size = _HEAD
    head, opened = looked_into(file, size)
    while len(head) >= size and b"\n" not in head and b"\r" not in head and size < _BLOCK:
        size *= 4
        head, opened = looked_into(opened, size)
    return head, opened


def _header(head: bytes, written: TableText) -> list[str]:
    """Return the names of the columns."""
    text = decoded(head, written.encoding)[written.preamble :]
    try:
        names = next(csv.reader(io.StringIO(text, newline=""), delimiter=written.separator), [])
    except csv.Error as error:
        raise Refusal(Code.UNREADABLE, f"the header of the table is broken: {error}") from error
    if not names:
        raise Refusal(Code.NOT_A_STRUCTURE, "the table is empty")
    return names


class _Utf8:
    """A stream as UTF-8, in which bytes that are none become Latin-1 letters.

    Arrow drops a row of the wrong width without a word when it is not UTF-8.
    """

    def __init__(self, raw: BinaryIO, written: TableText) -> None:
        errors = "surrogateescape" if written.encoding == "utf-8-sig" else "replace"
        self._decode = codecs.getincrementaldecoder(written.encoding)(errors=errors).decode
        self._raw = raw
        self._skip = written.preamble
        self._ready = b""
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes, none only at the end."""
        while size < 0 or len(self._ready) < size:
            raw = self._raw.read(size if size >= 0 else -1)
            text = self._decode(raw, final=not raw)
            text, self._skip = text[self._skip :], max(0, self._skip - len(text))
            self._ready += text.translate(LATIN).encode("utf-8", errors="replace")
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
