"""A toy reader and encoder that worker processes can import: a record's payload is a list of words.

``ok`` becomes a row, ``bad`` a reject of the reader, ``odd`` one of the symmetry search; ``hang``,
``die`` and ``raise`` misbehave while searching; the same with ``read-`` or
``write-`` in front while reading or writing, ``write-odd`` included.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stratus.crystals import reading
from stratus.crystals.entry import Code, Entry, Reject, Stage
from stratus.crystals.reading.record import ReadOptions, Record
from stratus.errors import SymmetryError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class ToyScope:
    """What the toy encoder returns."""

    text: str
    space_group: int = 221
    formula: str = "CsCl"
    n_atoms: int = 2
    n_orbits: int = 2

    def __str__(self) -> str:
        return self.text


def record(name: str, *words: str, rows: int | None = None) -> Record:
    """Make a record of some words."""
    return Record(name, f"{name}.toy", "toy", list(words), len(words) if rows is None else rows)


def misbehave(word: str) -> None:
    """Do what the word says."""
    if word == "hang":
        time.sleep(600)
    elif word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif word == "raise":
        raise RuntimeError("this crystal is cursed")


def parse(item: Record, _options: object) -> Iterator[Entry | Reject]:
    """Yield an entry or a reject for each word."""
    for place, word in enumerate(item.payload):
        name = item.id if len(item.payload) == 1 else f"{item.id}-{place}"
        if word.startswith("read-"):
            misbehave(word.removeprefix("read-"))
        if word == "bad":
            yield Reject(name, item.source, Stage.READING, Code.UNREADABLE, "It is bad.")
        else:
            labels = {"word": word}
            yield Entry(name, np.eye(3), np.array([1]), np.zeros((1, 3)), item.source, labels)


def search(entry: Entry, _options: object) -> str:
    """Return the word, unless it says otherwise."""
    word: str = entry.labels["word"]
    if word == "odd":
        raise SymmetryError("No space group was found.")
    misbehave(word)
    return word


def write(entry: Entry, word: str, _options: object) -> ToyScope:
    """Return a string, unless the word says otherwise."""
    if word == "write-odd":
        raise SymmetryError("The search contradicts itself.")
    misbehave(word.removeprefix("write-"))
    return ToyScope(f"{word} {entry.id}")


def parse_with_traps(item: Record, options: ReadOptions) -> Iterator[Entry | Reject]:
    """Read as stratus does, but row 20 hangs, row 30 kills and row 40 raises."""
    traps = {"20": "hang", "30": "die", "40": "raise"}
    for outcome in reading.parse(item, options):
        misbehave(traps.get(outcome.source.rpartition(":")[2], ""))
        yield outcome


def write_any(entry: Entry, _found: object, _options: object) -> ToyScope:
    """Return a string for any entry."""
    return ToyScope(entry.id)


def search_any(_entry: Entry, _options: object) -> None:
    """Find nothing."""
