"""From a record to entries and rejects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading.record import ReadOptions, Record
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.reading.sources import records

if TYPE_CHECKING:
    from collections.abc import Iterator


def read(inputs: Any, options: ReadOptions | None = None, **overrides: Any) -> Iterator[Entry | Reject]:
    """Return every crystal of the inputs, one outcome each: an entry or a reject.

    Args:
        inputs: a path or many: files, folders, archives, tables; structures and atoms too.
        options: how to read; the defaults when ``None``.
        overrides: single fields of ``ReadOptions``.

    Raises:
        InputError: an input does not exist, or a named column is missing.
    """
    options = options if options is not None else ReadOptions()
    if overrides:
        options = ReadOptions(**{**options.model_dump(), **overrides})
    return _read(records(inputs, options), options)


def _read(found: Iterator[Record | Reject], options: ReadOptions) -> Iterator[Entry | Reject]:
    for item in found:
        if isinstance(item, Reject):
            yield item
        else:
            yield from parse(item, options)


def parse(record: Record, options: ReadOptions) -> Iterator[Entry | Reject]:
    """Yield the outcome of each crystal of a record, one at a time; bad content never raises.

    Args:
        record: from :func:`stratus.crystals.reading.records`.
        options: how to read.
    """
    try:
        yield from _parse(record, options)
    except Refusal as refusal:
        yield refusal.reject(record.id, record.source)
    except OSError as error:
        yield Refusal(Code.UNREADABLE, f"the file cannot be read: {error}").reject(
            record.id, record.source
        )


def _parse(record: Record, options: ReadOptions) -> Iterator[Entry | Reject]:
    if record.format == "table":
        from stratus.crystals.reading.table_rows import parse_slice  # noqa: PLC0415

        yield from parse_slice(record.payload, record.id, options)
        return
    from stratus.crystals.reading.cif import parse_cif  # noqa: PLC0415
    from stratus.crystals.reading.cif_text import decode  # noqa: PLC0415

    data = record.payload.read_bytes() if isinstance(record.payload, Path) else record.payload
    yield from parse_cif(decode(data), id=record.id, source=record.source, options=options)
