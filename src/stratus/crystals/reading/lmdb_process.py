"""An LMDB store, read by a process of its own.

LMDB maps the file into memory and believes what it holds, so a damaged store ends whatever process
looks into it.
"""

from __future__ import annotations

import signal
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from stratus.crystals.entry import Code
from stratus.crystals.reading import lmdb_child as child
from stratus.crystals.reading.refusal import Refusal
from stratus.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

BATCH: Final = 512
"""Rows that come together, unless they are long."""

Value: TypeAlias = "bytes | Refusal | None"
"""What a key has: a value, one that is not read, or nothing."""

_MOST_MESSAGE: Final = 2 * (child.LARGEST_VALUE + (1 << 20))


class StoreEndedError(Exception):
    """The process ended while it looked into the store.

    Args:
        how: the name of the signal, the exit code, or what LMDB says.
    """

    def __init__(self, how: str) -> None:
        self.how = how
        super().__init__(how)


class StoreProcess:
    """A store that is open in another process.

    Args:
        path: the store.
        timeout_s: longest time for the next rows, in seconds.

    Attributes:
        entries: how many pairs it says that it holds.
        size: its bytes.

    Raises:
        Refusal: it is no LMDB store, or is cut off.
        StoreEndedError: it is so damaged that it cannot be opened.
        MissingExtraError: lmdb is not installed.
    """

    def __init__(self, path: Path, timeout_s: float) -> None:
        try:
            import lmdb
        except ImportError as error:
            raise MissingExtraError("lmdb", "lmdb") from error
        packages = str(Path(lmdb.__file__).parent.parent)
        self._command = [sys.executable, "-I", "-S", child.__file__, packages, str(path.resolve())]
        self._timeout_s = timeout_s
        self.entries = self.size = 0
        self._process = self._start()

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process."""
        self.close()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):  # what was still to be sent
                    stream.close()

    def restart(self) -> None:
        """Open the store anew, after the process has ended.

        Raises:
            StoreEndedError: it ended again.
        """
        self.close()
        self._process = self._start()

    def get(self, *keys: bytes) -> list[Value]:
        """Return the values of keys without blanks.

        Raises:
            StoreEndedError: the process ended.
        """
        return [value for _, value in self._pairs(b"keys %b" % b" ".join(keys))]

    def numbered(self, first: int, end: int, batch: int = BATCH) -> Iterator[Value]:
        """Yield the values of the keys that are numbers from ``first`` to before ``end``.

        Raises:
            StoreEndedError: the process ended; what it had sent before was yielded.
            Refusal: the store says what cannot be, or took too long.
        """
        for _, value in self._pairs(b"numbered %d %d %d" % (first, end, batch)):
            yield value

    def ordered(
        self, after: bytes = b"", batch: int = BATCH, most: int = sys.maxsize
    ) -> Iterator[tuple[bytes, Value]]:
        """Yield pairs in the order of their keys; raises as :meth:`numbered`."""
        yield from self._pairs(b"ordered -%b %d %d" % (after.hex().encode(), batch, most))

    def numbers(self) -> list[int]:
        """Return the keys that are numbers, ascending; raises as :meth:`numbered`."""
        return sorted(int(key) for key, _ in self._pairs(b"numbers"))

    def _start(self) -> subprocess.Popen[bytes]:
        process = self._process = subprocess.Popen(  # noqa: S603 - this Python, and a file of ours
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            _, content = self._message()
            self.entries, self.size = child.INFO.unpack(content)
        except BaseException:
            self.close()
            raise
        return process

    def _pairs(self, line: bytes) -> Iterator[tuple[bytes, Value]]:
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(line + b"\n")
                self._process.stdin.flush()
        except OSError:
            raise StoreEndedError(self._death()) from None
        while (message := self._message())[0] != child.DONE:
            yield from _unpacked(message[1])

    def _message(self) -> tuple[bytes, bytes]:
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        watch = threading.Timer(self._timeout_s, stop)
        watch.daemon = True
        watch.start()
        try:
            kind, length = child.HEAD.unpack(self._bytes(child.HEAD.size))
            content = self._bytes(min(length, _MOST_MESSAGE))
        except StoreEndedError:
            if late.is_set():
                raise Refusal(
                    Code.TIMEOUT,
                    f"nothing came out of the store for {self._timeout_s:g} s; it is damaged, or "
                    "the disk is slow: allow more time",
                ) from None
            raise
        finally:
            watch.cancel()
        if kind == child.BROKE_OFF:
            raise StoreEndedError(content.decode("utf-8", "replace"))
        if kind == child.CUT_OFF:
            have, needed = child.INFO.unpack(content)
            raise Refusal(
                Code.UNREADABLE, f"the store is cut off: it has {have:,} bytes of {needed:,}"
            )
        what = {child.NO_STORE: "the file is no LMDB store", child.NONSENSE: "the store is damaged"}
        if kind in what:
            said = content.decode("utf-8", "replace")
            raise Refusal(Code.UNREADABLE, f"{what[kind]}: {said}")
        return kind, content

    def _bytes(self, count: int) -> bytes:
        stream = self._process.stdout
        data = stream.read(count) if stream is not None else b""
        if len(data) < count:
            raise StoreEndedError(self._death())
        return data

    def _death(self) -> str:
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        try:
            return signal.Signals(-code).name if code < 0 else f"exit code {code}"
        except ValueError:
            return f"signal {-code}"


def _unpacked(content: bytes) -> Iterator[tuple[bytes, Value]]:
    (count,) = struct.unpack_from("<I", content)
    at = 4 + count * child.PAIR.size
    for key_size, value_size in child.PAIR.iter_unpack(content[4:at]):
        key = content[at : at + key_size]
        at += key_size
        if value_size == child.TOO_LARGE:
            most = f"{child.LARGEST_VALUE:,} bytes"
            yield key, Refusal(Code.UNSAFE_ARCHIVE, f"the row is larger than {most}")
        elif value_size == child.DAMAGED:
            yield key, Refusal(Code.UNREADABLE, "the row cannot be read, for the store is damaged")
        elif value_size == child.ABSENT:
            yield key, None
        else:
            yield key, content[at : at + value_size]
            at += value_size
