"""Archives and compressed files, read as streams: nothing is ever written to disk."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, cast

from stratus.crystals.entry import Code
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.reading.tape import MISREAD, Tape, tar_headers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from stratus.crystals.reading.record import ReadOptions

MIB = 1 << 20
FREE_BYTES = 100 * MIB
"""What may come out of a compressed file before its ratio counts."""
MAX_RATIO = 200
"""A file that grows more than this when decompressed is a bomb; crystals reach about 20."""

_BUFFER = 512  # a small one: what is in it is lost when the stream breaks off

BROKEN = (
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    NotImplementedError,  # a compression method of zip that Python does not know
    RuntimeError,  # zipfile: an encrypted member
)
"""What reading a damaged file raises."""


@dataclass(slots=True)
class Budget:
    """How much may still be decompressed out of one file.

    Attributes:
        compressed: the size of the file on disk, in bytes.
        spent: what came out of it so far, in bytes.
    """

    compressed: int
    spent: int = field(default=0)

    @property
    def exhausted(self) -> bool:
        """Whether more came out than may."""
        return self.spent > FREE_BYTES and self.spent > MAX_RATIO * self.compressed

    def spend(self, count: int) -> None:
        """Count decompressed bytes.

        Raises:
            Refusal: the file grows like a bomb.
        """
        self.spent += count
        if self.exhausted:
            raise Refusal(
                Code.UNSAFE_ARCHIVE,
                f"{self.compressed} bytes grow to more than {self.spent} when decompressed, over "
                f"{MAX_RATIO} times; unpack it yourself if you trust it",
            )


class Metered(io.RawIOBase):
    """A stream that counts against a budget.

    Attributes:
        broken: what went wrong under it; kept until what came before has been handed out.
    """

    def __init__(self, stream: BinaryIO, budget: Budget) -> None:
        self._stream = stream
        self._budget = budget
        self.broken: BaseException | None = None

    def readable(self) -> bool:
        """Return ``True``."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill a buffer and count what went into it."""
        if self.broken is not None:
            raise self.broken
        view = memoryview(buffer)
        filled = 0
        read = getattr(self._stream, "read1", self._stream.read)
        try:
            while filled < len(view) and (data := read(len(view) - filled)):
                view[filled : filled + len(data)] = data
                filled += len(data)
        except (*BROKEN, *MISREAD) as error:
            self.broken = error if isinstance(error, BROKEN) else OSError(str(error))
            if not filled:
                raise self.broken from error
        self._budget.spend(filled)
        return filled


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside an archive.

    Attributes:
        name: its path inside the archive, with ``/``.
        stream: its bytes, to be read before the next member is asked for; ``None`` if refused.
        refusal: why it is not read.
    """

    name: str
    stream: BinaryIO | None
    refusal: Refusal | None = None


def decompressed(stream: BinaryIO, compression: str, budget: Budget) -> BinaryIO:
    """Return a stream of what a gzip, bz2 or xz stream holds, counted against the budget."""
    opened: object
    if compression == "gzip":
        opened = gzip.GzipFile(fileobj=stream, mode="rb")
    elif compression == "bz2":
        opened = bz2.BZ2File(stream)
    else:
        opened = lzma.LZMAFile(stream)  # noqa: SIM115 - whoever reads it closes it
    return io.BufferedReader(Metered(cast("BinaryIO", opened), budget), _BUFFER)


class _Again(io.RawIOBase):
    """A stream of which the beginning was read before."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        """Return ``True``."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill a buffer, from the beginning first."""
        view = memoryview(buffer)
        data = self._head[: len(view)] if self._head else self._rest.read(len(view))
        self._head = self._head[len(view) :]
        view[: len(data)] = data
        return len(data)


def looked_into(stream: BinaryIO, size: int) -> tuple[bytes, BinaryIO]:
    """Return the first bytes of a stream, and the stream from its beginning."""
    head = b""
    try:
        while len(head) < size and (data := stream.read(_BUFFER)):
            head += data
    except BROKEN:
        if not head:
            raise
    return head, io.BufferedReader(_Again(head, stream), _BUFFER)


def read_whole(stream: BinaryIO, options: ReadOptions) -> bytes:
    """Return all bytes of a stream.

    Raises:
        Refusal: there are more than ``options.max_member_mib``.
    """
    limit = options.max_member_mib * MIB
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise Refusal(
            Code.UNSAFE_ARCHIVE,
            f"it holds more than {options.max_member_mib} MiB when decompressed; "
            "raise max_member_mib to read it",
        )
    return data


def members(
    stream: BinaryIO, kind: str, budget: Budget, timeout_s: float = 60.0
) -> Iterator[Member]:
    """Yield the files of a zip (which must seek) or a tar, in the order they are stored.

    Links, devices, absolute paths and paths with ``..`` come with a refusal instead of a stream.

    Raises:
        Refusal: the archive is damaged; the members before the damage were yielded.
    """
    try:
        yield from _zip(stream, budget) if kind == "zip" else _tar(stream, timeout_s)
    except BROKEN as error:
        raise damaged(error) from error


def damaged(error: BaseException) -> Refusal:
    """Return the refusal of a file that broke while it was read."""
    reason = str(error) or type(error).__name__
    return Refusal(Code.UNREADABLE, f"the file is damaged or cut off: {reason}")


def _zip(stream: BinaryIO, budget: Budget) -> Iterator[Member]:
    try:
        opened_zip = zipfile.ZipFile(stream)
    except MISREAD as error:
        raise zipfile.BadZipFile(f"its list cannot be read ({error})") from error
    with opened_zip as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            refusal = _unsafe_name(info.filename)
            if stat.S_ISLNK(info.external_attr >> 16):
                refusal = _refused(f"{info.filename} is a link")
            if refusal is not None:
                yield Member(info.filename, None, refusal)
                continue
            try:
                opened = archive.open(info)
            except (*BROKEN, *MISREAD) as error:
                yield Member(info.filename, None, damaged(error))
                continue
            with opened:
                raw = Metered(cast("BinaryIO", opened), budget)
                yield Member(info.filename, io.BufferedReader(raw, _BUFFER))


def _tar(stream: BinaryIO, timeout_s: float) -> Iterator[Member]:
    for info, archive in tar_headers(Tape(stream, timeout_s)):
        if info.isdir():
            continue
        refusal = _unsafe_name(info.name)
        if info.issym() or info.islnk():
            refusal = _refused(f"{info.name} is a link")
        elif not info.isreg() or info.issparse():
            refusal = _refused(f"{info.name} is no plain file")
        if refusal is not None:
            yield Member(info.name, None, refusal)
            continue
        yield Member(info.name, cast("BinaryIO", archive.extractfile(info)))


def _unsafe_name(name: str) -> Refusal | None:
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name) or ".." in parts:
        return _refused(f"{name!r} points outside the archive")
    return None


def _refused(detail: str) -> Refusal:
    return Refusal(Code.UNSAFE_ARCHIVE, f"{detail}, so it is not read")
