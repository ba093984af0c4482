"""The user's own columns beside what is predicted; which there are is known at the end alone."""

from __future__ import annotations

import json
import math
import tempfile
from typing import TYPE_CHECKING, Any, Final, Self

from stratus.corpora.encoding.rows import LABEL_PREFIX, as_text
from stratus.crystals.reading.table_rows import typed
from stratus.inference.columns import Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from stratus.inference.columns import Cell

_IN_MEMORY: Final = 1 << 24


class KeptColumns:
    """Lines of a table and the user's columns of each, in a scratch file.

    Args:
        taken: names of the columns of the table; a user's column with one of them gets a prefix.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._names: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self._taken = set(taken)
        self._scratch = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed on exit
            max_size=_IN_MEMORY, mode="w+", encoding="utf-8", newline="\n"
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Throw the scratch file away."""
        self._scratch.close()

    def add(self, line: Sequence[Cell], own: Mapping[str, Any]) -> None:
        """Take a line, and the user's columns of its row."""
        cells = {name: _cell(value) for name, value in own.items()}
        for name, cell in cells.items():
            if name not in self._names:
                self._names[name] = self._free(name)
                self._kinds[name] = "whole"
            self._kinds[name] = _wider(self._kinds[name], cell)
        self._scratch.write(json.dumps([list(line), cells]) + "\n")

    def columns(self) -> list[Column]:
        """Return the user's columns, in the order in which they appeared."""
        return [Column(self._names[name], self._kinds[name]) for name in self._names]

    def lines(self, before: int) -> Iterator[list[Cell]]:
        """Yield the lines again, with the user's columns behind the first ``before`` cells."""
        self._scratch.seek(0)
        for text in self._scratch:
            line, own = json.loads(text)
            cells = [own.get(name) for name in self._names]
            yield [*line[:before], *cells, *line[before:]]

    def _free(self, name: str) -> str:
        column = name
        while column in self._taken:
            column = LABEL_PREFIX + column
        self._taken.add(column)
        return column


def _cell(value: Any) -> str | None:
    """Return what the user has in a cell as a text, numbers with all of their digits."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(value):
        return None
    return str(value) if isinstance(value, bool | int | float) else as_text(value)


def _wider(kind: str, cell: str | None) -> str:
    """Return the kind of a column that held one kind of cells and now holds this one too."""
    number = typed(cell.strip()) if cell else ""
    if number == "":
        return kind
    if isinstance(number, str):
        return "text"
    return "number" if isinstance(number, float) and kind != "text" else kind
