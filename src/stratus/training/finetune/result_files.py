"""What a fine-tuned bundle carries for people: every prediction of a test row, and the options."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stratus.tasks.task import Task
    from stratus.training.finetune.fold_results import FoldResult, FoldResults
    from stratus.training.finetune.options import FinetuneOptions

COLUMNS = ("fold", "id", "known", "target", "label", "prediction", "std", "lo", "hi")


def check_new(folder: str | Path) -> None:
    """Refuse a folder that is there already, before any work.

    Raises:
        stratus.errors.InputError: it is.
    """
    if Path(folder).exists():
        raise InputError(f"{folder} is there already; name a new folder")


def options_yaml(options: FinetuneOptions) -> str:
    """Return every option, resolved, as YAML."""
    return yaml.safe_dump(options.model_dump(mode="json"), sort_keys=False)


def predictions_csv(result: FoldResults) -> str:
    """Return the predictions of all test rows as CSV, a row for each crystal and target.

    Labels and predictions of a regression are in the unit of the target; ``lo`` and ``hi`` are the
    90 % interval by the nets of the fold alone. A prediction is the probability of class 1 for a
    binary target, and the likeliest class for one of several classes. Cells are empty where there
    is nothing to say.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for fold in result.folds:
        for task in result.tasks:
            writer.writerows(_rows(fold, task))
    return text.getvalue()


def _rows(fold: FoldResult, task: Task) -> Iterator[tuple[str, ...]]:
    found = fold.predictions[task.name]
    several = task.kind == "multiclass"
    values = found.values.argmax(axis=1) if several else found.values
    nothing = [math.nan] * len(values)
    std = nothing if found.std is None else found.std.tolist()
    bounds = fold.bounds.get(task.name)
    lo, hi = (nothing, nothing) if bounds is None else (bounds[0].tolist(), bounds[1].tolist())

    def cell(number: float) -> str:
        if math.isnan(number):
            return ""
        return task.classes[int(number)] if several else repr(number)

    labels = fold.labels[task.name].tolist()
    columns = (fold.ids, fold.known, labels, values.tolist(), std, lo, hi)
    for id_, known, label, value, *spread in zip(*columns, strict=True):
        numbers = ("" if math.isnan(number) else repr(number) for number in spread)
        yield fold.name, id_, str(known), task.name, cell(label), cell(value), *numbers
