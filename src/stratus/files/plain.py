"""Files as strangers send them: only plain ones are opened, and never more is read than a bound.

A pipe, a device or a link to one has no end and may have no beginning: reading it hangs, or takes
all memory. Who reads a file of a folder that came from elsewhere asks here first.
"""

from __future__ import annotations

import gzip
import io
import stat
import zlib
from typing import TYPE_CHECKING, Final

from stratus.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def require_plain(path: Path) -> int:
    """Return the size of a file, in bytes, after making sure that it is one; links are followed.

    Raises:
        stratus.errors.InputError: it is not there, or a folder, pipe, socket or device.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read: {reason}") from None
    if not stat.S_ISREG(found.st_mode):
        what = next((name for test, name in _KINDS if test(found.st_mode)), "something else")
        raise InputError(f"{path} is {what} and no plain file; put the file itself there")
    return found.st_size


def read_plain(path: Path, most: int) -> bytes:
    """Return the content of a plain file.

    Args:
        path: the file.
        most: bytes that such a file has at most.

    Raises:
        stratus.errors.InputError: it cannot be read, is no plain file, or is larger.
    """
    if require_plain(path) <= most:
        try:
            with path.open("rb") as file:
                content = file.read(most + 1)  # files of /proc are larger than they say
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
        if len(content) <= most:
            return content
    raise InputError(f"{path} is larger than {most:,} bytes, so it is no such file")


def read_plain_text(path: Path, most: int) -> str:
    """Return the text of a plain file in UTF-8, with plain line ends.

    Args:
        path: the file.
        most: bytes that such a file has at most.

    Raises:
        stratus.errors.InputError: as :func:`read_plain`, or it is not UTF-8.
    """
    try:
        return io.TextIOWrapper(io.BytesIO(read_plain(path, most)), encoding="utf-8").read()
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text; copy it again") from None


def unzipped(content: bytes, most: int) -> bytes:
    """Return what gzip holds.

    Args:
        content: of the gzipped file.
        most: bytes that it holds at most.

    Raises:
        stratus.errors.InputError: it holds more.
        OSError: it is no gzip, or damaged.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            found = file.read(most + 1)
    except (EOFError, zlib.error) as error:
        raise gzip.BadGzipFile(str(error)) from None
    if len(found) > most:
        raise InputError(f"what is gzipped is larger than {most:,} bytes, so it is no such file")
    return found
