"""A result on disk: a bundle a fold, every prediction, and what was measured."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from stratus.errors import InputError
from stratus.training.run_folder import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stratus.tasks.task import Task
    from stratus.training.finetune.result import FinetuneResult, FoldResult

COLUMNS = ("fold", "id", "target", "label", "prediction", "std")


def check_new(folder: str | Path) -> None:
    """Refuse a folder that holds something, before any work.

    Raises:
        stratus.errors.InputError: it does, or it is a file.
    """
    folder = Path(folder)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder} is there already; name a new folder")


def write_result(
    result: FinetuneResult, folder: str | Path, *, card: Mapping[str, Any] | None = None
) -> None:
    """Write all of a result into a new folder.

    It gets ``fold-NAME``, a bundle for each fold; ``predictions.csv``, the test rows;
    ``options.yaml`` and, last, ``metrics.json``.

    Args:
        result: what to write.
        folder: where to; new or empty.
        card: keys of the cards that their owner sets.

    Raises:
        stratus.errors.InputError: the folder holds something, or a key of the card can not be.
        stratus.errors.StratusError: the disk is full or may not be written.
    """
    folder = Path(folder)
    check_new(folder)
    for fold in result.folds:
        result.save(folder / f"fold-{fold.name}", fold=fold.name, card=card)
    write_text(folder / "predictions.csv", predictions_csv(result))
    options = yaml.safe_dump(result.options.model_dump(mode="json"), sort_keys=False)
    write_text(folder / "options.yaml", options)
    metrics = json.dumps(result.summary(), indent=1, allow_nan=False)
    write_text(folder / "metrics.json", metrics + "\n")


def predictions_csv(result: FinetuneResult) -> str:
    """Return the predictions of all test rows as CSV, a row for each crystal and target.

    Labels and predictions of a regression are in the unit of the target. A prediction is the
    probability of class 1 for a binary target, and the likeliest class for one of several classes.
    Cells are empty where there is no label or no standard deviation.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for fold in result.folds:
        for task in result.tasks:
            writer.writerows(_rows(fold, task))
    return text.getvalue()


def _rows(fold: FoldResult, task: Task) -> Iterator[tuple[str, str, str, str, str, str]]:
    found = fold.predictions[task.name]
    several = task.kind == "multiclass"
    values = found.values.argmax(axis=1) if several else found.values
    std = [math.nan] * len(values) if found.std is None else found.std.tolist()

    def cell(number: float) -> str:
        if math.isnan(number):
            return ""
        return task.classes[int(number)] if several else repr(number)

    labels = fold.labels[task.name].tolist()
    for row in zip(fold.ids, labels, values.tolist(), std, strict=True):
        id_, label, value, deviation = row
        spread = "" if math.isnan(deviation) else repr(deviation)
        yield fold.name, id_, task.name, cell(label), cell(value), spread
