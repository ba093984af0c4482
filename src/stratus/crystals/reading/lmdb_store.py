"""LMDB stores: those of ASE (``.aselmdb``, as OMat24 is published) are read, pickles never.

The layout is that of ``ase_db_backends.aselmdb``: keys are row numbers, values JSON under zlib.
LMDB maps the file into memory and believes what it holds, so another process does that.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading.ase_db import crystal_of_row
from stratus.crystals.reading.ase_values import plain
from stratus.crystals.reading.json_text import loads
from stratus.crystals.reading.lmdb_child import LEAST_PAIR
from stratus.crystals.reading.lmdb_process import BATCH, StoreEndedError, StoreProcess
from stratus.crystals.reading.record import Record
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from stratus.crystals.reading.lmdb_process import Value
    from stratus.crystals.reading.record import ReadOptions

_NEXT, _DELETED = b"nextid", b"deleted_ids"
_OTHERS: Final = frozenset({_NEXT, _DELETED, b"metadata", b"length"})
_PICKLE: Final = re.compile(rb"\x80[\x02-\x05]")
_ZLIB: Final = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_LARGEST: Final = 256 << 20
_MOST_NUMBER: Final = 10**18
_LONGEST_GAP: Final = 1000
"""Rows missing after one another that are named one by one; more of them are named together."""

_MOST_DEATHS: Final = 50
_ID_KEYS = ("material_id", "mp_id", "mbid", "sid")
_LOCKS = re.compile(r"lock\.mdb$|\.(lmdb|aselmdb|mdb)-lock$")


def is_lock(name: str) -> bool:
    """Return whether a file is one that LMDB makes beside a store; it holds nothing."""
    return _LOCKS.search(name) is not None


def lmdb_records(path: Path, stem: str, source: str, timeout_s: float) -> Iterator[Record | Reject]:
    """Yield one record for each row of a store, in the order of the row numbers.

    Raises:
        Refusal: it is no LMDB store, is cut off or damaged, or holds pickles or what is not known;
            the rows before the damage were yielded.
        MissingExtraError: lmdb is not installed.
    """
    try:
        with StoreProcess(path, timeout_s) as store:
            if store.entries > store.size // LEAST_PAIR:
                raise Refusal(
                    Code.UNREADABLE, "the store is damaged: it says that it has more than it holds"
                )
            _require_readable(store)
            following, deleted = store.get(_NEXT, _DELETED)
            if following is None:  # not ASE's: in the order of the keys
                yield from _ordered(store, stem, source)
            else:
                yield from _numbered(store, _counted(store, following, deleted), stem, source)
    except StoreEndedError as ended:
        raise _damaged("the store", ended) from ended


def parse_lmdb_row(
    value: bytes,
    *,
    id: str,  # noqa: A002 - the field's name
    source: str,
    options: ReadOptions,
) -> Entry | Reject:
    """Return the crystal of a row, with its key-value pairs, data and results.

    Raises:
        Refusal: the row is a pickle, is not what ASE writes, or has no cell.
    """
    row = _decoded(value)
    if not isinstance(row, dict) or not {"numbers", "positions"} <= set(row):
        raise Refusal(Code.NOT_A_STRUCTURE, "the row has no numbers and positions, as ASE writes")
    own = _own_id(row, (options.id_column,) if options.id_column else _ID_KEYS)
    return crystal_of_row(
        numbers=_array(row["numbers"]).astype(np.int64),
        lattice=_array(row.get("cell", [])),
        positions=_array(row["positions"]),
        pbc=_array(row["pbc"]) if row.get("pbc") is not None else None,
        row=row,
        id=own or id,
        source=source,
        options=options,
    )


def _require_readable(store: StoreProcess) -> None:
    """Look at the first row: whoever wrote it wrote all of them."""
    try:
        first = list(store.ordered(most=len(_OTHERS) + 1))
    except StoreEndedError:
        store.restart()
        return  # the rows are looked at one by one all the same
    for key, value in first:
        if key in _OTHERS:
            continue
        if isinstance(value, bytes) and _is_pickle(value):
            raise Refusal(
                Code.NOT_A_STRUCTURE,
                f"the values of its {store.entries:,} entries are Python pickles, which run code "
                "when they are read, so stratus does not; convert it once, as "
                "docs/how-to/fetch.md shows under 'Convert a pickled LMDB'",
            )
        return


def _is_pickle(value: bytes) -> bool:
    if value[:2] in _ZLIB:
        try:
            value = zlib.decompressobj().decompress(value, 64)
        except zlib.error:
            return False
    return _PICKLE.match(value) is not None


@dataclass(frozen=True, slots=True)
class _Counted:
    """Which rows a store of ASE says that it has.

    Attributes:
        end: the number after the last.
        gone: rows that were deleted.
        stretches: first number and the one after the last, of rows that are looked up one by one;
            what lies between them is missing.
    """

    end: int
    gone: frozenset[int]
    stretches: tuple[tuple[int, int], ...]


def _counted(store: StoreProcess, following: Value, deleted: Value) -> _Counted:
    end = _decoded(following) if isinstance(following, bytes) else None
    listed = _decoded(deleted) if isinstance(deleted, bytes) else []
    if type(end) is not int or not 0 < end < _MOST_NUMBER or not isinstance(listed, list):
        raise Refusal(Code.UNREADABLE, "the store does not say which rows it has")
    gone = frozenset(number for number in listed if type(number) is int and 0 < number < end)
    if end - 1 <= store.entries + len(gone):
        return _Counted(end, gone, ((1, end),))
    present = sorted({*(n for n in store.numbers() if n < end), *gone, end})
    stretches: list[tuple[int, int]] = []
    start, before = 1, 0
    for number in present:
        if number - before > _LONGEST_GAP:
            stretches.append((start, before + 1))
            start = number
        before = number
    stretches.append((start, end))
    return _Counted(end, gone, tuple(s for s in stretches if s[0] < s[1]))


def _numbered(
    store: StoreProcess, counted: _Counted, stem: str, source: str
) -> Iterator[Record | Reject]:
    deaths, before = 0, 1
    for first, end in (*counted.stretches, (counted.end, counted.end)):
        if first > before:
            rows = f"{before}-{first - 1}"
            detail = f"the rows {before:,} to {first - 1:,} are missing"
            yield Refusal(Code.UNREADABLE, detail).reject(f"{stem}:{rows}", f"{source}:{rows}")
        at, before = first, end
        alone_until = 0  # up to there rows are sent one by one, to find the one that is damaged
        while at < end:
            alone = at < alone_until
            try:
                for value in store.numbered(
                    at, min(end, alone_until) if alone else end, 1 if alone else BATCH
                ):
                    number, at = at, at + 1
                    if value is not None or number not in counted.gone:
                        yield _row(value, f"row {number}", f"{stem}:{number}", f"{source}:{number}")
            except StoreEndedError as ended:
                deaths += alone
                if deaths > _MOST_DEATHS:
                    raise
                store.restart()
                if alone:
                    refusal = _damaged(f"row {at}", ended)
                    yield refusal.reject(f"{stem}:{at}", f"{source}:{at}")
                    at += 1
                else:
                    alone_until = at + BATCH


def _ordered(store: StoreProcess, stem: str, source: str) -> Iterator[Record | Reject]:
    last, batch, seen = b"", BATCH, 0
    while True:
        try:
            for key, value in store.ordered(last, batch):
                last = key
                seen += 1
                if key not in _OTHERS:
                    name = key.decode("utf-8", "replace")
                    yield _row(value, f"row {name!r}", f"{stem}:{name}", f"{source}:{name}")
        except StoreEndedError as ended:
            if batch == 1:  # what comes after it cannot be found
                after = f"what comes after {last.decode('utf-8', 'replace')!r}"
                raise _damaged(after if last else "the store", ended) from ended
            batch = 1
            store.restart()
        else:
            break
    if seen != store.entries:
        raise Refusal(
            Code.UNREADABLE,
            f"the store is damaged: it says that it has {store.entries:,} entries, and gives "
            f"{seen:,}; copy it again",
        )


def _row(value: Value, what: str, name: str, where: str) -> Record | Reject:
    if isinstance(value, bytes):
        return Record(name, where, "lmdb_row", value)
    missing = Refusal(Code.UNREADABLE, f"{what} is missing")
    return (value or missing).reject(name, where)


def _damaged(what: str, ended: StoreEndedError) -> Refusal:
    return Refusal(
        Code.UNREADABLE,
        f"{what} cannot be read, for the store is damaged ({ended.how}); copy it again",
    )


def _decoded(value: bytes) -> Any:
    if _is_pickle(value):
        raise Refusal(Code.NOT_A_STRUCTURE, "the row is a Python pickle, which is not read")
    try:
        if value[:2] in _ZLIB:
            stream = zlib.decompressobj()
            value = stream.decompress(value, _LARGEST)
            if stream.unconsumed_tail:
                raise Refusal(Code.UNSAFE_ARCHIVE, f"the row is larger than {_LARGEST:,} bytes")
        return loads(value)
    except (zlib.error, ValueError, RecursionError) as error:
        raise Refusal(Code.UNREADABLE, f"the row is no JSON under zlib: {error}") from error


def _array(value: Any) -> Any:
    """Return an array from a list, or from one of the ways in which ASE writes arrays."""
    try:
        found = plain(value)
        return np.array(found["array"] if isinstance(found, dict) else found, float).reshape(-1)
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal(Code.UNREADABLE, "the row's arrays are not what ASE writes") from error


def _own_id(row: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """Return the id that stands in the key-value pairs or in the data."""
    parts = [row.get(part) for part in ("key_value_pairs", "data")]
    found = (part.get(name) for name in names for part in parts if isinstance(part, dict))
    return next((str(one) for one in found if one and isinstance(one, str | int | float)), None)
