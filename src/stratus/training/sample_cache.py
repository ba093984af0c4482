"""Prepared samples on disk, so that a second run reads what a first one made.

Each entry is a sealed folder, named by a digest of all that its content depends on. It is there
whole or not at all, and every byte is checked before it is used; samples are then memory-mapped.
"""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING, Final

from stratus.errors import InputError, StratusError
from stratus.files.sealed import MANIFEST, SealError, is_sealed, sealing, verify
from stratus.training.packed_samples import read_samples, write_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from stratus.crystals.facets import Crystal
    from stratus.views.view import Sample, View

_FORMAT: Final = "2"


def cached_samples(
    cache: Path,
    view: View,
    crystals: Sequence[Crystal],
    make: Callable[[], Sequence[Sample]],
) -> list[Sample]:
    """Return the samples of crystals from a cache; where they are not in it, they are made first.

    Args:
        cache: a folder, which may not be there yet.
        view: how an encoder sees a crystal.
        crystals: what is known of each, in order.
        make: makes their samples.

    Returns:
        uint16 arrays of a token view, arrays by name of a flat one; they are views of files.

    Raises:
        stratus.errors.InputError: what is in the cache is damaged; the text names the file.
        stratus.errors.StratusError: it cannot be written.
    """
    parts: tuple[str | bytes, ...] = (
        view.name,
        view.config.model_dump_json(),
        *(part for crystal in crystals for part in crystal.identity),
    )
    place = cache / f"samples-{digest_of(*parts)}"
    if not is_sealed(place):
        samples = make()
        _put(place, lambda draft: write_samples(draft, samples, view.keys))
    try:
        found = read_samples(place, view.keys)
    except InputError as error:
        raise InputError(f"{error}; delete {place}, and it is made anew") from None
    if len(found) != len(crystals):
        raise InputError(f"{place} holds no such samples; delete it, and it is made anew")
    return found


def copy_cached(cache: Path, name: str, target: Path, make: Callable[[Path], object]) -> None:
    """Copy a sealed folder out of a cache; where it is not in it, it is made there first.

    Args:
        cache: a folder, which may not be there yet.
        name: of the entry, with a digest of what it depends on.
        target: the folder to be.
        make: makes the sealed folder at a path.

    Raises:
        stratus.errors.InputError: what is in the cache is damaged; the text names the file.
        stratus.errors.StratusError: it or the target cannot be written.
    """
    place = cache / name
    if not is_sealed(place):
        _in(cache)
        make(place)
    _verified(place)

    def write(draft: Path) -> None:
        for path in sorted(place.iterdir()):
            if path.name != MANIFEST:
                shutil.copyfile(path, draft / path.name)

    _put(target, write)


def digest_of(*parts: str | bytes) -> str:
    """Return a digest of texts or bytes, of which none can run into the next."""
    found = hashlib.blake2b(digest_size=16)
    for part in (_FORMAT, *parts):
        raw = part.encode() if isinstance(part, str) else part
        found.update(len(raw).to_bytes(8, "big") + raw)
    return found.hexdigest()


def _in(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StratusError(f"{folder} cannot be made ({error}); name another folder") from error


def _put(place: Path, write: Callable[[Path], None]) -> None:
    """Write a sealed folder; one that another run has sealed meanwhile is as good."""
    _in(place.parent)
    try:
        with sealing(place) as draft:
            write(draft)
    except SealError:
        if not is_sealed(place):
            raise
    except OSError as error:
        raise StratusError(f"{place} cannot be written ({error}); make room and repeat") from error


def _verified(place: Path) -> None:
    try:
        verify(place)
    except SealError as error:
        raise InputError(f"{error}; delete {place}, and it is made anew") from None
