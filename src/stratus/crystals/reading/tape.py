"""A tar as a tape: read forward only, header by header, and no header without a bound.

What ``tarfile`` does with a header is bounded by how much of the stream it gets to see for it. It
reads headers of any length into memory and, before Python 3.11.10, searches them in quadratic time
(CVE-2024-6232); a negative size leads it back to what it has read before (CVE-2025-8194).
"""

from __future__ import annotations

import re
import struct
import tarfile
import time
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from stratus.crystals.entry import Code
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_HEADER: Final = 32 << 10
"""Bytes of one header with all that belongs to it: long names and attributes have a tenth."""

_NUMBER = re.compile(rb"[0-9]{300}")  # no header holds one so long; tarfile is slow with them
_SKIPPED: Final = 1 << 20
MISREAD: Final = (
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    TypeError,
    RecursionError,
    struct.error,
)
"""What ``tarfile`` and ``zipfile`` let out where a header is not what it looks like."""


class Tape:
    """A stream as ``tarfile`` reads it.

    Args:
        stream: the tar.
        timeout_s: longest time for one header, in seconds; what is passed over does not count.
    """

    def __init__(self, stream: BinaryIO, timeout_s: float) -> None:
        self._stream = stream
        self._timeout_s = timeout_s
        self._place = 0
        self._in_header = True
        self._left, self._until, self._last = 0, 0.0, b""
        self.begin_header()

    def begin_header(self) -> None:
        """Count what is read from here on as one header."""
        self._in_header = True
        self._left, self._last = MOST_HEADER, b""
        self._until = time.monotonic() + self._timeout_s

    def end_header(self) -> None:
        """Let whatever follows be read: it is the content of a member."""
        self._in_header = False

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def seek(self, place: int, whence: int = 0) -> int:
        """Go forward to a place.

        Raises:
            tarfile.ReadError: it lies behind.
        """
        if whence or place < self._place:
            raise tarfile.ReadError("a header leads back to what was read before")
        started = time.monotonic()
        while self._place < place:
            data = self._stream.read(min(place - self._place, _SKIPPED))
            if not data:
                break
            self._place += len(data)
        self._until += time.monotonic() - started
        return self._place

    def read(self, size: int) -> bytes:
        """Return the next bytes; less only where the stream ends.

        Raises:
            Refusal: the header is too long, or took too long.
        """
        if self._in_header:
            self._check(size)
        data = b""
        while len(data) < size and (more := self._stream.read(size - len(data))):
            data += more
        self._place += len(data)
        if self._in_header:
            if _NUMBER.search(data):
                raise tarfile.ReadError("a header holds a number of hundreds of digits")
            self._last = data
        return data

    def check_end(self) -> None:
        """Make sure that the archive ends where no header was found any more.

        Raises:
            tarfile.ReadError: it is cut off, has no header there, or goes on behind its end mark.
        """
        if len(self._last) < tarfile.BLOCKSIZE:
            raise tarfile.ReadError("the archive ends without its end mark")
        if self._last.strip(b"\0"):
            raise tarfile.ReadError(f"no header stands at byte {self._place - len(self._last):,}")
        while data := self._stream.read(_SKIPPED):
            if data.strip(b"\0"):
                raise tarfile.ReadError("the archive goes on behind its end mark; unpack it")

    def _check(self, size: int) -> None:
        self._left -= size
        if size < 0 or self._left < 0:
            raise Refusal(
                Code.UNSAFE_ARCHIVE,
                f"a header of the archive is longer than {MOST_HEADER:,} bytes; unpack it yourself "
                "if you trust it",
            )
        if time.monotonic() > self._until:
            raise Refusal(
                Code.TIMEOUT,
                f"a header of the archive took longer than {self._timeout_s:g} s; allow more time "
                "or leave it out",
            )


def tar_headers(tape: Tape) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    """Yield each member of a tar, with the archive out of which it is read before the next.

    Raises:
        tarfile.TarError: the archive is damaged or cut off.
        Refusal: a header is too long, or took too long.
    """
    try:
        with tarfile.TarFile(fileobj=cast("BinaryIO", tape), mode="r") as archive:
            while (info := archive.next()) is not None:
                if info.size < 0:
                    raise tarfile.ReadError(f"the size of {info.name!r} is negative")
                tape.end_header()
                yield info, archive
                archive.members = []  # type: ignore[attr-defined] # it forgets what it has read
                tape.begin_header()
        tape.check_end()
    except MISREAD as error:
        raise tarfile.ReadError(f"a header cannot be read ({error})") from error
