"""Tables of pandas: their columns are found as those of a file are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeGuard

import pyarrow as pa

from stratus.corpora.tables.layout import layout_of
from stratus.corpora.tables.text_rows import KIND_OF_STRINGS, text_row
from stratus.crystals.reading.column_names import plain_name, usable_names
from stratus.crystals.reading.record import Record
from stratus.crystals.reading.table_columns import find_columns
from stratus.crystals.reading.table_rows import TableSlice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from stratus.corpora.tables.text_rows import TextRow
    from stratus.crystals.facets import ReadFacet
    from stratus.crystals.reading import ReadOptions

SOURCE: Final = "DataFrame"
_SLICE: Final = 512


class Cell(NamedTuple):
    """A crystal that stands in one cell.

    Attributes:
        number: of its row, from 0.
        id: what it is called.
        value: the cell.
    """

    number: int
    id: str
    value: object


class TextCell(NamedTuple):
    """A row that says in text what is known of a crystal.

    Attributes:
        number: of the row, from 0.
        row: what it came to.
    """

    number: int
    row: TextRow


def is_frame(value: object) -> TypeGuard[pd.DataFrame]:
    """Whether an object is a ``DataFrame``."""
    return hasattr(value, "iloc") and hasattr(value, "columns")


def is_series(value: object) -> TypeGuard[pd.Series[Any]]:
    """Whether an object is a ``Series``."""
    return hasattr(value, "iloc") and not hasattr(value, "columns")


def index_labels(value: pd.DataFrame | pd.Series[Any]) -> list[str] | None:
    """Return the index as texts; None for 0, 1, 2, ..., which names nothing."""
    index = value.index
    if getattr(index, "start", None) == 0 and getattr(index, "step", None) == 1:
        return None
    return [str(label) for label in index.tolist()]


def frame_cells(
    frame: pd.DataFrame, reads: ReadFacet, read: ReadOptions
) -> Iterator[Cell | TextCell | Record]:
    """Yield what a table holds: cells, rows of text, or slices with arrays that make crystals.

    A table of one column that no rule names holds one crystal a cell.

    Raises:
        Refusal: no column holds crystals, or two columns have one name.
        stratus.errors.InputError: a column that the options name is missing.
    """
    names = usable_names([str(name) for name in frame.columns])
    layout = layout_of(tuple(names), SOURCE, read, reads=reads)
    if layout.reader is None and len(names) == 1:
        ids = _ids(frame, names, None)
        yield from _cells(frame, 0, ids)
        return
    if layout.reader is not None:
        read = read.model_copy(update={"structure_column": layout.reader.column})
    columns = find_columns(names, SOURCE, read)
    ids = _ids(frame, names, columns.id)
    if layout.reader is None and columns.structure is not None:
        yield from _cells(frame, names.index(columns.structure), ids)
        return
    for start in range(0, len(frame), _SLICE):
        part = frame.iloc[start : start + _SLICE]
        own = ids[start : start + _SLICE]
        if layout.reader is not None:
            used = [n for n in names if n in layout.reader.own or plain_name(n) == KIND_OF_STRINGS]
            batch = _batch(part, names, used)
            found = layout.reader.rows(batch, lambda k, first=start: f"{SOURCE}:{first + k}")  # type: ignore[misc]
            for row, (name, one) in enumerate(zip(own, found, strict=True), start=start):
                yield TextCell(row, text_row(name, f"{SOURCE}:{row}", one))
        else:
            used = [n for n in names if n in columns.used() or plain_name(n) == "pbc"]
            batch = _batch(part, names, used, {_ID: own})
            payload = TableSlice(batch, replace(columns, id=_ID), start, SOURCE)
            yield Record(SOURCE, f"{SOURCE}:{start}", "table", payload, len(own))


_ID: Final = "\0id"  # no column is called so


def _cells(frame: pd.DataFrame, column: int, ids: Sequence[str]) -> Iterator[Cell]:
    for row, (name, value) in enumerate(zip(ids, frame.iloc[:, column], strict=True)):
        yield Cell(row, name, value)


def _ids(frame: pd.DataFrame, names: Sequence[str], column: str | None) -> list[str]:
    """Return what the rows are called: a column of ids, else the index, else their numbers."""
    if column is not None:
        return [str(value) for value in frame.iloc[:, names.index(column)]]
    return index_labels(frame) or [str(row) for row in range(len(frame))]


def _batch(
    part: pd.DataFrame,
    names: Sequence[str],
    used: Sequence[str],
    more: Mapping[str, Sequence[str]] | None = None,
) -> pa.RecordBatch:
    columns = {name: _column(list(part.iloc[:, names.index(name)])) for name in used}
    return pa.RecordBatch.from_pydict({**columns, **(more or {})})


def _column(values: list[Any]) -> pa.Array:
    """Return cells as Arrow has them; as texts where they are of several kinds."""
    plain = [_plain(value) for value in values]
    try:
        return pa.array(plain, from_pandas=True)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return pa.array([None if value is None else str(value) for value in plain], pa.string())


def _plain(value: Any) -> Any:
    """Return a cell with arrays as lists; what pandas writes for an absent one is None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if type(value).__name__ in {"NAType", "NaTType"} else value
