"""Which ids are taken: in a file, flat in memory, or in memory."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_CACHE_KIB = 32 * 1024
_AT_A_TIME = 500


class IdIndex:
    """The ids seen so far in a scratch SQLite file; it holds nothing that cannot be rebuilt.

    Args:
        path: the scratch file; one left by an earlier run is replaced.
    """

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None)
        for setting in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):
            self._connection.execute(f"PRAGMA {setting}").close()
        self._connection.execute(
            "CREATE TABLE ids (id TEXT PRIMARY KEY, row INTEGER, source TEXT) WITHOUT ROWID"
        )
        self._connection.execute("BEGIN")
        self._rows = 0

    def claim(self, ids: Sequence[str], sources: Sequence[str]) -> dict[int, str]:
        """Take ids that are free; return what was not.

        Args:
            ids: ids in the order of the rows.
            sources: where each row came from.

        Returns:
            the place of each id that was taken before, with the source that took it.
        """
        first = self._rows
        self._rows += len(ids)
        with closing(self._connection.cursor()) as cursor:
            cursor.executemany(
                "INSERT OR IGNORE INTO ids VALUES (?, ?, ?)",
                zip(ids, range(first, self._rows), sources, strict=True),
            )
            if cursor.rowcount == len(ids):
                return {}
        owners: dict[str, tuple[int, str]] = {}
        for start in range(0, len(ids), _AT_A_TIME):
            some = ids[start : start + _AT_A_TIME]
            marks = ",".join("?" * len(some))
            query = f"SELECT id, row, source FROM ids WHERE id IN ({marks})"  # noqa: S608 - only question marks
            for name, row, source in self._connection.execute(query, list(some)):
                owners[name] = (row, source)
        return {
            place: owners[name][1]
            for place, name in enumerate(ids)
            if owners[name][0] != first + place
        }

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


class IdsInMemory:
    """The ids so far, for as many rows as memory holds anyway."""

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}

    def claim(self, ids: Sequence[str], sources: Sequence[str]) -> dict[int, str]:
        """Take ids that are free; return what was not, as :meth:`IdIndex.claim` does."""
        refused: dict[int, str] = {}
        for place, (name, source) in enumerate(zip(ids, sources, strict=True)):
            if name in self._taken:
                refused[place] = self._taken[name]
            else:
                self._taken[name] = source
        return refused
