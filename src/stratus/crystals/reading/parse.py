"""From a record to entries and rejects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading.record import ReadOptions, Record
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.reading.sources import records
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def read(
    inputs: Any, options: ReadOptions | None = None, **overrides: Any
) -> Iterator[Entry | Reject]:
    """Return every crystal of the inputs, one outcome each: an entry or a reject.

    Args:
        inputs: paths, ``"-"``, pymatgen structures, ASE atoms; one or many.
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

    Raises:
        InputError: the record's format is not one of the reader's.
    """
    parser = _PARSERS.get(record.format)
    if parser is None:
        raise InputError(f"{record.format!r} is no format of a record")
    try:
        yield from parser(record, options)
    except Refusal as refusal:
        yield refusal.reject(record.id, record.source)
    except OSError as error:
        reason = error.strerror or str(error)
        yield Refusal(Code.UNREADABLE, f"the file cannot be read: {reason}").reject(
            record.id, record.source
        )


def _text(record: Record, options: ReadOptions) -> str:
    from stratus.crystals.reading.archives import (
        BROKEN,
        Budget,
        damaged,
        decompressed,
        read_whole,
    )
    from stratus.crystals.reading.cif_text import decode
    from stratus.crystals.reading.formats import take_apart

    if not isinstance(record.payload, Path):
        return decode(record.payload)
    compression = take_apart(record.payload.name).compression
    with record.payload.open("rb") as stream:
        if compression is None:
            return decode(read_whole(stream, options))
        budget = Budget(record.payload.stat().st_size)
        try:
            return decode(read_whole(decompressed(stream, compression, budget), options))
        except BROKEN as error:
            raise damaged(error) from error


def _cif(record: Record, options: ReadOptions) -> Iterator[Entry | Reject]:
    from stratus.crystals.reading.cif import parse_cif

    text = _text(record, options)
    yield from parse_cif(text, id=record.id, source=record.source, options=options)


def _poscar(record: Record, options: ReadOptions) -> Iterator[Entry | Reject]:
    from stratus.crystals.reading.poscar import parse_poscar

    text = _text(record, options)
    yield parse_poscar(text, id=record.id, source=record.source, options=options)


def _table(record: Record, options: ReadOptions) -> Iterator[Entry | Reject]:
    from stratus.crystals.reading.table_rows import parse_slice

    yield from parse_slice(record.payload, record.id, options)


def _mapping(record: Record, options: ReadOptions) -> Iterator[Entry | Reject]:
    from stratus.crystals.reading.content import parse_content

    yield from parse_content(record.payload, id=record.id, source=record.source, options=options)


def _json_line(record: Record, options: ReadOptions) -> Iterator[Entry | Reject]:
    from stratus.crystals.reading.content import parse_content
    from stratus.crystals.reading.json_records import own_id
    from stratus.crystals.reading.mapping import decoded

    value = decoded(record.payload)
    own = own_id(value, options)
    yield from parse_content(
        value, id=own if own is not None else record.id, source=record.source, options=options
    )


def _extxyz(record: Record, options: ReadOptions) -> Iterator[Entry | Reject]:
    from stratus.crystals.reading.extxyz import parse_extxyz

    yield parse_extxyz(record.payload, id=record.id, source=record.source, options=options)


def _ase_row(record: Record, options: ReadOptions) -> Iterator[Entry | Reject]:
    from stratus.crystals.reading.ase_db import parse_ase_row

    yield parse_ase_row(record.payload, id=record.id, source=record.source, options=options)


def _lmdb_row(record: Record, options: ReadOptions) -> Iterator[Entry | Reject]:
    from stratus.crystals.reading.lmdb_store import parse_lmdb_row

    yield parse_lmdb_row(record.payload, id=record.id, source=record.source, options=options)


def _structure(record: Record, options: ReadOptions) -> Iterator[Entry | Reject]:
    from stratus.crystals.reading.objects import entry_of_structure

    yield entry_of_structure(record.payload, record.id, record.source, options)


def _atoms(record: Record, options: ReadOptions) -> Iterator[Entry | Reject]:
    from stratus.crystals.reading.ase_objects import entry_of_atoms

    yield entry_of_atoms(record.payload, record.id, record.source, options)


def _entry(record: Record, options: ReadOptions) -> Iterator[Entry | Reject]:  # noqa: ARG001
    yield record.payload


_PARSERS: dict[str, Callable[[Record, ReadOptions], Iterator[Entry | Reject]]] = {
    "cif": _cif,
    "poscar": _poscar,
    "table": _table,
    "mapping": _mapping,
    "jsonline": _json_line,
    "extxyz": _extxyz,
    "ase_row": _ase_row,
    "lmdb_row": _lmdb_row,
    "structure": _structure,
    "atoms": _atoms,
    "entry": _entry,
}
