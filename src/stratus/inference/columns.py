"""The columns of the table of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stratus.inference.row import Row
    from stratus.inference.windows import Window
    from stratus.tasks.predicted import Predicted
    from stratus.tasks.task import Task

Cell: TypeAlias = "str | float | int | None"
"""A text, a number, or nothing: None, an empty text and NaN."""


class Column(NamedTuple):
    """A column of a table that is written.

    Attributes:
        name: as it stands in the header.
        kind: ``text``, ``number`` or ``whole``.
        unit: of its numbers; empty where they have none.
    """

    name: str
    kind: str = "text"
    unit: str = ""


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

_SUFFIXES: Final = {
    "regression": ("", "_std", "_lo", "_hi"),
    "binary": ("", "_std"),
    "multiclass": ("", "_p"),
}


def header(tasks: Mapping[str, Task]) -> list[Column]:
    """Return the columns of the table."""
    return [*OWN, *(column for task in tasks.values() for column in _of(task))]


def cells(window: Window, tasks: Mapping[str, Task]) -> Iterator[list[Cell]]:
    """Yield the row of each crystal of a window."""
    columns = [
        column for name, task in tasks.items() for column in _columns(task, window.predicted[name])
    ]
    nothing: list[Cell] = [None] * len(columns)
    for number, (row, place) in enumerate(zip(window.rows, window.where.tolist(), strict=True)):
        values = nothing if row.reject is not None else [column[place] for column in columns]
        yield [*own_cells(row, window.notes.get(number, ())), *values]


def own_cells(row: Row, notes: Sequence[str] = ()) -> list[Cell]:
    """Return what a row says before its targets.

    Args:
        row: the crystal, with the notes of its reading.
        notes: those of its predictions, which stand behind them.
    """
    status, code, detail = "ok", "", ""
    if row.reject is not None:
        status, code, detail = "reject", str(row.reject.code), row.reject.detail
    said = " ".join((*row.notes, *notes))
    return [row.id, status, code, detail, row.source, row.formula, row.space_group, said]


def class_names(task: Task) -> tuple[str, ...]:
    """Return what the classes of a task are called."""
    return task.classes or ("0", "1")


def _of(task: Task) -> Iterator[Column]:
    for end in _SUFFIXES[task.kind]:
        is_class = task.kind == "multiclass" and not end
        unit = task.unit if task.kind == "regression" else ""
        yield Column(task.name + end, "text" if is_class else "number", unit)


def _columns(task: Task, predicted: Predicted) -> Iterator[Sequence[Cell]]:
    value = predicted.value
    if task.kind == "multiclass":
        names = class_names(task)
        yield [names[place] for place in value.argmax(axis=1).tolist()]
        yield value.max(axis=1).tolist()
        return
    yield value.tolist()
    yield predicted.std.tolist()
    if task.kind == "regression":
        for end in (predicted.lo, predicted.hi):
            yield [None] * len(value) if end is None else end.tolist()
