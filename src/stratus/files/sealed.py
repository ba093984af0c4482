"""A folder that appears whole or not at all, and says when a byte of it has changed.

Bundles, checkpoints and packed corpora are such folders. ``MANIFEST.json`` holds the size and the
SHA-256 of every other file; a folder without it does not count.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stratus.errors import InputError
from stratus.files.digest import sha256
from stratus.files.plain import read_plain_text, require_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

MANIFEST: Final = "MANIFEST.json"
FORMAT: Final = 1
_MOST_MANIFEST: Final = 16 << 20
"""Bytes of a manifest; more than a hundred thousand files take no more."""


class SealError(InputError):
    """A sealed folder is not what its manifest says."""


@contextmanager
def sealing(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give a folder to write into; it becomes ``target`` when the block ends without an error.

    Args:
        target: the folder to be.
        replace: whether a folder that is there already is replaced; else it is an error.

    Yields:
        A new, empty folder beside ``target``.

    Raises:
        SealError: ``target`` is there already.
        OSError: the disk is full, or may not be written; then nothing is left behind.
    """
    if target.exists() and not target.is_dir():
        raise SealError(f"{target} is there already and is no folder; name another one")
    if target.exists() and not replace:
        raise SealError(f"{target} is there already; name another folder or remove it")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = _unused(target, "part")
    draft.mkdir()  # never one that is there: another run may be writing it
    try:
        yield draft
        _write_manifest(draft)
        _put(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def remove(target: Path) -> None:
    """Remove a folder; a process that is killed meanwhile leaves no half of it under its name.

    Raises:
        OSError: it is not there, or may not be removed.
    """
    shutil.rmtree(_put_aside(target))


def is_sealed(folder: Path) -> bool:
    """Whether a folder has a manifest; cheap, and no proof that its files are unharmed."""
    return (folder / MANIFEST).is_file()


def verify(folder: Path) -> dict[str, str]:
    """Check every file of a sealed folder.

    Returns:
        The SHA-256 of each file, by its path inside the folder.

    Raises:
        SealError: no manifest, or a file is missing, changed or not in it; the text names it.
    """
    listed = _read_manifest(folder)
    there = set(_files(folder))
    for name in sorted(there - set(listed)):
        raise SealError(f"{folder / name} is not in {MANIFEST}; it was added later, remove it")
    for name, (size, digest) in listed.items():
        path = folder / name
        if name not in there:
            raise SealError(f"{path} is missing, although {MANIFEST} lists it; copy it again")
        if _size(path) != size or sha256(path) != digest:
            raise SealError(
                f"{path} has changed: its bytes are not those in {MANIFEST}; copy it again"
            )
    return {name: digest for name, (_, digest) in listed.items()}


def _size(path: Path) -> int:
    try:
        return require_plain(path)
    except InputError as error:
        raise SealError(f"{error}; {MANIFEST} lists it") from None


def _files(folder: Path) -> list[str]:
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if (path.is_symlink() or not path.is_dir()) and path != folder / MANIFEST
    ]


def _write_manifest(folder: Path) -> None:
    files = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": sha256(folder / name)}
        for name in _files(folder)
    }
    text = json.dumps({"format": FORMAT, "files": files}, indent=1)
    with (folder / MANIFEST).open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def _read_manifest(folder: Path) -> dict[str, tuple[int, str]]:
    path = folder / MANIFEST
    if not path.exists():
        raise SealError(f"{folder} has no {MANIFEST}, so it is not whole: write or copy it again")
    try:
        table = json.loads(read_plain_text(path, _MOST_MANIFEST))
        version, files = table["format"], table["files"]
        listed = {str(name): (int(row["bytes"]), str(row["sha256"])) for name, row in files.items()}
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        if isinstance(error, InputError):
            raise SealError(str(error)) from None
        raise SealError(f"{path} cannot be read ({error}); copy it again") from None
    if version != FORMAT:
        raise SealError(f"{path} has format {version!r}; this version of stratus reads {FORMAT}")
    outside = [name for name in listed if ".." in Path(name).parts or Path(name).is_absolute()]
    if outside:
        raise SealError(f"{path} lists {outside[0]!r}, which is outside its folder")
    return listed


def _put(draft: Path, target: Path) -> None:
    """Rename the draft to its name; an old folder of that name is moved aside first."""
    if not target.exists():
        draft.rename(target)
        return
    old = _put_aside(target)
    draft.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _put_aside(target: Path) -> Path:
    """Rename a folder, so that nobody finds it any more."""
    return target.rename(_unused(target, "old"))


def _unused(target: Path, kind: str) -> Path:
    """Return a hidden name beside a folder that nobody else has."""
    return target.with_name(f".{target.name}.{kind}-{secrets.token_hex(4)}")
