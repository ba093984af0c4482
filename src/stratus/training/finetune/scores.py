"""How good a fold is, beside the simple models on the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from stratus.tasks.comparison import compare, spread
from stratus.tasks.metrics import measure, metric
from stratus.training.finetune.labels import labels_of
from stratus.training.simple_models import predict_simple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from stratus.corpora.labelled.folds import Fold
    from stratus.corpora.labelled.table import LabelledTable
    from stratus.tasks.comparison import Comparison, Spread
    from stratus.tasks.task import Task

MODEL: Final = "model"
"""What the fine-tuned model is called among the methods."""

Scores: TypeAlias = "dict[str, dict[str, float | None]]"
"""By method, by metric; None where a metric is not defined on the rows."""


def score(
    table: LabelledTable,
    fold: Fold,
    task: Task,
    values: NDArray[np.float64],
    seed: int,
) -> Scores:
    """Measure the model and the simple ones on the test rows of a fold that have a label.

    Args:
        table: all rows.
        fold: the split.
        task: what was predicted.
        values: of the model, one a test row.
        seed: of the simple models.

    Returns:
        nothing where no test row has a label.

    Raises:
        stratus.errors.InputError: a label is no finite number.
    """
    labels = labels_of(table, task)
    truth = labels[fold.test]
    here = ~np.isnan(truth)
    if not here.any():
        return {}
    classes = max(2, len(task.classes)) if task.kind != "regression" else None
    per: Any = "cell" if task.per == "cell" else "atom"
    simple = predict_simple(table, labels, fold, task.kind, per, classes=classes, seed=seed)
    methods = {MODEL: values} | {
        name: found[:, 1] if task.kind == "binary" else found for name, found in simple.items()
    }
    return {name: measure(task, truth, found, here) for name, found in methods.items()}


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
