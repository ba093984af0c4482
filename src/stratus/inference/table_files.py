"""Tables as files: CSV, Parquet, JSON lines or Excel, by the ending; there when they are whole.

What a table is of, and the unit of each column, stands in the metadata of the file:

| ending | where |
|---|---|
| ``.parquet`` | under ``stratus`` in the metadata of the schema, as JSON; ``unit`` and ``functional`` in those of each column too |
| ``.xlsx`` | in a second sheet, ``about`` |
| ``.csv``, ``.jsonl``, ``.ndjson`` | beside it, in ``OUT.meta.json`` |
"""  # noqa: E501 - a table

from __future__ import annotations

import csv
import json
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from stratus.corpora.encoding.merge import METADATA_KEY
from stratus.corpora.encoding.rows import safe_text
from stratus.crystals.reading.excel_batches import ABOUT
from stratus.errors import InputError, MissingExtraError
from stratus.files.text import writable
from stratus.files.whole import whole_file, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from stratus.inference.columns import Cell, Column

    Write: TypeAlias = Callable[[Iterable[Sequence[Cell]]], None]

SUFFIXES: Final = (".csv", ".parquet", ".jsonl", ".ndjson", ".xlsx")

DIGITS: Final = 9
"""Digits of a number where none are asked for; they tell any two float32 apart."""

_ROW_GROUP: Final = 65_536
_EXCEL_ROWS: Final = 1_048_576
_EXCEL_TEXT: Final = 32_767


def sidecar(path: Path) -> Path | None:
    """Return the file that holds the metadata of a table, where the table cannot hold it."""
    if path.suffix.lower() in {".parquet", ".xlsx"}:
        return None
    return path.with_name(path.name + ".meta.json")


@contextmanager
def table_file(
    path: Path,
    columns: Sequence[Column],
    about: Mapping[str, Any] | None = None,
    *,
    digits: int | None = None,
    safe: bool = False,
) -> Iterator[Write]:
    """Give a function that writes some rows; the file is there when the block ends well.

    Args:
        path: one with one of the ``SUFFIXES``.
        columns: those of the table.
        about: what the table is of, for its metadata; none is written if None.
        digits: significant digits of numbers; nine if None.
        safe: whether texts that a spreadsheet would take for a formula get a ``'`` in front, in CSV
            and Excel.

    Raises:
        stratus.errors.InputError: it ends otherwise, or Excel cannot hold a text or so many rows.
        stratus.errors.MissingExtraError: ``.xlsx`` without openpyxl.
        OSError: writing failed.
    """
    made = _WRITERS.get(path.suffix.lower())
    if made is None:
        raise InputError(f"{path} must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    document = None if about is None else {**about, "columns": _described(columns)}
    with whole_file(path) as draft:
        with made(draft, columns, document, _Cells(digits or DIGITS, safe=safe)) as write:
            yield write
        beside = sidecar(path)
        if beside is not None and document is not None:
            write_whole(beside, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def require_writer(path: Path) -> None:
    """Find out before the work whether what writes a file is installed.

    Raises:
        stratus.errors.MissingExtraError: ``.xlsx`` without openpyxl.
    """
    if path.suffix.lower() == ".xlsx":
        _openpyxl()


class _Cells:
    """How cells are written."""

    def __init__(self, digits: int, *, safe: bool) -> None:
        self.digits = digits
        self.safe = safe

    def text(self, cell: Cell) -> str:
        """Return a cell as a text, empty for nothing."""
        if cell is None or isinstance(cell, str):
            text = writable(cell or "")
            return safe_text(text) if self.safe else text
        if isinstance(cell, int):
            return str(cell)
        return "" if math.isnan(cell) else f"{cell:.{self.digits}g}"

    def value(self, cell: Cell, kind: str, *, safe: bool = False) -> Cell:
        """Return a cell as a text or a number, None for nothing."""
        if cell is None or cell == "" or (isinstance(cell, float) and math.isnan(cell)):
            return None
        if kind == "text":
            text = writable(cell if isinstance(cell, str) else self.text(cell))
            return safe_text(text) if safe else text
        if isinstance(cell, str):  # a number of the user's, as it was written
            text = cell.strip()
            return (int(text) if kind == "whole" else float(text)) if text else None
        return int(cell) if kind == "whole" else float(f"{cell:.{self.digits}g}")


def _described(columns: Sequence[Column]) -> dict[str, dict[str, str]]:
    return {
        column.name: {
            key: value
            for key, value in (("unit", column.unit), ("functional", column.functional))
            if value
        }
        for column in columns
    }


@contextmanager
def _csv(
    draft: Path, columns: Sequence[Column], _: Mapping[str, Any] | None, cells: _Cells
) -> Iterator[Write]:
    with draft.open("w", newline="", encoding="utf-8") as to:
        writer = csv.writer(to)
        writer.writerow(cells.text(column.name) for column in columns)

        def write(rows: Iterable[Sequence[Cell]]) -> None:
            writer.writerows(map(cells.text, row) for row in rows)

        yield write


@contextmanager
def _json_lines(
    draft: Path, columns: Sequence[Column], _: Mapping[str, Any] | None, cells: _Cells
) -> Iterator[Write]:
    with draft.open("w", newline="\n", encoding="ascii") as to:

        def write(rows: Iterable[Sequence[Cell]]) -> None:
            for row in rows:
                values = {
                    column.name: _finite(cells.value(cell, column.kind))
                    for column, cell in zip(columns, row, strict=True)
                }
                to.write(json.dumps(values, allow_nan=False) + "\n")

        yield write


def _finite(value: Cell) -> Cell:
    """Return a cell, an infinite number as a text, because JSON and Excel have none."""
    return str(value) if isinstance(value, float) and math.isinf(value) else value


@contextmanager
def _parquet(
    draft: Path, columns: Sequence[Column], about: Mapping[str, Any] | None, cells: _Cells
) -> Iterator[Write]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"text": pa.string(), "number": pa.float64(), "whole": pa.int64()}
    fields = [
        pa.field(writable(c.name), types[c.kind], metadata=_described([c])[c.name] or None)
        for c in columns
    ]
    metadata = None if about is None else {METADATA_KEY: json.dumps(about).encode()}
    schema = pa.schema(fields, metadata=metadata)
    held: list[Sequence[Cell]] = []
    with pq.ParquetWriter(draft, schema, compression="zstd") as writer:

        def flush() -> None:
            by_column = zip(*held, strict=True) if held else [()] * len(columns)
            arrays = [
                pa.array([cells.value(cell, c.kind) for cell in column], f.type)
                for c, f, column in zip(columns, fields, by_column, strict=True)
            ]
            writer.write_table(pa.table(arrays, schema=schema))
            held.clear()

        def write(rows: Iterable[Sequence[Cell]]) -> None:
            for row in rows:
                held.append(row)
                if len(held) >= _ROW_GROUP:
                    flush()

        yield write
        flush()


@contextmanager
def _excel(
    draft: Path, columns: Sequence[Column], about: Mapping[str, Any] | None, cells: _Cells
) -> Iterator[Write]:
    openpyxl = _openpyxl()
    from openpyxl.cell import WriteOnlyCell

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("table")
    count = 1

    def as_cell(value: Cell, to: Any, where: str) -> Any:
        value = _finite(value)
        if not isinstance(value, str):
            return value
        text = _drawable(value)
        if len(text) > _EXCEL_TEXT:
            raise InputError(
                f"{where} has a text of {len(text):,} characters, and a cell of Excel holds "
                f"{_EXCEL_TEXT:,}; write a .csv or .parquet"
            )
        cell = WriteOnlyCell(to, value=text)
        cell.data_type = "s"  # a text that begins with = is no formula
        return cell

    def write(rows: Iterable[Sequence[Cell]]) -> None:
        nonlocal count
        for row in rows:
            count += 1
            if count > _EXCEL_ROWS:
                raise InputError(
                    f"a sheet of Excel holds {_EXCEL_ROWS:,} rows; write a .csv or .parquet"
                )
            pairs = zip(columns, row, strict=True)
            sheet.append(
                as_cell(cells.value(cell, c.kind, safe=cells.safe), sheet, f"row {count}")
                for c, cell in pairs
            )

    sheet.append([as_cell(cells.text(c.name), sheet, "the header") for c in columns])
    yield write
    if about is not None:
        beside = book.create_sheet(ABOUT)
        rows: list[list[Cell]] = [
            [key, value if isinstance(value, int | float | str) else json.dumps(value)]
            for key, value in about.items()
            if key != "columns"
        ]
        rows += [[], ["column", "unit", "functional"]]
        rows += [[c.name, c.unit, c.functional] for c in columns]
        for line in rows:
            beside.append([as_cell(value, beside, ABOUT) for value in line])
    book.save(draft)


def _drawable(text: str) -> str:
    """Return a text without the control characters that a workbook cannot hold."""
    return "".join(
        c if c in "\t\n\r" or (ord(c) >= 0x20 and c not in "\ufffe\uffff") else f"\\x{ord(c):02x}"
        for c in text
    )


def _openpyxl() -> Any:
    try:
        import openpyxl
    except ImportError as error:
        raise MissingExtraError("openpyxl", "excel") from error
    return openpyxl


_WRITERS: Final = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
    ".xlsx": _excel,
}
