"""How good a fold is, beside the simple models on the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from stratus.tasks.comparison import compare, spread
from stratus.tasks.measurements import measure
from stratus.tasks.metrics import metric
from stratus.training.finetune.labels import atoms_of, labels_of
from stratus.training.simple_models import (
    learned_from,
    predict_simple,
    predict_simple_together,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from stratus.corpora.tables.folds import Fold
    from stratus.corpora.tables.table import Table
    from stratus.tasks.comparison import Comparison, Spread
    from stratus.tasks.task import Task
    from stratus.training.row_caps import Capped

MODEL: Final = "model"
"""What the fine-tuned model is called among the methods."""

Scores: TypeAlias = "dict[str, dict[str, float | None]]"
"""By method, by metric; None where a metric is not defined on the rows."""


def score(
    table: Table,
    fold: Fold,
    tasks: Sequence[Task],
    values: Mapping[str, NDArray[np.float64]],
    seed: int,
) -> dict[str, Scores]:
    """Measure the model and the simple ones on the test rows of a fold that have a label.

    Args:
        table: all rows.
        fold: the split.
        tasks: what was predicted.
        values: of the model by task, one a test row.
        seed: of the simple models.

    Returns:
        by task; nothing for one of which no test row has a label.

    Raises:
        stratus.errors.InputError: a label is no finite number.
    """
    labels = {task.name: labels_of(table, task) for task in tasks}
    tested = [task for task in tasks if not np.isnan(labels[task.name][fold.test]).all()]
    simple = _simple(table, fold, tested, labels, seed)
    found: dict[str, Scores] = {task.name: {} for task in tasks}
    for task in tested:
        truth = labels[task.name][fold.test]
        methods = {MODEL: values[task.name]} | simple[task.name]
        here = ~np.isnan(truth)
        found[task.name] = {name: measure(task, truth, x, here) for name, x in methods.items()}
    return found


def capped(table: Table, fold: Fold, tasks: Sequence[Task]) -> dict[str, dict[str, Capped]]:
    """Return which simple models did not learn from all training rows of a fold, by task."""
    rows = {task.name: labels_of(table, task)[fold.train] for task in tasks}
    found = {
        task.name: learned_from(task.kind, int(np.isfinite(rows[task.name]).sum()))
        for task in tasks
    }
    return {name: of_methods for name, of_methods in found.items() if of_methods}


def _simple(
    table: Table,
    fold: Fold,
    tasks: Sequence[Task],
    labels: Mapping[str, NDArray[np.float64]],
    seed: int,
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Return what the simple models predict, by task; labels of the same rows are learned at once.

    The many targets of a law mostly are, and each alone would take as long as all together.
    """
    found: dict[str, dict[str, NDArray[np.float64]]] = {}
    alike: dict[tuple[bytes, bytes], list[Task]] = {}
    for task in tasks:
        if task.kind == "regression":
            atoms = atoms_of(table, task)
            same = np.isnan(labels[task.name]).tobytes(), b"" if atoms is None else atoms.tobytes()
            alike.setdefault(same, []).append(task)
            continue
        of_classes = predict_simple(
            table, labels[task.name], fold, task.kind, classes=max(2, len(task.classes)), seed=seed
        )
        found[task.name] = {
            name: shares[:, 1] if task.kind == "binary" else shares
            for name, shares in of_classes.items()
        }
    for together in alike.values():
        columns = np.stack([labels[task.name] for task in together], axis=1)
        atoms = atoms_of(table, together[0])
        by_method = predict_simple_together(table, columns, fold, atoms, seed=seed)
        for place, task in enumerate(together):
            found[task.name] = {name: values[:, place] for name, values in by_method.items()}
    return found


def over_folds(folds: Sequence[Scores]) -> dict[str, dict[str, Spread]]:
    """Return mean and spread by method and metric, of what every fold has."""
    found: dict[str, dict[str, Spread]] = {}
    for method in _in_all(folds):
        of_method = [fold[method] for fold in folds]
        for name in of_method[0]:
            numbers = [scores[name] for scores in of_method]
            if None not in numbers:
                known = [number for number in numbers if number is not None]
                found.setdefault(method, {})[name] = spread(known)
    return found


def beside_baselines(task: Task, folds: Sequence[Scores]) -> dict[str, Comparison]:
    """Compare the model with each simple one, fold by fold, by the metric of the task."""
    found: dict[str, Comparison] = {}
    for method in _in_all(folds):
        ours = [fold[MODEL][task.metric] for fold in folds]
        theirs = [fold[method][task.metric] for fold in folds]
        if method != MODEL and None not in ours and None not in theirs:
            found[method] = compare(
                [number for number in ours if number is not None],
                [number for number in theirs if number is not None],
                lower_is_better=metric(task.metric).lower_is_better,
            )
    return found


def _in_all(folds: Sequence[Mapping[str, object]]) -> list[str]:
    return [name for name in folds[0] if all(name in fold for fold in folds)] if folds else []
