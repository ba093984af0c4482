"""Gradient boosting on statistics of the properties of a crystal's elements.

What is chosen, the loss and the number of trees, is chosen on validation rows from a fixed grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

BOOSTED_TREES: Final = (25, 50, 100, 200, 400, 800)
"""Numbers of trees to choose from; once more of them do not help, still more are not tried."""
BOOSTED_LOSSES: Final = ("squared_error", "absolute_error")
_SETTINGS: Final[dict[str, Any]] = {
    "min_samples_leaf": 5,
    "early_stopping": False,  # which would set training rows aside; validation rows are there
    "warm_start": True,
}
_FEW: Final = 5_000
"""Rows below which one thread is fastest: several wait for each other, long on a busy machine."""


@dataclass(frozen=True, slots=True)
class Features:
    """What is known of the rows of each part, shape (rows, features) each, NaN where unknown."""

    train: Numbers
    validation: Numbers
    test: Numbers

    def known(self) -> Features:
        """Return the columns of which training has a number; others cannot be cut."""
        kept = np.isfinite(self.train).any(axis=0)
        return Features(self.train[:, kept], self.validation[:, kept], self.test[:, kept])


def boosted_regression(
    x: Features, y: Numbers, error: Callable[[Numbers], float], seed: int
) -> Numbers:
    """Return predictions for test rows.

    Args:
        x: rows to learn from, to choose with and to predict.
        y: shape (n,), what is learned.
        error: of predictions for the validation rows.
        seed: of what is drawn.

    Returns:
        shape (test rows,).
    """
    from sklearn.ensemble import (  # type: ignore[import-untyped, unused-ignore]
        HistGradientBoostingRegressor,
    )

    def predicted(model: Any, rows: Numbers) -> Numbers:
        return np.asarray(model.predict(rows), dtype=np.float64)

    found = [
        _grown(
            HistGradientBoostingRegressor(loss=loss, random_state=seed, **_SETTINGS),
            x.known(),
            y,
            error,
            predicted,
        )
        for loss in BOOSTED_LOSSES
    ]
    return min(found, key=lambda each: each[0])[1]


def boosted_classes(
    x: Features,
    y: npt.NDArray[np.int64],
    loss: Callable[[Numbers], float],
    count: int,
    seed: int,
) -> Numbers:
    """Return the probabilities of classes for test rows.

    Args:
        x: rows to learn from, to choose with and to predict.
        y: shape (n,), places of classes, two of them at least.
        loss: of probabilities for the validation rows.
        count: how many classes there are.
        seed: of what is drawn.

    Returns:
        shape (test rows, count).
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    def predicted(model: Any, rows: Numbers) -> Numbers:
        found = np.zeros((len(rows), count))
        found[:, model.classes_] = model.predict_proba(rows)
        return found

    model = HistGradientBoostingClassifier(random_state=seed, **_SETTINGS)
    return _grown(model, x.known(), y, loss, predicted)[1]


def _grown(
    model: Any,
    x: Features,
    y: npt.NDArray[Any],
    error: Callable[[Numbers], float],
    predicted: Callable[[Any, Numbers], Numbers],
) -> tuple[float, Numbers]:
    """Return the least validation error of a growing model, and what it says of test rows there."""
    from threadpoolctl import threadpool_limits

    best = np.inf, np.empty(0)
    with threadpool_limits(1 if len(y) < _FEW else None, user_api="openmp"):
        for trees in BOOSTED_TREES:
            model.set_params(max_iter=trees).fit(x.train, y)  # goes on with the trees there are
            size = error(predicted(model, x.validation))
            if size >= best[0]:
                break
            one = x.test if len(x.test) else x.validation[:1]  # no rows cannot be predicted
            best = size, predicted(model, one)[: len(x.test)]
    return best
