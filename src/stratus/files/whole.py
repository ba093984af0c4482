"""A file that is there whole or not at all, also after a power cut, whoever else writes it.

While it is written it is ``.NAME.xxxxxxxx.tmp`` in the folder where it will lie: a new file with
a name that nobody has, so two writers never share one, and no file or link of the user is touched.
Of two that write one name, the last to finish leaves its whole file.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LONGEST: Final = 200
"""Bytes of a name that its draft keeps; a file system takes 255 in all."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a new, empty file to write; when the block ends well, it is on disk under ``path``.

    A link at ``path`` is replaced by the file, and what it led to stays as it is. When the block
    fails, or a signal raises in it, nothing of the draft is left. Only a process that is killed
    leaves one: a hidden file which nothing reads, and which may be deleted.

    Args:
        path: where the file goes; its folder must be there.

    Yields:
        The draft.

    Raises:
        InputError: there is something at ``path`` that is no file, such as a device.
        OSError: the disk is full, or the folder may not be written.
    """
    _check_ordinary(path)
    draft = _new_beside(path)
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException as error:
        draft.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename == str(draft):
            error.filename = str(path)  # a name that the user knows
        raise
    sync_folder(path.parent)


def write_whole(path: Path, text: str) -> None:
    """Write a text, in UTF-8, as :func:`whole_file` does.

    Raises:
        InputError: there is something at ``path`` that is no file, such as a device.
        OSError: the disk is full, or the folder may not be written.
    """
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="")


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable, where the system can (not on Windows)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def draft_name(path: Path, ending: str) -> Path:
    """Return a hidden name beside a path that hardly anybody else has."""
    name = os.fsencode(path.name)[:_LONGEST].decode("utf-8", "ignore")
    return path.with_name(f".{name}.{secrets.token_hex(4)}.{ending}")


def _new_beside(path: Path) -> Path:
    while True:
        draft = draft_name(path, "tmp")
        try:
            draft.open("xb").close()  # a new file: it is never opened through a link
        except FileExistsError:
            continue
        except OSError as error:
            error.filename = str(path)
            raise
        return draft


def _check_ordinary(path: Path) -> None:
    try:
        kind = path.lstat().st_mode
    except OSError:
        return  # nothing is there, or it shows when the draft is made
    if not (stat.S_ISREG(kind) or stat.S_ISLNK(kind)):
        raise InputError(f"{path} is there and is no ordinary file; name another one")
