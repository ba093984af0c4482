"""From an open file to the records in it, through archives and compression."""

from __future__ import annotations

import io
import logging
import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

from stratus.crystals.entry import Code, Reject
from stratus.crystals.reading.archives import (
    BROKEN,
    Budget,
    damaged,
    decompressed,
    looked_into,
    members,
    read_whole,
)
from stratus.crystals.reading.ase_db import ase_db_records
from stratus.crystals.reading.extxyz import extxyz_records
from stratus.crystals.reading.file_names import FileNames, Listed
from stratus.crystals.reading.formats import Name, sniff, take_apart
from stratus.crystals.reading.json_records import json_records, jsonl_records
from stratus.crystals.reading.lmdb_store import lmdb_records
from stratus.crystals.reading.record import Record
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.reading.tables import table_records
from stratus.crystals.reading.text_stream import utf8

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stratus.crystals.reading.record import ReadOptions

_LOG = logging.getLogger(__name__)

ON_DISK = frozenset({"cif", "poscar"})
"""Formats whose files travel as a path, so that the parser's process opens them."""

_SNIFFED = 1 << 16


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is open.

    Attributes:
        name: its name, taken apart.
        source: where it is, for people.
        stream: its bytes.
        size: how many there are on disk, compressed or not.
        path: where it is, if it is on disk.
        prefix: whether the ids of what an archive holds begin with the archive's own stem.
        depth: how many archives it is inside of.
        budget: what may still be decompressed, inside an archive.
        disk: the file on disk that it is, compressed or not; None inside an archive.
    """

    name: Name
    source: str
    stream: BinaryIO
    size: int
    path: Path | None
    prefix: bool = False
    depth: int = 0
    budget: Budget | None = None
    disk: Path | None = None


def opened(found: Found, options: ReadOptions) -> Iterator[Record | Reject]:
    """Yield the records of an open file.

    Raises:
        Refusal: the file is of no known kind, damaged or unsafe; what was good before is yielded.
        InputError: a table lacks a column that the options name.
    """
    budget = found.budget if found.budget is not None else Budget(found.size)
    try:
        if found.name.compression is not None:
            stream = decompressed(found.stream, found.name.compression, budget)
            name = replace(found.name, compression=None)
            found = replace(found, stream=stream, path=None, name=name)
            if name.format is None:
                found = _sniffed(found)
        if found.name.format in {"zip", "tar"}:
            yield from _archive(found, budget, options)
        elif found.name.format in _COMPRESSED:
            compression = _COMPRESSED[str(found.name.format)]
            yield from opened(
                replace(
                    found,
                    name=replace(found.name, format=None, compression=compression),
                    budget=budget,
                ),
                options,
            )
        else:
            yield from _plain(found, options)
    except BROKEN as error:
        raise damaged(error) from error


_COMPRESSED = {"gzip": "gzip", "bz2": "bz2", "xz": "xz"}


def by_content(path: Path, name: Name) -> Name:
    """Return the name of a file with what its first bytes say, where the name says no format.

    ``salt.gz`` may be any format under gzip, or under no compression at all.

    Raises:
        OSError: the file cannot be read.
    """
    if name.format is not None:
        return name
    with path.open("rb") as stream:
        head = stream.read(_SNIFFED)
        compression = _COMPRESSED.get(str(sniff(head)))
        if compression is None:
            return replace(name, format=sniff(head), compression=None)
        stream.seek(0)
        try:
            budget = Budget(path.stat().st_size)
            inner, _ = looked_into(decompressed(stream, compression, budget), _SNIFFED)
        except BROKEN:  # reading it will say what is wrong
            inner = b""
    return replace(name, format=sniff(inner), compression=compression)


def _sniffed(found: Found) -> Found:
    head, stream = looked_into(found.stream, _SNIFFED)
    return replace(
        found, stream=stream, name=replace(found.name, format=sniff(head), compression=None)
    )


def _shown(found: Found, member: str) -> str:
    return f"{found.name.stem}/{member}" if found.prefix else member


def _member_names(found: Found, stream: BinaryIO, options: ReadOptions) -> Iterator[Listed]:
    """Yield the members of a zip, or of a tar on disk, which is read once more for its names."""
    try:
        if found.name.format == "zip":
            with zipfile.ZipFile(stream) as archive:
                names = archive.namelist()
            yield from (Listed("", _shown(found, _member_path(name))) for name in names)
        elif found.disk is not None:
            with found.disk.open("rb") as file:
                compression = take_apart(found.disk.name).compression
                again: BinaryIO = file
                if compression is not None:
                    again = decompressed(file, compression, Budget(found.size))
                for member in members(again, "tar", Budget(found.size), options.timeout_s):
                    yield Listed("", _shown(found, _member_path(member.name)))
    except (Refusal, *BROKEN):
        return  # reading it will say what is wrong


def _member_path(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./")


def _archive(found: Found, budget: Budget, options: ReadOptions) -> Iterator[Record | Reject]:
    if found.depth >= options.max_archive_depth:
        raise Refusal(
            Code.UNSAFE_ARCHIVE,
            f"it is an archive {found.depth + 1} levels deep; max_archive_depth is "
            f"{options.max_archive_depth}",
        )
    stream = found.stream
    if found.name.format == "zip" and found.path is None:
        stream = io.BytesIO(read_whole(stream, options))
    names = FileNames(lambda: _member_names(found, stream, options))
    for member in members(stream, str(found.name.format), budget, options.timeout_s):
        path = _member_path(member.name)
        if any(part.startswith((".", "__MACOSX")) and part != ".." for part in path.split("/")):
            _LOG.info("passed over the hidden %s!%s", found.source, path)
            continue
        name, source = names.of(Listed("", _shown(found, path))), f"{found.source}!{path}"
        if member.refusal is not None or member.stream is None:
            if member.refusal is not None:
                yield member.refusal.reject(name.stem, source)
            continue
        inner = Found(
            name,
            source,
            member.stream,
            found.size,
            path=None,
            prefix=True,
            depth=found.depth + 1,
            budget=budget,
        )
        try:
            yield from opened(inner, options)
        except Refusal as refusal:
            yield refusal.reject(name.stem, source)
            if budget.exhausted:
                return


def _plain(found: Found, options: ReadOptions) -> Iterator[Record | Reject]:
    kind, stem, source, stream = found.name.format, found.name.stem, found.source, found.stream
    rows_of = found.name.file or stem
    if kind in ON_DISK:
        yield Record(stem, source, kind, read_whole(stream, options))
    elif kind in {"parquet", "xlsx"}:
        file = found.path if found.path is not None else io.BytesIO(read_whole(stream, options))
        yield from table_records(file, kind, rows_of, source, options)
    elif kind in {"csv", "tsv"}:
        yield from table_records(stream, kind, rows_of, source, options)
    elif kind == "json":
        yield from json_records(utf8(stream), stem, source, options)
    elif kind == "jsonl":
        yield from jsonl_records(utf8(stream), stem, source, options)
    elif kind == "extxyz":
        yield from extxyz_records(utf8(stream), stem, source, options)
    elif kind == "asedb":
        content = found.path if found.path is not None else read_whole(stream, options)
        yield from ase_db_records(content, stem, source, options)
    elif kind == "lmdb":
        if found.path is None:
            raise Refusal(
                Code.NOT_A_STRUCTURE,
                "an LMDB store cannot be read out of an archive or a compressed file; unpack it",
            )
        yield from lmdb_records(found.path, stem, source, options.timeout_s)
    elif kind == "sheet":
        raise Refusal(
            Code.NOT_A_STRUCTURE,
            "workbooks of this kind are not read; save it as .xlsx or CSV",
        )
    elif kind == "traj":
        raise Refusal(
            Code.NOT_A_STRUCTURE,
            "ASE trajectories may hold pickles and are not read; write it as extxyz first "
            "(ase convert a.traj a.extxyz)",
        )
    else:
        raise Refusal(Code.NOT_A_STRUCTURE, "the file is of no kind that holds crystals")
