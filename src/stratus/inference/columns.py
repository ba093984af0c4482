"""The columns of the table of predictions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np

from stratus.inference.row import joined_notes
from stratus.models.functionals import functional_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from stratus.inference.row import Row
    from stratus.inference.windows import Window
    from stratus.models.model import Model
    from stratus.tasks.predicted import Predicted
    from stratus.tasks.task import Task

    Floats = NDArray[np.float64]

Cell: TypeAlias = "str | float | int | None"
"""A text, a number, or nothing: None, an empty text and NaN."""


class Column(NamedTuple):
    """A column of a table that is written.

    Attributes:
        name: as it stands in the header.
        kind: ``text``, ``number`` or ``whole``.
        unit: of its numbers; empty where they have none.
        functional: the density functional that the labels were computed with; empty where none
            was, or nobody says.
        part: which part of a prediction it holds: ``_std``, ``_lo``, ``_hi`` or ``_p``; empty for
            the value, and for what is no prediction.
    """

    name: str
    kind: str = "text"
    unit: str = ""
    functional: str = ""
    part: str = ""


OWN: Final = (
    Column("id"),
    Column("status"),
    Column("code"),
    Column("detail"),
    Column("source"),
    Column("formula"),
    Column("space_group", "whole"),
    Column("notes"),
)
"""The columns before those of the targets."""

ENDS: Final = ("_lo", "_hi")
"""The parts of predictions that are ends of intervals."""

_PLAIN: Final = ("", *ENDS)
_LOGARITHM: Final = re.compile(r"log10\((.+)\)")

_SUFFIXES: Final = {
    "regression": ("", "_std", "_lo", "_hi"),
    "binary": ("", "_std"),
    "multiclass": ("", "_p"),
}


def header(model: Model, *, units: bool = False) -> list[Column]:
    """Return the columns of the table.

    Args:
        model: what predicts.
        units: whether a target in a logarithm of a unit has columns in the unit itself too.
    """
    found = list(OWN)
    for task in model.tasks.values():
        functional = functional_of(model, task.name)
        found += (column._replace(functional=functional) for column in _of(task))
        plain = plain_target(task, model.tasks) if units else None
        if plain is not None:
            name, unit = plain
            found += (Column(name + end, "number", unit, functional, end) for end in _PLAIN)
    return found


def plain_target(task: Task, others: Container[str]) -> tuple[str, str] | None:
    """Return name and unit of what a target in a logarithm is the logarithm of.

    Args:
        task: such as ``log10_bulk_modulus`` in ``log10(GPa)``.
        others: names that are taken.

    Returns:
        ``bulk_modulus`` and ``GPa``; None for a target that is no logarithm.
    """
    found = _LOGARITHM.fullmatch(task.unit) if task.kind == "regression" else None
    if found is None:
        return None
    name = task.name.removeprefix("log10_").removeprefix("log_")
    return (f"{task.name}_in_{found[1]}" if name in others else name), found[1]


def cells(
    window: Window, tasks: Mapping[str, Task], *, units: bool = False
) -> Iterator[tuple[Row, list[Cell]]]:
    """Yield each row of a window with its cells."""
    columns = [
        column
        for name, task in tasks.items()
        for column in _columns(task, window.predicted[name], tasks, units=units)
    ]
    nothing: list[Cell] = [None] * len(columns)
    for number, (row, place) in enumerate(zip(window.rows, window.where.tolist(), strict=True)):
        values = nothing if row.reject is not None else [column[place] for column in columns]
        yield row, [*own_cells(row, window.notes.get(number, ())), *values]


def own_cells(row: Row, notes: Sequence[str] = ()) -> list[Cell]:
    """Return what a row says before its targets.

    Args:
        row: the crystal, with the notes of its reading.
        notes: those of its predictions, which stand behind them.
    """
    status, code, detail = "ok", "", ""
    if row.reject is not None:
        status, code, detail = "reject", str(row.reject.code), row.reject.detail
    said = joined_notes((*row.notes, *notes))
    return [row.id, status, code, detail, row.source, row.formula, row.space_group, said]


def class_names(task: Task) -> tuple[str, ...]:
    """Return what the classes of a task are called."""
    return task.classes or ("0", "1")


def _of(task: Task) -> Iterator[Column]:
    for end in _SUFFIXES[task.kind]:
        is_class = task.kind == "multiclass" and not end
        unit = task.unit if task.kind == "regression" else ""
        yield Column(task.name + end, "text" if is_class else "number", unit, part=end)


def _columns(
    task: Task, predicted: Predicted, tasks: Container[str], *, units: bool
) -> Iterator[Sequence[Cell]]:
    value = predicted.value
    if task.kind == "multiclass":
        names = class_names(task)
        yield [names[place] for place in value.argmax(axis=1).tolist()]
        yield value.max(axis=1).tolist()
        return
    ends = (predicted.lo, predicted.hi)
    yield value.tolist()
    yield predicted.std.tolist()
    if task.kind == "regression":
        yield from (_filled(end, len(value)) for end in ends)
    if units and plain_target(task, tasks) is not None:
        yield power(value).tolist()
        yield from (_filled(None if end is None else power(end), len(value)) for end in ends)


def power(logarithms: Floats) -> Floats:
    """Return what some numbers are the decadic logarithms of; infinity where that is too large."""
    with np.errstate(over="ignore"):
        found: Floats = 10.0**logarithms
    return found


def _filled(numbers: Floats | None, count: int) -> Sequence[Cell]:
    return [None] * count if numbers is None else numbers.tolist()
