"""Measuring predictions of a task by every metric of its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stratus.errors import InputError
from stratus.tasks.metrics import metrics_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stratus.tasks.task import Task

    Floats = NDArray[np.float64]


def measure(
    task: Task, labels: Floats, values: Floats, present: NDArray[np.bool_] | None = None
) -> dict[str, float | None]:
    """Measure predictions by every metric of the kind of a task.

    Args:
        task: what was predicted.
        labels: ``[n]``, in the unit of the task, or classes counted from 0.
        values: ``[n]``, or ``[n, classes]`` for a multiclass task: numbers in the unit of the task,
            or probabilities.
        present: ``[n]``, which labels there are; all of them if None. Other rows are not looked at.

    Returns:
        the numbers by the name of the metric; None where one is not defined on these rows.

    Raises:
        stratus.errors.InputError: shapes that do not fit, no label at all, or a label or value that
            is no finite number or no class; the message counts such rows and gives the first.
    """
    labels, values = np.asarray(labels, np.float64), np.asarray(values, np.float64)
    here = np.ones(labels.shape, np.bool_) if present is None else np.asarray(present, np.bool_)
    wanted = (*labels.shape, len(task.classes)) if task.kind == "multiclass" else labels.shape
    if labels.ndim != 1 or here.shape != labels.shape or values.shape != wanted:
        raise InputError(
            f"{task.name}: labels {labels.shape}, their mask {here.shape} and values "
            f"{values.shape} do not fit each other; give one row a crystal"
        )
    if not here.any():
        raise InputError(f"{task.name} has no label in these {len(labels)} rows to measure on")
    _refuse(task, "labels that are no finite numbers", here & ~np.isfinite(labels))
    finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    _refuse(task, "predictions that are no finite numbers", here & ~finite)
    if task.kind != "regression":
        allowed = np.arange(max(2, len(task.classes)))
        _refuse(task, f"labels that are not 0 to {allowed[-1]}", here & ~np.isin(labels, allowed))
    return {each.name: each.function(labels[here], values[here]) for each in metrics_of(task.kind)}


def _refuse(task: Task, what: str, wrong: NDArray[np.bool_]) -> None:
    if wrong.any():
        raise InputError(
            f"{task.name} has {what}, in {int(wrong.sum())} of {len(wrong)} rows; the first is "
            f"row {int(np.argmax(wrong))}, counted from 0"
        )
