"""The metrics of the leaderboards, fold by fold and over the folds.

As MatBench has them: MAPE leaves out labels closer to zero than 1e-5, classes are told apart at a
probability of one half, ROC-AUC is that of the probabilities, and the spread over folds is divided
by their number. Older submissions give a ROC-AUC of classes; that is their balanced accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.errors import InputError
from stratus.names import pick

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SMALLEST_LABEL: Final = 1e-5
"""MAPE looks at labels whose magnitude is above this."""

THRESHOLD: Final = 0.5
"""Probabilities above it are of class 1."""


@dataclass(frozen=True)
class BoardMetric:
    """One metric.

    Attributes:
        name: as in result files.
        label: as people write it.
        kind: ``regression`` or ``binary``.
        function: of labels ``[n]`` and predictions ``[n]``; None where it is not defined.
        has_unit: whether it has the unit of the labels.
    """

    name: str
    label: str
    kind: str
    function: Callable[[Floats, Floats], float | None]
    has_unit: bool = False

    @property
    def lower_is_better(self) -> bool:
        """Whether a smaller number is a better one: those of regressions are errors."""
        return self.kind == "regression"


@dataclass(frozen=True)
class OverFolds:
    """A metric over folds.

    Attributes:
        mean: each fold counting the same.
        max: the largest.
        min: the smallest.
        std: that of a population: divided by the number of folds.
    """

    mean: float
    max: float
    min: float
    std: float


def _mae(labels: Floats, found: Floats) -> float:
    return float(np.abs(labels - found).mean())


def _rmse(labels: Floats, found: Floats) -> float:
    return float(np.sqrt(np.square(labels - found).mean()))


def _mape(labels: Floats, found: Floats) -> float | None:
    here = np.abs(labels) > SMALLEST_LABEL
    if not here.any():
        return None
    return float(np.abs((labels[here] - found[here]) / labels[here]).mean())


def _max_error(labels: Floats, found: Floats) -> float:
    return float(np.abs(labels - found).max())


def _rocauc(labels: Floats, found: Floats) -> float | None:
    """Return the share of pairs in order (Mann and Whitney), ties counting half.

    It is scikit-learn's number in a hundredth of its time, which a bootstrap needs.
    """
    from scipy.stats import rankdata

    true = labels > THRESHOLD
    ones, zeros = int(true.sum()), int((~true).sum())
    if not ones or not zeros:
        return None
    return float((rankdata(found)[true].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _accuracy(labels: Floats, found: Floats) -> float:
    return float(((labels > THRESHOLD) == (found > THRESHOLD)).mean())


def _balanced_accuracy(labels: Floats, found: Floats) -> float | None:
    true, guess = labels > THRESHOLD, found > THRESHOLD
    if true.all() or not true.any():
        return None
    return float((guess[true].mean() + (~guess)[~true].mean()) / 2)


def _f1(labels: Floats, found: Floats) -> float:
    true, guess = labels > THRESHOLD, found > THRESHOLD
    both = int(true.sum() + guess.sum())
    return 2 * int((true & guess).sum()) / both if both else 0.0


_NUMBER, _CLASS = "regression", "binary"

BOARD: Final[Mapping[str, BoardMetric]] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            BoardMetric("mae", "MAE", _NUMBER, _mae, has_unit=True),
            BoardMetric("rmse", "RMSE", _NUMBER, _rmse, has_unit=True),
            BoardMetric("mape", "MAPE", _NUMBER, _mape),
            BoardMetric("max_error", "largest error", _NUMBER, _max_error, has_unit=True),
            BoardMetric("accuracy", "accuracy", _CLASS, _accuracy),
            BoardMetric("balanced_accuracy", "balanced accuracy", _CLASS, _balanced_accuracy),
            BoardMetric("f1", "F1", _CLASS, _f1),
            BoardMetric("rocauc", "ROC-AUC", _CLASS, _rocauc),
        )
    }
)


def board_metric(name: str) -> BoardMetric:
    """Return a metric by its name.

    Raises:
        stratus.errors.InputError: there is none; gives the close names.
    """
    return pick(BOARD, name, "leaderboard metric")


def board_scores(kind: str, labels: Floats, found: Floats) -> dict[str, float | None]:
    """Measure predictions by each leaderboard metric of a kind of task.

    Args:
        kind: ``regression`` or ``binary``.
        labels: ``[n]``; of a binary task 0 or 1.
        found: ``[n]``, predictions, or probabilities of class 1.

    Returns:
        by the name of the metric; None where one is not defined on these rows.

    Raises:
        stratus.errors.InputError: no row, shapes that differ, or a number that is not finite.
    """
    if labels.shape != found.shape or labels.ndim != 1 or not len(labels):
        raise InputError(
            f"labels {labels.shape} and predictions {found.shape} cannot be compared; give one "
            "prediction for each label, and at least one"
        )
    if not (np.isfinite(labels).all() and np.isfinite(found).all()):
        wrong = int(np.argmin(np.isfinite(labels) & np.isfinite(found)))
        raise InputError(
            f"row {wrong}, counted from 0, has a label or prediction that is no number"
        )
    return {m.name: m.function(labels, found) for m in BOARD.values() if m.kind == kind}


def over_folds(values: Sequence[float]) -> OverFolds:
    """Return mean, extremes and spread over folds.

    Raises:
        stratus.errors.InputError: there is no fold.
    """
    if not len(values):
        raise InputError("there is no fold to look at; give one number a fold")
    numbers = np.asarray(values, np.float64)
    return OverFolds(
        mean=float(numbers.mean()),
        max=float(numbers.max()),
        min=float(numbers.min()),
        std=float(numbers.std()),
    )
