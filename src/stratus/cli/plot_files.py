"""What pictures need of a folder that ``stratus finetune`` wrote; says what is missing in it."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stratus.crystals.facets import Detail
from stratus.errors import InputError
from stratus.plots.calibration import Coverage
from stratus.plots.learning_curves import Curve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

MODEL: Final = "model"
"""What the fine-tuned model is called among the methods of ``metrics.json``."""

LEVEL: Final = 0.9
"""Of the intervals in ``predictions.csv``."""

_KINDS: Final = {
    Detail.WHOLE: "whole crystals",
    Detail.SPACE_GROUP: "formula and space group",
    Detail.FORMULA: "formula alone",
}
_NUMBERS: Final = ("label", "prediction", "lo", "hi")


class MissingPart(InputError):  # noqa: N818 - a folder without the part is no mistake
    """A folder does not hold what a picture needs."""


@dataclass(frozen=True, eq=False)
class TestRows:
    """The test rows of one target, of all folds.

    Attributes:
        folds: name of the fold of each row.
        labels: ``[n]``, NaN where absent.
        predictions: ``[n]``.
        lo: ``[n]``, lower end of the interval, NaN where absent.
        hi: ``[n]``, upper end.
    """

    folds: NDArray[np.str_]
    labels: Numbers
    predictions: Numbers
    lo: Numbers
    hi: Numbers


def read_predictions(run: Path, target: str) -> TestRows:
    """Read the rows of a regression in ``predictions.csv``.

    Raises:
        MissingPart: there is no such file, or no row of the target in it.
        stratus.errors.InputError: a column is missing, or a cell is no number; names the line.
    """
    path = run / "predictions.csv"
    if not path.is_file():
        raise MissingPart(f"{run} has no predictions.csv, the predictions of the test rows")
    rows = []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        there = reader.fieldnames or ()
        absent = [name for name in ("fold", "target", *_NUMBERS) if name not in there]
        if absent:
            raise InputError(f"{path} has no column {absent[0]!r}; it has {', '.join(there)}")
        for row in reader:
            if row["target"] == target:
                where = f"{path}, line {reader.line_num}"
                rows.append((row["fold"], *(_number(row[name], where) for name in _NUMBERS)))
    if not rows:
        raise MissingPart(f"{path} has no row of {target}")
    folds, *numbers = zip(*rows, strict=True)
    return TestRows(np.array(folds, np.str_), *(np.array(column) for column in numbers))


def _number(cell: str | None, where: str) -> float:
    try:
        return float(cell) if cell else math.nan
    except ValueError:
        raise InputError(f"{where}: {cell!r} is no number; write the file again") from None


def best_baseline(
    metrics: Mapping[str, Any], target: str, rows: TestRows
) -> tuple[str, float] | None:
    """Return the simple model with the smallest mean absolute error on the test rows, and that.

    It is the mean over all rows: that of each fold, weighted by its rows.

    Args:
        metrics: of a model.
        target: its name.
        rows: the test rows of the target.

    Returns:
        None where the metrics hold no simple model.
    """
    here = np.isfinite(rows.labels)
    sums: dict[str, float] = {}
    for fold in metrics.get("folds", ()):
        count = int((here & (rows.folds == fold["fold"])).sum())
        for method, scores in fold["scores"].get(target, {}).items():
            if method != MODEL:
                sums[method] = sums.get(method, 0.0) + count * scores["mae"]
    if not sums or not here.any():
        return None
    best = min(sums, key=lambda method: sums[method])
    return best, sums[best] / int(here.sum())


def learning(metrics: Mapping[str, Any]) -> list[Curve]:
    """Return the losses of each member.

    Raises:
        MissingPart: the metrics hold none.
    """
    found = metrics.get("curves") or ()
    if not found:
        raise MissingPart("metrics.json has no curves; was it fine-tuned by this version?")
    return [
        Curve(
            name=f"fold {curve['fold']}",
            train=_gaps(curve["train"]),
            validation=_gaps(curve["validation"]),
            chosen=curve["best_epoch"],
        )
        for curve in found
    ]


def coverages(metrics: Mapping[str, Any], target: str) -> list[Coverage]:
    """Return how often intervals held the labels of the test rows, by what was known of them.

    Raises:
        MissingPart: the metrics hold none of the target.
    """
    kinds = metrics.get("tasks", {}).get(target, {}).get("intervals")
    if not kinds:
        raise MissingPart(f"metrics.json has no coverage of intervals of {target}")
    return [
        Coverage(_KINDS.get(kind, kind), found["levels"], found["coverage"], found["rows"])
        for kind, found in kinds.items()
    ]


def _gaps(losses: Sequence[float | None]) -> list[float]:
    return [math.nan if loss is None else loss for loss in losses]
