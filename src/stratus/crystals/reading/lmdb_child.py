"""The process that opens an LMDB store, so that a damaged one ends it and nothing else.

It is started as a script, imports nothing of stratus, and is told by lines on standard input what
to send. Each message on standard output is a letter, a length and so many bytes.
"""

from __future__ import annotations

import signal
import struct
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    Value: TypeAlias = bytes | int | None

HEAD = struct.Struct("<cQ")
INFO = struct.Struct("<QQ")
PAIR = struct.Struct("<Iq")
INFO_SENT, ROWS, DONE, BROKE_OFF = b"I", b"R", b"D", b"B"
NO_STORE, CUT_OFF, NONSENSE = b"E", b"C", b"N"
ABSENT, TOO_LARGE, DAMAGED = -1, -2, -3
"""In the place of the length of a value."""

LARGEST_VALUE = 256 << 20
LEAST_PAIR = 8
"""Bytes that a pair takes at least."""

_BATCH_BYTES = 1 << 20
_MOST_DIGITS = 18


class _NonsenseError(Exception):
    """The store says what cannot be."""


def send(kind: bytes, content: bytes = b"") -> None:
    """Write a message."""
    sys.stdout.buffer.write(HEAD.pack(kind, len(content)) + content)
    sys.stdout.buffer.flush()


def pack(pairs: list[tuple[bytes, Value]]) -> bytes:
    """Return pairs of key and value as the content of a message."""
    lengths, parts = [], []
    for key, value in pairs:
        if isinstance(value, bytes) and len(value) <= LARGEST_VALUE:
            lengths.append(PAIR.pack(len(key), len(value)))
            parts += [key, value]
        else:
            why = ABSENT if value is None else DAMAGED if value == DAMAGED else TOO_LARGE
            lengths.append(PAIR.pack(len(key), why))
            parts.append(key)
    return struct.pack("<I", len(pairs)) + b"".join(lengths) + b"".join(parts)


def in_batches(
    pairs: Iterator[tuple[bytes, Value]], rows: int, most_bytes: int
) -> Iterator[list[tuple[bytes, Value]]]:
    """Cut pairs into lists of so many, or of fewer where they are long."""
    held: list[tuple[bytes, Value]] = []
    size = whole = 0
    for key, value in pairs:
        held.append((key, value))
        length = len(value) if isinstance(value, bytes) else 0
        size += length
        whole += length
        if whole > most_bytes:
            raise _NonsenseError("its rows have more bytes than the file")
        if len(held) >= rows or size >= _BATCH_BYTES:
            yield held
            held, size = [], 0
    if held:
        yield held


def numbered(
    store: Any, first: int, end: int, error: type[Exception]
) -> Iterator[tuple[bytes, Value]]:
    """Yield the values of numbers, without their keys."""
    rows = store.begin()
    for number in range(first, end):
        try:
            yield b"", rows.get(str(number).encode())
        except error:
            rows = store.begin()  # the other gives nothing any more
            yield b"", DAMAGED


def ordered(rows: Any, after: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield pairs in the order of their keys, which has to ascend."""
    cursor = rows.cursor()
    if not (cursor.set_range(after) if after else cursor.first()):
        return
    last = b""
    for key, value in cursor:
        if key <= last:
            raise _NonsenseError("its keys are not in order")
        last = key
        if key != after:
            yield key, value


def numbers(rows: Any, most: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys that are numbers, without their values."""
    cursor = rows.cursor()
    last = b""
    for found, key in enumerate(cursor.iternext(keys=True, values=False)):
        if key <= last or found >= most:
            raise _NonsenseError("its keys are not in order")
        last = key
        if key.isdigit() and len(key) <= _MOST_DIGITS and not key.startswith(b"0"):
            yield key, b""


def serve(store: Any, size: int, error: type[Exception]) -> None:
    """Answer the lines of standard input until it ends.

    Args:
        store: an open store.
        size: its bytes.
        error: what it raises where it is damaged.
    """
    rows = store.begin()
    for line in sys.stdin.buffer:
        what, *words = line.split()
        if what == b"keys":
            pairs: Iterator[Any] = iter((key, rows.get(key)) for key in words)
            batch = len(words)
        elif what == b"numbered":
            first, end, batch = map(int, words)
            pairs = numbered(store, first, end, error)
        elif what == b"numbers":
            pairs, batch = numbers(rows, size // LEAST_PAIR), 4096
        else:
            batch, most = int(words[1]), int(words[2])
            pairs = islice(ordered(rows, bytes.fromhex(words[0][1:].decode())), most)
        for some in in_batches(pairs, batch, size):
            send(ROWS, pack(some))
        send(DONE)


def main(packages: str, path: str) -> None:
    """Open a store and serve it.

    Args:
        packages: the folder that the package lmdb is in.
        path: the store.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is expected, not to be kept
    except (ImportError, ValueError, OSError):
        pass
    sys.path.append(packages)
    from pathlib import Path

    import lmdb

    size = Path(path).stat().st_size
    try:
        with lmdb.open(
            path, subdir=False, readonly=True, lock=False, readahead=False, create=False
        ) as store:
            needed = (store.info()["last_pgno"] + 1) * store.stat()["psize"]
            if size < needed:  # looking behind its end would end this process
                send(CUT_OFF, INFO.pack(size, min(needed, 2**64 - 1)))
                return
            send(INFO_SENT, INFO.pack(min(store.stat()["entries"], 2**64 - 1), size))
            try:
                serve(store, size, lmdb.Error)
            except lmdb.Error as error:
                send(BROKE_OFF, str(error).encode())
    except _NonsenseError as error:
        send(NONSENSE, str(error).encode())
    except (lmdb.Error, MemoryError, OverflowError) as error:
        send(NO_STORE, (str(error) or type(error).__name__).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
