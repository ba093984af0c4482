"""How many rows have each note."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from stratus.corpora.encoding.rows import BETWEEN_NOTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

MOST_NOTES = 100
OTHER_NOTES = "other notes"
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def count_notes(columns: Iterable[pa.Array]) -> dict[str, int]:
    """Return how many rows have each note, the most frequent first.

    At most :data:`MOST_NOTES` different ones are told apart. Numbers do not tell notes from each
    other: they count as ``#``.

    Args:
        columns: the notes of some rows each, as :class:`ChunkRows` joins them.
    """
    notes: Counter[str] = Counter()
    for column in columns:
        for pair in pc.value_counts(column).to_pylist():
            for kind in note_kinds(pair["values"]):
                known = kind in notes or len(notes) < MOST_NOTES
                notes[kind if known else OTHER_NOTES] += pair["counts"]
    return dict(notes.most_common())


def note_kinds(text: str) -> list[str]:
    """Return the notes of a row, with ``#`` for each number."""
    return [_NUMBER.sub("#", note) for note in text.split(BETWEEN_NOTES) if note]
