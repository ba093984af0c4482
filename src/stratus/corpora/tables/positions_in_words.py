"""Where a row stands, in words that let a person find it."""

from __future__ import annotations

import csv
from pathlib import Path

from stratus.crystals.reading.formats import take_apart
from stratus.crystals.reading.table_text import table_text
from stratus.crystals.reading.tables import SEPARATORS

_HEAD = 1 << 16


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
    name = take_apart(path.name)
    preferred = SEPARATORS.get(name.format or "")
    if preferred is None or name.compression is not None or not path.is_file():
        return None
    try:
        with path.open("rb") as raw:
            written = table_text(raw.read(_HEAD), preferred)
        with path.open(newline="", encoding=written.encoding, errors="replace") as file:
            passed = file.read(written.preamble).count("\n")
            reader = csv.reader(file, delimiter=written.separator)
            width = len(next(reader, []))
            before = reader.line_num
            for cells in reader:
                if len(cells) == width:  # the reader of tables passes over the others
                    row -= 1
                if row < 0:
                    return passed + before + 1
                before = reader.line_num
    except (OSError, csv.Error):  # a cell may be longer than this reader takes
        pass
    return None
