"""How good predictions are: exact over all rows at once, never a mean of means of batches.

The standard ones are scikit-learn's. Every row counts the same. A metric that is not defined on the
rows at hand, such as a ROC-AUC where all labels are the same, is None and not a made-up number.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from stratus.names import pick

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Function = Callable[[Floats, Floats], float | None]

Kind: TypeAlias = Literal["regression", "binary", "multiclass"]
"""What a label is: a number, one of two classes, one of several."""

THRESHOLD: Final = 0.5
"""A crystal is of class 1 if the probability of that is at least this."""


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: its name in the table.
        label: how it is written for people.
        kinds: kinds of task that it is for.
        unit: ``target`` if it has the unit of the labels, ``target^2`` if its square, else its
            unit; empty for a pure number.
        lower_is_better: whether a smaller number is a better one.
        function: of labels ``[n]`` and values ``[n]`` or ``[n, classes]``, as in
            :class:`stratus.tasks.predictions.Prediction`; None where it is not defined.
    """

    name: str
    label: str
    kinds: tuple[Kind, ...]
    unit: Literal["target", "target^2", "nats", ""]
    lower_is_better: bool
    function: Function

    def unit_for(self, target_unit: str) -> str:
        """Return the unit that the number has where the labels have ``target_unit``."""
        if self.unit == "target^2" and target_unit:
            return f"{target_unit}^2" if target_unit.isalpha() else f"({target_unit})^2"
        return target_unit if self.unit.startswith("target") else self.unit


def _mae(labels: Floats, values: Floats) -> float:
    from sklearn.metrics import mean_absolute_error  # type: ignore[import-untyped, unused-ignore]

    return float(mean_absolute_error(labels, values))


def _rmse(labels: Floats, values: Floats) -> float:
    from sklearn.metrics import (  # type: ignore[import-untyped, unused-ignore]
        root_mean_squared_error,
    )

    return float(root_mean_squared_error(labels, values))


def _mse(labels: Floats, values: Floats) -> float:
    from sklearn.metrics import mean_squared_error  # type: ignore[import-untyped, unused-ignore]

    return float(mean_squared_error(labels, values))


def _r2(labels: Floats, values: Floats) -> float | None:
    from sklearn.metrics import r2_score  # type: ignore[import-untyped, unused-ignore]

    return None if np.ptp(labels) == 0 else float(r2_score(labels, values))


def _mae_over_mad(labels: Floats, values: Floats) -> float | None:
    if np.ptp(labels) == 0:
        return None
    return _mae(labels, values) / float(np.mean(np.abs(labels - np.mean(labels))))


def _classes(values: Floats) -> NDArray[np.int64]:
    if values.ndim == 1:
        return (values >= THRESHOLD).astype(np.int64)
    best: NDArray[np.int64] = np.argmax(values, axis=1).astype(np.int64)
    return best


def _accuracy(labels: Floats, values: Floats) -> float:
    from sklearn.metrics import accuracy_score  # type: ignore[import-untyped, unused-ignore]

    return float(accuracy_score(labels.astype(np.int64), _classes(values)))


def _balanced_accuracy(labels: Floats, values: Floats) -> float:
    # The mean recall of the classes there are; scikit-learn's own warns of any other class.
    from sklearn.metrics import recall_score  # type: ignore[import-untyped, unused-ignore]

    true = labels.astype(np.int64)
    found = recall_score(true, _classes(values), labels=np.unique(true), average="macro")
    return float(found)


def _f1(labels: Floats, values: Floats) -> float:
    from sklearn.metrics import f1_score  # type: ignore[import-untyped, unused-ignore]

    average = "binary" if values.ndim == 1 else "macro"
    true, found = labels.astype(np.int64), _classes(values)
    return float(f1_score(true, found, average=average, zero_division=0.0))


def _roc_auc(labels: Floats, values: Floats) -> float | None:
    from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped, unused-ignore]

    if np.ptp(labels) == 0:
        return None
    return float(roc_auc_score(labels.astype(np.int64), values))


def _log_loss(labels: Floats, values: Floats) -> float:
    from sklearn.metrics import log_loss  # type: ignore[import-untyped, unused-ignore]

    classes = np.arange(2 if values.ndim == 1 else values.shape[1])
    return float(log_loss(labels.astype(np.int64), values, labels=classes))


_NUMBERS: Final = ("regression",)
_CLASSES: Final = ("binary", "multiclass")

METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("mae", "MAE", _NUMBERS, "target", lower_is_better=True, function=_mae),
            Metric("rmse", "RMSE", _NUMBERS, "target", lower_is_better=True, function=_rmse),
            Metric("mse", "MSE", _NUMBERS, "target^2", lower_is_better=True, function=_mse),
            Metric("r2", "R²", _NUMBERS, "", lower_is_better=False, function=_r2),
            Metric(
                "mae_over_mad",
                "MAE/MAD (MAD about the mean of the rows measured)",
                _NUMBERS,
                "",
                lower_is_better=True,
                function=_mae_over_mad,
            ),
            Metric("roc_auc", "ROC-AUC", ("binary",), "", lower_is_better=False, function=_roc_auc),
            Metric(
                "balanced_accuracy",
                "balanced accuracy",
                _CLASSES,
                "",
                lower_is_better=False,
                function=_balanced_accuracy,
            ),
            Metric("f1", "F1", _CLASSES, "", lower_is_better=False, function=_f1),
            Metric(
                "log_loss", "log loss", _CLASSES, "nats", lower_is_better=True, function=_log_loss
            ),
            Metric("accuracy", "accuracy", _CLASSES, "", lower_is_better=False, function=_accuracy),
        )
    }
)


def metric(name: str) -> Metric:
    """Return a metric by its name.

    Raises:
        stratus.errors.InputError: no such name; the message gives the close ones.
    """
    return pick(METRICS, name, "metric")


def metrics_of(kind: Kind) -> tuple[Metric, ...]:
    """Return the metrics of a kind of task, in the order of the table."""
    return tuple(each for each in METRICS.values() if kind in each.kinds)
