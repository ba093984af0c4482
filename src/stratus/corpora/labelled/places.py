"""Where a row stands, in words that let a person find it."""

from __future__ import annotations

import csv
from pathlib import Path

_DELIMITERS = {".csv": ",", ".tsv": "\t"}


def row_in_words(source: str, id: str) -> str:  # noqa: A002 - the field's name
    """Return where a row stands: ``row 17 (id 'mp-149', line 19) of t.csv``; rows count from 0.

    Args:
        source: what the reader calls it, such as ``t.csv:17``.
        id: its id.
    """
    table, _, number = source.rpartition(":")
    if not table or not number.isdigit():
        return f"{source or 'an input'} (id {id!r})"
    line = _line(Path(table), int(number))
    at = f", line {line}" if line is not None else ""
    return f"row {number} (counted from 0; id {id!r}{at}) of {table}"


def _line(path: Path, row: int) -> int | None:
    """Return the line of a CSV on which a row begins, from 1; ``None`` where that is not known."""
    delimiter = _DELIMITERS.get(path.suffix.lower())
    if delimiter is None or not path.is_file():
        return None
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            reader = csv.reader(file, delimiter=delimiter)
            width = len(next(reader, []))
            before = reader.line_num
            for cells in reader:
                if len(cells) == width:  # the reader of tables passes over the others
                    row -= 1
                if row < 0:
                    return before + 1
                before = reader.line_num
    except (OSError, csv.Error):  # a cell may be longer than this reader takes
        pass
    return None
