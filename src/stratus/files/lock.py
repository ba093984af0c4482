"""One writer of a folder at a time; the system lets go however the process ends."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the place of a folder, which need not be there yet, for this process.

    The lock is a file ``.NAME.lock`` beside it, or in it where nothing can be made beside it.

    Raises:
        InputError: another run holds it, or its place may not be written.
    """
    from filelock import FileLock, Timeout

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = os.access(folder.parent, os.W_OK)
        path = (folder.parent if beside else folder) / f".{folder.name}.lock"
        lock = FileLock(path)
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"another run is writing {folder}; wait until it has ended, or name another folder"
        ) from None
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{folder} cannot be made ({reason}); name another folder") from None
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no open file
            path.unlink()
        lock.release()
