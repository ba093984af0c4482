"""What the crystals of a file are called: its stem, or where two files share it more of its name.

A file's id is its stem (of a table, whose rows are told by numbers, its whole name). Where that of
two files is the same, both get their ending, ``GaAs.cif`` and ``GaAs.vasp``; where that does not
tell them apart, as much of the path as does. All other files keep their stems.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import replace
from hashlib import blake2b
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from stratus.crystals.reading.formats import take_apart
from stratus.crystals.reading.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from stratus.crystals.reading.formats import Name

_DIGEST: Final = 8
"""Bytes of a digest; two of a million names share one once in 40 million times."""


class Listed(NamedTuple):
    """A file as it is named.

    Attributes:
        above: the folder that it was found in, as the user named it; empty in an archive.
        shown: its path below that folder.
    """

    above: str
    shown: str


class FileNames:
    """Names of files, each its own as far as their paths tell.

    Of each file eight bytes are kept, and of those that share a name eight more, so that there may
    be millions.

    Args:
        listing: yields the files, the same at each call; it is called when the first name is asked
            for, and again where names are shared.
    """

    def __init__(self, listing: Callable[[], Iterable[Listed]]) -> None:
        self._listing = listing
        self._shared: array[int] | None = None

    def of(self, file: Listed) -> Name:
        """Return the name of a file, taken apart, with a stem that no other has."""
        if self._shared is None:
            self._shared = array("Q")
            self._find_shared()
        name, chosen = take_apart(file.shown), self._chosen(file)
        if name.format in TABLES:
            return replace(name, file=chosen)
        return replace(name, stem=chosen)

    def _find_shared(self) -> None:
        while True:
            names, paths = array("Q"), array("Q")
            for file in self._listing():
                names.append(_digest(self._chosen(file)))
                paths.append(_digest(f"{file.above}\0{file.shown}"))
            found = _shared(names, paths)
            known = set(self._shared or ())
            new = [digest for digest in found if digest not in known]
            if not new:
                return
            self._shared = array("Q", sorted(known.union(new)))

    def _chosen(self, file: Listed) -> str:
        """Return the first name of a file that is not shared, else its last one."""
        chosen = ""
        for chosen in _candidates(file):
            if not self._is_shared(chosen):
                break
        return chosen

    def _is_shared(self, name: str) -> bool:
        shared = self._shared
        if not shared:
            return False
        digest = _digest(name)
        place = bisect_left(shared, digest)
        return place < len(shared) and shared[place] == digest


def _candidates(file: Listed) -> Iterator[str]:
    """Yield what a file may be called, the shortest first."""
    name = take_apart(file.shown)
    if name.format not in TABLES:
        yield name.stem
    if name.format in TABLES or name.stem != file.shown:
        yield file.shown
    parts = [part for part in PurePath(file.above).parts if part != "."]
    for count in range(1, len(parts) + 1):
        yield (PurePath(*parts[-count:]) / file.shown).as_posix()


def _digest(text: str) -> int:
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=_DIGEST).digest(), "little")


def _shared(names: array[int], paths: array[int]) -> list[int]:
    """Return the names that files of several paths have; a file may be listed twice."""
    if len(names) < 2:
        return []
    pairs = np.empty(len(names), np.dtype([("name", np.uint64), ("path", np.uint64)]))
    pairs["name"], pairs["path"] = np.frombuffer(names, np.uint64), np.frombuffer(paths, np.uint64)
    pairs.sort()
    same = pairs["name"][1:] == pairs["name"][:-1]
    other = pairs["path"][1:] != pairs["path"][:-1]
    found: list[int] = np.unique(pairs["name"][1:][same & other]).tolist()
    return found
