"""Excel workbooks as batches of text columns: the first sheet, one crystal a row."""

from __future__ import annotations

import logging
import zipfile
from datetime import date, time
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from stratus.crystals.entry import Code, Reject
from stratus.crystals.reading.column_names import usable_names
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.reading.table_rows import TEXT_MARK
from stratus.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from stratus.crystals.reading.record import ReadOptions

_LOG = logging.getLogger(__name__)

ABOUT: Final = "about"
"""The sheet in which our own workbooks say what they are; it holds no crystals."""

_ROWS: Final = 512
_MIB: Final = 1 << 20


def excel_batches(
    file: Path | BinaryIO, stem: str, source: str, options: ReadOptions
) -> Iterator[pa.RecordBatch | Reject]:
    """Yield batches in which every column is text, and a reject for each row that is too wide.

    The header is the first row that holds anything. Formulas have the value that Excel gave them
    last, dates are written as ``2024-05-31``, empty rows are passed over.

    Args:
        file: a path, or an open file that can seek.
        stem: what the ids of bad rows begin with.
        source: the table's source.
        options: how large it may be when it is decompressed.

    Raises:
        stratus.errors.MissingExtraError: openpyxl is not installed.
        Refusal: it is no workbook, it is empty, or it grows too much.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise MissingExtraError("openpyxl", "excel") from error
    _check_size(file, options)
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except Exception as error:  # it raises whatever its XML, zip or styles raise
        raise _damaged(error) from error
    try:
        sheets = [sheet for sheet in book.worksheets if sheet.title.casefold() != ABOUT]
        if not sheets:
            raise Refusal(Code.NOT_A_STRUCTURE, "the workbook has no sheet of cells")
        if len(sheets) > 1:
            _LOG.warning(
                "%s: the sheet %r is read, the other %d are not; save them as tables of their own",
                source, sheets[0].title, len(sheets) - 1,
            )  # fmt: skip
        sheets[0].reset_dimensions()  # what the file says of its size need not be true
        yield from _batches(sheets[0].iter_rows(values_only=True), stem, source)
    except Refusal:
        raise
    except Exception as error:
        raise _damaged(error) from error
    finally:
        book.close()


def _check_size(file: Path | BinaryIO, options: ReadOptions) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise _damaged(error) from error
    if size > options.max_member_mib * _MIB:
        raise Refusal(
            Code.UNSAFE_ARCHIVE,
            f"the workbook holds {size / _MIB:,.0f} MiB when decompressed, over "
            f"{options.max_member_mib}; save it as CSV, or raise max_member_mib to read it",
        )


def _damaged(error: Exception) -> Refusal:
    reason = " ".join(str(error).split()) or type(error).__name__
    return Refusal(Code.UNREADABLE, f"the workbook cannot be read: {reason}")


def _batches(
    rows: Iterator[tuple[Any, ...]], stem: str, source: str
) -> Iterator[pa.RecordBatch | Reject]:
    import pyarrow as pa

    filled = ((line, row) for line, cells in enumerate(rows, start=1) if (row := _texts(cells)))
    _, header = next(filled, (0, []))
    if not header:
        raise Refusal(Code.NOT_A_STRUCTURE, "the table is empty")
    names = usable_names([name or "" for name in header])
    schema = pa.schema([(name, pa.large_string()) for name in names], metadata={TEXT_MARK: b""})
    yield pa.RecordBatch.from_pylist([], schema=schema)
    while some := list(islice(filled, _ROWS)):
        good: list[list[str | None]] = []
        for line, row in some:
            if len(row) > len(names):
                detail = f"line {line} has {len(row)} cells where the header has {len(names)}"
                reject = Refusal(Code.UNREADABLE, detail)
                yield reject.reject(f"{stem}:line{line}", f"{source}:line {line}")
            else:
                good.append(row + [None] * (len(names) - len(row)))
        columns = list(zip(*good, strict=True)) if good else [()] * len(names)
        arrays = [pa.array(column, pa.large_string()) for column in columns]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _texts(cells: tuple[Any, ...]) -> list[str | None]:
    """Return the cells of a row as texts, without the empty ones at its end."""
    texts = [_text(cell) for cell in cells]
    while texts and texts[-1] is None:
        texts.pop()
    return texts


def _text(cell: Any) -> str | None:
    if cell is None or cell == "":
        return None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell)
