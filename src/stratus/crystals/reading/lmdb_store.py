"""LMDB stores: those of ASE (``.aselmdb``, as OMat24 is published) are read, pickles never.

The layout is that of ``ase_db_backends.aselmdb``: keys are row numbers, values JSON under zlib.
LMDB maps the file into memory and believes what it holds; take stores from people you trust.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading.ase_db import crystal_of_row
from stratus.crystals.reading.record import Record
from stratus.crystals.reading.refusal import Refusal
from stratus.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Protocol

    from stratus.crystals.reading.record import ReadOptions

    class _Rows(Protocol):
        """A transaction of LMDB, as far as it is used."""

        def get(self, key: bytes) -> bytes | None:
            """Return the value of a key."""

        def cursor(self) -> Any:
            """Return all pairs."""


_NEXT, _DELETED = b"nextid", b"deleted_ids"
_OTHERS: Final = frozenset({_NEXT, _DELETED, b"metadata", b"length"})
_PICKLE: Final = re.compile(rb"\x80[\x02-\x05]")
_ZLIB: Final = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_LARGEST: Final = 256 << 20
_ID_KEYS = ("material_id", "mp_id", "mbid", "sid")
_LOCKS = re.compile(r"lock\.mdb$|\.(lmdb|aselmdb|mdb)-lock$")


def is_lock(name: str) -> bool:
    """Return whether a file is one that LMDB makes beside a store; it holds nothing."""
    return _LOCKS.search(name) is not None


def lmdb_records(path: Path, stem: str, source: str) -> Iterator[Record | Reject]:
    """Yield one record for each row of a store, in the order of the row numbers.

    Raises:
        Refusal: it is no LMDB store, is cut off, or holds pickles or what is not known.
        MissingExtraError: lmdb is not installed.
    """
    try:
        import lmdb
    except ImportError as error:
        raise MissingExtraError("lmdb", "lmdb") from error
    try:
        with lmdb.open(
            str(path), subdir=False, readonly=True, lock=False, readahead=False, create=False
        ) as store:
            needed = (store.info()["last_pgno"] + 1) * store.stat()["psize"]
            if path.stat().st_size < needed:  # looking behind its end would kill the process
                raise Refusal(
                    Code.UNREADABLE,
                    f"the store is cut off: it has {path.stat().st_size:,} bytes of {needed:,}",
                )
            with store.begin() as rows:
                _require_readable(rows, store.stat()["entries"])
                yield from _rows(rows, stem, source)
    except lmdb.Error as error:
        raise Refusal(Code.UNREADABLE, f"the file is no LMDB store: {error}") from error


def parse_lmdb_row(
    value: bytes,
    *,
    id: str,  # noqa: A002 - the field's name
    source: str,
    options: ReadOptions,
) -> Entry | Reject:
    """Return the crystal of a row; its key-value pairs, its energy and single data are labels.

    Raises:
        Refusal: the row is a pickle, is not what ASE writes, or has no cell.
    """
    row = _decoded(value)
    if not isinstance(row, dict) or not {"numbers", "positions"} <= set(row):
        raise Refusal(Code.NOT_A_STRUCTURE, "the row has no numbers and positions, as ASE writes")
    labels = _labels(row)
    names = (options.id_column,) if options.id_column else _ID_KEYS
    own = next((str(labels[name]) for name in names if labels.get(name)), None)
    return crystal_of_row(
        numbers=_array(row["numbers"]).astype(np.int64),
        lattice=_array(row.get("cell", [])),
        positions=_array(row["positions"]),
        pbc=_array(row["pbc"]) if row.get("pbc") is not None else None,
        labels=labels,
        id=own or id,
        source=source,
        options=options,
    )


def _require_readable(rows: _Rows, count: int) -> None:
    """Look at the first row: whoever wrote it wrote all of them."""
    for key, value in rows.cursor():
        if key in _OTHERS:
            continue
        if _is_pickle(value):
            raise Refusal(
                Code.NOT_A_STRUCTURE,
                f"the values of its {count:,} entries are Python pickles, which run code when "
                "they are read, so stratus does not; convert it once, as "
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


def _rows(rows: _Rows, stem: str, source: str) -> Iterator[Record | Reject]:
    following = rows.get(_NEXT)
    if following is None:  # not ASE's: in the order of the keys
        for key, value in rows.cursor():
            if key not in _OTHERS:
                name = key.decode("utf-8", "replace")
                yield Record(f"{stem}:{name}", f"{source}:{name}", "lmdb_row", bytes(value))
        return
    last, deleted = _decoded(following), _decoded(rows.get(_DELETED) or b"[]")
    if not isinstance(last, int) or not isinstance(deleted, list):
        raise Refusal(Code.UNREADABLE, "the store does not say which rows it has")
    gone = {number for number in deleted if isinstance(number, int)}
    for number in range(1, last):
        value = rows.get(str(number).encode())
        name, where = f"{stem}:{number}", f"{source}:{number}"
        if value is not None:
            yield Record(name, where, "lmdb_row", bytes(value))
        elif number not in gone:
            yield Refusal(Code.UNREADABLE, f"row {number} is missing").reject(name, where)


def _decoded(value: bytes) -> Any:
    if _is_pickle(value):
        raise Refusal(Code.NOT_A_STRUCTURE, "the row is a Python pickle, which is not read")
    try:
        if value[:2] in _ZLIB:
            stream = zlib.decompressobj()
            value = stream.decompress(value, _LARGEST)
            if stream.unconsumed_tail:
                raise Refusal(Code.UNSAFE_ARCHIVE, f"the row is larger than {_LARGEST:,} bytes")
        return json.loads(value)
    except (zlib.error, ValueError, RecursionError) as error:
        raise Refusal(Code.UNREADABLE, f"the row is no JSON under zlib: {error}") from error


def _array(value: Any) -> Any:
    """Return an array from a list, or from one of the ways in which ASE writes arrays."""
    try:
        if isinstance(value, dict):
            value = value["array"] if "array" in value else value["__ndarray__"][2]
        if isinstance(value, dict):
            value = value["__ndarray__"][2]
        return np.array(value, dtype=np.float64).reshape(-1)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise Refusal(Code.UNREADABLE, "the row's arrays are not what ASE writes") from error


def _labels(row: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in ("data", "key_value_pairs"):
        part = row.get(key)
        if isinstance(part, dict):
            found |= {n: v for n, v in part.items() if isinstance(v, (str, int, float, bool))}
    if isinstance(row.get("energy"), (int, float)):
        found["energy"] = row["energy"]
    return found
