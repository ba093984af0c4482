"""Properties of crystals: a regressor for numbers, a classifier for classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from stratus.corpora.tables.table import Kind
from stratus.errors import InputError
from stratus.inference.estimators.estimator import CrystalEstimator
from stratus.inference.estimators.tables import (
    class_names,
    classes_of,
    crystals_of,
    labels_of_classes,
    numbers_of,
    read_classes,
    tasks_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class CrystalRegressor(RegressorMixin, CrystalEstimator):  # type: ignore[misc]
    """Numbers for crystals, one target or several at once.

    See :class:`CrystalEstimator` for the arguments.
    """

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803 - scikit-learn's name
        """Learn from crystals and their labels.

        Args:
            X: n crystals.
            y: ``[n]`` or ``[n, targets]``; NaN where there is no label.

        Raises:
            stratus.errors.InputError: X, y or an option cannot be; the message says which.
            stratus.errors.StratusError: the loss is not finite.
        """
        crystals = crystals_of(X)
        labels = numbers_of(y, len(crystals))
        columns = labels.reshape(len(crystals), -1)
        tasks = tasks_of(self.targets, y, columns.shape[1], Kind.REGRESSION)
        self._learn(crystals, tasks, columns, {})
        self._take_up()
        self._flat = labels.ndim == 1
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:  # noqa: N803, FBT001, FBT002
        """Return values in the units of y.

        Args:
            X: n crystals.
            return_std: whether standard deviations are returned as well: how far the members
                differ, and what a ``gaussian`` loss learned; NaN where neither is there.

        Returns:
            ``[n]`` or ``[n, targets]``, as y was; with ``return_std`` two of them.

        Raises:
            sklearn.exceptions.NotFittedError: nothing was learned or loaded.
            stratus.errors.InputError: a crystal cannot be read; the message gives its place.
        """
        found = self._predict(X)
        values = self._shaped([found[name].value for name in self.target_names_])
        if not return_std:
            return values
        return values, self._shaped([found[name].std for name in self.target_names_])

    def predict_interval(self, X: Any, level: float = 0.9) -> Floats:  # noqa: N803
        """Return intervals that hold a share of the values of crystals like the validation rows.

        Args:
            X: n crystals.
            level: that share, between 0 and 1.

        Returns:
            ``[n, 2]`` or ``[n, targets, 2]``, lower and upper end; infinite where there were too
            few validation rows, NaN where none told of crystals of which as much is known.

        Raises:
            sklearn.exceptions.NotFittedError: nothing was learned or loaded.
            stratus.errors.InputError: the model has no calibration, or the level cannot be.
        """
        check_is_fitted(self, "model_")
        if self.model_.calibration is None:
            raise InputError(f"the model {self.model_.card.name!r} has no calibration of intervals")
        found = self._predict(X, interval=level)
        ends = [(found[name].lo, found[name].hi) for name in self.target_names_]
        lo, hi = (self._shaped([end[k] for end in ends]) for k in (0, 1))
        return np.stack([lo, hi], axis=-1)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Return R², the mean over the targets, each over the crystals that have its label."""
        values = np.asarray(self.predict(X)).reshape(-1, len(self.target_names_))
        labels = numbers_of(y, len(values)).reshape(len(values), -1)
        if labels.shape != values.shape:
            raise InputError(
                f"y has {labels.shape[1]} targets, but {values.shape[1]} are predicted"
            )
        found = []
        for label, value in zip(labels.T, values.T, strict=True):
            here = ~np.isnan(label)
            weight = None if sample_weight is None else np.asarray(sample_weight)[here]
            found.append(r2_score(label[here], value[here], sample_weight=weight))
        return float(np.mean(found))

    def _take_up(self) -> None:
        self.target_names_ = [task.name for task in self._tasks_of_kind("regression")]
        self._flat = len(self.target_names_) == 1

    def _shaped(self, columns: Sequence[Any]) -> Floats:
        return np.asarray(columns[0]) if self._flat else np.stack(columns, axis=1)


class CrystalClassifier(ClassifierMixin, CrystalEstimator):  # type: ignore[misc]
    """Classes of crystals, two or more, of one target.

    See :class:`CrystalEstimator` for the arguments.

    Attributes:
        classes_: the classes in order. After ``load`` they are whole numbers or truth values if
            all their names are such, else texts.
    """

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803 - scikit-learn's name
        """Learn from crystals and their classes.

        Args:
            X: n crystals.
            y: ``[n]``, texts, whole numbers or truth values; NaN or None where there is no label.

        Raises:
            stratus.errors.InputError: X, y or an option cannot be; the message says which.
            stratus.errors.StratusError: the loss is not finite.
        """
        crystals = crystals_of(X)
        classes, places = classes_of(y, len(crystals))
        names = class_names(classes)
        kind = Kind.BINARY if len(names) == 2 else Kind.MULTICLASS
        tasks = tasks_of(self.targets, y, 1, kind, names)
        self._learn(crystals, tasks, places[:, None], {tasks[0].column: names})
        self._take_up()
        self.classes_ = classes
        return self

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803
        """Return the probability of each class, ``[n, classes]``, in the order of ``classes_``.

        Raises:
            sklearn.exceptions.NotFittedError: nothing was learned or loaded.
            stratus.errors.InputError: a crystal cannot be read; the message gives its place.
        """
        found = self._predict(X)[self.target_names_[0]].value
        return found if found.ndim == 2 else np.stack([1 - found, found], axis=1)

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return the likeliest class of each crystal, ``[n]``; arguments as of ``fit``.

        Raises:
            sklearn.exceptions.NotFittedError: nothing was learned or loaded.
            stratus.errors.InputError: a crystal cannot be read; the message gives its place.
        """
        likeliest = self.predict_proba(X).argmax(axis=1)
        classes: NDArray[Any] = self.classes_[likeliest]
        return classes

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Return the share of the crystals with a label whose class is predicted."""
        predicted = self.predict(X).tolist()
        labels, here = labels_of_classes(y, len(predicted))
        right = np.array([one == other for one, other in zip(predicted, labels, strict=True)])
        weight = None if sample_weight is None else np.asarray(sample_weight)[here]
        return float(np.average(right[here], weights=weight))

    def _take_up(self) -> None:
        tasks = self._tasks_of_kind("binary", "multiclass")
        if len(tasks) > 1:
            raise InputError(
                f"the model {self.model_.card.name!r} has {len(tasks)} targets with classes; a "
                "CrystalClassifier predicts one: use stratus.load and predict"
            )
        self.target_names_ = [tasks[0].name]
        self.classes_ = read_classes(tasks[0].classes or ("0", "1"))
