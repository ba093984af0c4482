"""The columns of the table of predictions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from stratus.corpora.encoding.rows import writable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stratus.inference.windows import Window
    from stratus.models.predicting import Predicted
    from stratus.tasks.task import Task

OWN: Final = ("id", "status", "code")
"""The columns before those of the targets."""

_SUFFIXES: Final = {
    "regression": ("", "_std", "_lo", "_hi"),
    "binary": ("", "_std"),
    "multiclass": ("", "_p"),
}


def header(tasks: Mapping[str, Task]) -> list[str]:
    """Return the names of the columns."""
    return [*OWN, *(name + end for name, task in tasks.items() for end in _SUFFIXES[task.kind])]


def cells(window: Window, tasks: Mapping[str, Task]) -> Iterator[list[str]]:
    """Yield the row of each crystal of a window, as texts."""
    columns = [
        column for name, task in tasks.items() for column in _columns(task, window.predicted[name])
    ]
    nothing = [""] * len(columns)
    for row, place in zip(window.rows, window.where.tolist(), strict=True):
        if row.reject is not None:
            yield [writable(row.id), "reject", str(row.reject.code), *nothing]
        else:
            yield [writable(row.id), "ok", "", *(column[place] for column in columns)]


def class_names(task: Task) -> tuple[str, ...]:
    """Return what the classes of a task are called."""
    return task.classes or ("0", "1")


def _columns(task: Task, predicted: Predicted) -> Iterator[Sequence[str]]:
    value = predicted.value
    if task.kind == "multiclass":
        names = class_names(task)
        yield [names[place] for place in value.argmax(axis=1).tolist()]
        yield texts(value.max(axis=1).tolist())
        return
    yield texts(value.tolist())
    yield texts(predicted.std.tolist())
    if task.kind == "regression":
        for end in (predicted.lo, predicted.hi):
            yield [""] * len(value) if end is None else texts(end.tolist())


def texts(numbers: Sequence[float]) -> list[str]:
    """Return numbers with nine digits, which tell any two float32 apart; nothing for NaN."""
    return ["" if math.isnan(number) else f"{number:.9g}" for number in numbers]
