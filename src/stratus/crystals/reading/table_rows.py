"""From a slice of a table to entries."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from stratus.crystals.elements import NUMBERS, SYMBOLS, deuterium_note
from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading.building import build_all, fractional, lattice_from_cell
from stratus.crystals.reading.column_names import plain_name
from stratus.crystals.reading.frame_values import BY_ANGLES, FrameSource
from stratus.crystals.reading.number_lists import BRACKETS, has_number_lists, number_lists
from stratus.crystals.reading.periodicity import PERIODIC, periodicity, periodicity_of_count
from stratus.crystals.reading.quantities import quantities, quantity
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.stress import stress_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy.typing as npt
    import pyarrow as pa

    from stratus.crystals.reading.record import ReadOptions
    from stratus.crystals.reading.table_columns import TableColumns

TEXT_MARK = b"stratus.text"
"""Key in the metadata of a schema: all columns are text and say nothing about types.

Its value is the comma where a number may have a decimal one.
"""

_MATRIX, _CELL = 9, 6


@dataclass(frozen=True, slots=True)
class TableSlice:
    """Some rows of a table.

    Attributes:
        batch: at most 512 rows.
        columns: which of its columns make a crystal.
        first_row: the number of its first row in the table, from 0.
        table: the table's source.
    """

    batch: pa.RecordBatch
    columns: TableColumns
    first_row: int
    table: str


class _Row(NamedTuple):  # a tuple, because a dataclass takes longer to make
    """A row without its structure.

    Attributes:
        place: its number in the slice.
        id: the crystal's id.
        source: the table and the row's number in it.
        labels: the other columns.
        notes: what was decided about the id.
    """

    place: int
    id: str
    source: str
    labels: dict[str, Any]
    notes: tuple[str, ...]


_Reader: TypeAlias = "Callable[[list[_Row], ReadOptions], Iterable[Entry | Reject]]"

_BLOCK = 128
_QUOTES = BRACKETS | dict.fromkeys(map(ord, "'\""), " ")


def parse_slice(payload: TableSlice, stem: str, options: ReadOptions) -> Iterator[Entry | Reject]:
    """Yield one outcome for each row of a slice (more where a row's text holds several crystals).

    Args:
        payload: the rows.
        stem: what the id of a row without one begins with.
        options: what counts as a crystal.
    """
    rows = _rows(payload, stem)
    if payload.columns.structure is not None:
        yield from _structures(payload)(rows, options)
        return
    read = _arrays(payload)
    # a few at a time: the processor is faster when it stays at one task
    for start in range(0, len(rows), _BLOCK):
        yield from read(rows[start : start + _BLOCK], options)


def _rows(payload: TableSlice, stem: str) -> list[_Row]:
    labels = _labels(payload.batch, payload.columns)
    rows = []
    for place, (id, note) in enumerate(row_ids(payload, stem)):  # noqa: A001 - the field's name
        source = f"{payload.table}:{payload.first_row + place}"
        own = {name: values[place] for name, values in labels.items()}
        rows.append(_Row(place, id, source, own, (note,) if note is not None else ()))
    return rows


def _arrays(payload: TableSlice) -> _Reader:
    """Return a reader of rows with lattice, species and coordinates, on NumPy slices."""
    batch, columns = payload.batch, payload.columns
    lattices = number_lists(batch, columns.lattice or "")
    places = number_lists(batch, columns.coords or "")
    species = batch.column(columns.species).to_pylist()
    is_fractional = plain_name(columns.coords or "") == "frac_coords"
    pbc = next((name for name in batch.schema.names if plain_name(name) == "pbc"), None)
    cartesian = None
    if not is_fractional and columns.cartesian is not None:
        cartesian = batch.column(columns.cartesian).to_pylist()

    def draft(row: _Row) -> Entry | Reject:
        place, id, source, labels, notes = row  # noqa: A001 - the field's name
        try:
            lattice = _lattice(lattices[place], columns.lattice or "")
            numbers, named, remarks = _species(species[place])
            flat = places[place]
            if flat is None or len(flat) != 3 * len(numbers):
                given = "no" if flat is None else str(len(flat))
                raise Refusal(
                    Code.UNREADABLE,
                    f"row {source.rpartition(':')[2]} has {len(numbers)} species but {given} "
                    f"numbers in {columns.coords}; three for each are needed",
                )
            coords = flat.reshape(-1, 3)
            if not is_fractional and (cartesian is None or cartesian[place] is not False):
                coords = fractional(coords, lattice)
        except Refusal as refusal:
            return replace(refusal.reject(id, source), labels=labels)
        periodic = PERIODIC
        if pbc is not None:
            periodic = periodicity(labels[pbc])
        elif "nperiodic_dimensions" in labels:
            periodic = periodicity_of_count(labels["nperiodic_dimensions"])
        said = notes + remarks + periodic.notes
        axes = periodic.axes
        return Entry(id, lattice, numbers, coords, source, labels, named, said, pbc=axes)

    frame = None
    if quantities(batch.schema.names):
        by_angles = plain_name(columns.lattice or "") == "cell"
        frame = FrameSource(stress_columns(batch.schema), BY_ANGLES if by_angles else "")

    def read(rows: list[_Row], options: ReadOptions) -> list[Entry | Reject]:
        return build_all([draft(row) for row in rows], options, frame)

    return read


def _structures(payload: TableSlice) -> _Reader:
    """Return a reader of rows with a whole structure in one column."""
    from stratus.crystals.reading.content import parse_content

    column = payload.columns.structure or ""
    values = payload.batch.column(column).to_pylist()

    def read(rows: list[_Row], options: ReadOptions) -> Iterator[Entry | Reject]:
        for row in rows:
            value = values[row.place]
            if value is None or (isinstance(value, str) and not value.strip()):
                number = row.source.rpartition(":")[2]
                refusal = Refusal(Code.NOT_A_STRUCTURE, f"row {number} has nothing in {column}")
                yield replace(refusal.reject(row.id, row.source), labels=row.labels)
                continue
            for outcome in parse_content(
                value,
                id=row.id,
                source=row.source,
                options=options,
                labels=row.labels,
                notes=row.notes,
            ):
                is_reject = isinstance(outcome, Reject)
                yield replace(outcome, labels=row.labels) if is_reject else outcome

    return read


def _lattice(flat: npt.NDArray[np.float64] | None, column: str) -> npt.NDArray[np.float64]:
    wanted = _CELL if plain_name(column) == "cell" else _MATRIX
    if flat is None or len(flat) != wanted:
        given = "none" if flat is None else str(len(flat))
        raise Refusal(Code.BAD_LATTICE, f"{column} needs {wanted} numbers, the row has {given}")
    return flat.reshape(3, 3) if wanted == _MATRIX else lattice_from_cell(flat.tolist())


_Species: TypeAlias = (
    "tuple[npt.NDArray[np.int64], tuple[str, ...] | None, tuple[str, ...]]"  # with notes
)


def _species(value: str | list[str | int] | None) -> _Species:
    if value is None:
        raise Refusal(Code.UNREADABLE, "the row has no species")
    return _numbers(value if isinstance(value, str) else tuple(value))


@lru_cache(maxsize=65536)
def _numbers(value: str | tuple[str | int, ...]) -> _Species:
    words = value.translate(_QUOTES).split() if isinstance(value, str) else value
    found = [NUMBERS.get(word) for word in words]  # type: ignore[arg-type]
    named, notes = None, tuple[str, ...]()
    if None in found:
        from stratus.crystals.reading.cif_symbols import species_of

        pairs = [species_of(word) for word in words]
        found = [number for number, _ in pairs]
        if any(name is not None for _, name in pairs):
            named = tuple(name or SYMBOLS[number] for number, name in pairs)
        notes = deuterium_note(words)
    array = np.array(found, dtype=np.int64)
    array.setflags(write=False)
    return array, named, notes


def row_ids(payload: TableSlice, stem: str) -> list[tuple[str, str | None]]:
    """Return the id of each row, and what was decided about it, if anything.

    Args:
        payload: the rows.
        stem: what the id of a row without one begins with.
    """
    name, batch = payload.columns.id, payload.batch
    values = batch.column(name).to_pylist() if name is not None else [None] * batch.num_rows
    result: list[tuple[str, str | None]] = []
    for row, value in enumerate(values, start=payload.first_row):
        text = "" if value is None else str(value).strip()
        if text:
            result.append((text, None))
        else:
            note = f"row {row} has no {name}: named by its number" if name is not None else None
            result.append((f"{stem}:{row}", note))
    return result


def _labels(batch: pa.RecordBatch, columns: TableColumns) -> dict[str, list[Any]]:
    used = columns.used() | ({columns.id} if columns.id is not None else set())
    text = is_text(batch)
    names = [name for name in batch.schema.names if name not in used]
    return {name: _values(batch, name, text=text) for name in names}


def _values(batch: pa.RecordBatch, name: str, *, text: bool) -> list[Any]:
    """Return the labels of a column; lists of numbers of a quantity as arrays, without shape."""
    if quantity(name) is not None and has_number_lists(batch.column(name).type):
        return list(number_lists(batch, name))
    return _plain(label_column(batch, name), text=text)


def is_text(batch: pa.RecordBatch) -> bool:
    """Return whether a batch came from a CSV, where a number is a text that looks like one."""
    return TEXT_MARK in (batch.schema.metadata or {})


def label_column(batch: pa.RecordBatch, name: str) -> pa.Array:
    """Return a column of labels: ``1,5`` is ``1.5`` where a table may have decimal commas."""
    column = batch.column(name)
    if (batch.schema.metadata or {}).get(TEXT_MARK) != b",":
        return column
    import pyarrow.compute as pc

    return pc.replace_substring_regex(column, _DECIMAL_COMMA, r"\1.\2")


_DECIMAL_COMMA = r"^(\s*[+-]?\d*),(\d+(?:[eE][+-]?\d+)?\s*)$"


def _plain(column: pa.Array, *, text: bool) -> list[Any]:
    import pyarrow as pa

    kind = column.type
    if text:
        return [typed(text) for text in column.to_pylist()]
    if column.null_count == 0 and (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        return list(column.to_numpy(zero_copy_only=False).tolist())
    return list(column.to_pylist())


def typed(text: str | None) -> str | int | float | None:
    """Return a number where a text is one; ``NaN``, ``Inf`` and ``007`` stay text."""
    if text is None or len(text) > _LONGEST_NUMBER:
        return text
    if not _NUMBER.fullmatch(text) or _NAME.match(text):
        return text
    return int(text) if text.lstrip("+-").isdigit() else float(text)


_NAME = re.compile(r"[+-]?0\d")
_LONGEST_NUMBER = 400  # characters; Python reads no whole number of more than 4,300 digits
_NUMBER = re.compile(r"[+-]?(?:\d{1,18}|(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)")
