"""What models are worth that know the composition at most: beside every number we print.

They learn from training rows; what has to be chosen (λ, γ, C) is chosen on validation rows, from a
fixed grid, and nothing looks at a test label. A label per cell is learnt per atom and multiplied by
the atoms of the primitive cell. That kernel ridge regression on the composition, times the atoms,
is as good as published networks on C_v per cell is why these stand here.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from stratus.corpora.labelled.table import Kind
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from stratus.corpora.labelled.folds import Fold
    from stratus.corpora.labelled.table import LabelledTable

    Numbers = npt.NDArray[np.float64]

_LOG = logging.getLogger(__name__)

MEAN: Final = "mean"
MEAN_PER_ATOM: Final = "mean per atom x atoms"
RIDGE: Final = "ridge on composition"
KERNEL_RIDGE: Final = "kernel ridge on composition"
MAJORITY: Final = "majority class"
LOGISTIC: Final = "logistic regression on composition"

RIDGE_ALPHAS: Final = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
KERNEL_GAMMAS: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
KERNEL_LAMBDAS: Final = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
LOGISTIC_CS: Final = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)

KERNEL_ROWS: Final = 10_000
"""Training rows that kernel ridge regression learns from at most, drawn with the seed."""
CHOICE_ROWS: Final = 4_000
"""Rows on either side with which λ and γ are chosen at most, drawn with the seed."""
_BLOCK: Final = 2_000


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the models see of a fold: everything but the labels of its test rows."""

    x_train: Numbers
    y_train: Numbers
    x_validation: Numbers
    y_validation: Numbers
    x_test: Numbers
    atoms_train: Numbers
    atoms_validation: Numbers
    atoms_test: Numbers


def predict_simple(
    table: LabelledTable,
    labels: Numbers,
    fold: Fold,
    kind: str,
    per: Literal["atom", "cell"] = "atom",
    *,
    classes: int | None = None,
    seed: int = 0,
) -> dict[str, Numbers]:
    """Learn from a fold's training rows and predict its test rows.

    With more than 10,000 training rows, kernel ridge regression learns from 10,000 of them, and its
    name says so.

    Args:
        table: the crystals.
        labels: shape (n,), the labels of one target, NaN where absent; those of test rows are not
            looked at.
        fold: the split.
        kind: ``regression``, ``binary`` or ``multiclass``.
        per: for regression: whether a label grows with the cell (``cell``) or not (``atom``).
        classes: number of classes; by default what training and validation rows show.
        seed: which rows are drawn where there are too many.

    Returns:
        by name of the model: for regression shape (test rows,), in the unit of the labels; for
        classification the probabilities, shape (test rows, classes); those of the majority class
        are the shares of the classes among the training rows.

    Raises:
        stratus.errors.InputError: no labelled training or validation rows, labels that are no
            classes, or an unknown kind.
    """
    if kind not in [known.value for known in Kind]:
        raise InputError(f"{kind!r} is no kind of target; take {', '.join(Kind)}")
    if per not in {"atom", "cell"}:
        raise InputError(f"a label is per 'atom' or per 'cell', not per {per!r}")
    rows = _rows(table, labels, fold)
    if kind == Kind.REGRESSION:
        return _regression(rows, per, seed)
    return _classification(rows, classes)


def _rows(table: LabelledTable, labels: Numbers, fold: Fold) -> _Rows:
    if labels.shape != (len(table),):
        raise InputError(f"{len(table)} labels are needed, one a row; the shape is {labels.shape}")
    train = fold.train[np.isfinite(labels[fold.train])]
    validation = fold.validation[np.isfinite(labels[fold.validation])]
    for name, kept in (("training", train), ("validation", validation)):
        if not len(kept):
            raise InputError(f"fold {fold.name} has no {name} row with a label")
    fractions = table.fractions()
    x = fractions[:, fractions[train].any(axis=0)]  # what training never saw tells nothing
    atoms = table.n_atoms.astype(np.float64)
    return _Rows(
        x[train], labels[train], x[validation], labels[validation], x[fold.test],
        atoms[train], atoms[validation], atoms[fold.test],
    )  # fmt: skip


def _regression(rows: _Rows, per: str, seed: int) -> dict[str, Numbers]:
    mean = np.full(len(rows.x_test), rows.y_train.mean())
    found = {MEAN: mean}
    scale: tuple[Numbers, Numbers, Numbers] = (
        np.ones(len(rows.x_train)), np.ones(len(rows.x_validation)), np.ones(len(rows.x_test))
    )  # fmt: skip
    if per == "cell":
        scale = (rows.atoms_train, rows.atoms_validation, rows.atoms_test)
        found[MEAN_PER_ATOM] = (rows.y_train / scale[0]).mean() * scale[2]

    def error(predicted: Numbers) -> float:
        return float(np.abs(predicted * scale[1] - rows.y_validation).mean())

    y = rows.y_train / scale[0]
    found[RIDGE] = _ridge(rows, y, error) * scale[2]
    name, predicted = _kernel_ridge(rows, y, scale[1], seed)
    found[name] = predicted * scale[2]
    return found


def _ridge(rows: _Rows, y: Numbers, error: Callable[[Numbers], float]) -> Numbers:
    from sklearn.linear_model import Ridge  # type: ignore[import-untyped, unused-ignore]

    models = [Ridge(alpha=a, solver="cholesky").fit(rows.x_train, y) for a in RIDGE_ALPHAS]
    best = min(models, key=lambda model: error(model.predict(rows.x_validation)))
    return np.asarray(best.predict(rows.x_test), dtype=np.float64)


def _kernel_ridge(rows: _Rows, y: Numbers, scale: Numbers, seed: int) -> tuple[str, Numbers]:
    """Return the name of the model and its predictions per atom.

    Args:
        rows: the fold.
        y: training labels, divided by the atoms where they are per cell.
        scale: what the predictions of validation rows are multiplied with.
        seed: which rows are drawn where there are too many.
    """
    drawn, name = _some(len(y), KERNEL_ROWS, seed), KERNEL_RIDGE
    if len(drawn) < len(y):
        name = f"{KERNEL_RIDGE} ({len(drawn)} rows)"
        _LOG.info("kernel ridge learns from %d of %d training rows", len(drawn), len(y))
    x, y, middle = rows.x_train[drawn], y[drawn], y[drawn].mean()
    few = _some(len(y), CHOICE_ROWS, seed)
    look = _some(len(scale), CHOICE_ROWS, seed)
    gamma, alpha = _chosen(
        _distances(x[few], x[few]),
        _distances(rows.x_validation[look], x[few]),
        y[few] - middle,
        lambda found: float(
            np.abs((found + middle) * scale[look] - rows.y_validation[look]).mean()
        ),
    )
    weights = _weights(_kernel(_distances(x, x), gamma), alpha, y - middle)
    blocks = [
        _kernel(_distances(rows.x_test[start : start + _BLOCK], x), gamma) @ weights
        for start in range(0, len(rows.x_test), _BLOCK)
    ]
    return name, np.concatenate([*blocks, np.empty(0)]) + middle


def _chosen(
    inside: Numbers, across: Numbers, y: Numbers, error: Callable[[Numbers], float]
) -> tuple[float, float]:
    """Return the γ and λ with the smallest error on validation rows."""
    best = (np.inf, KERNEL_GAMMAS[0], KERNEL_LAMBDAS[0])
    for gamma in KERNEL_GAMMAS:
        kernel, out = np.exp(-gamma * inside), np.exp(-gamma * across)
        for alpha in KERNEL_LAMBDAS:
            best = min(best, (error(out @ _weights(kernel.copy(), alpha, y)), gamma, alpha))
    return best[1], best[2]


def _weights(kernel: Numbers, alpha: float, y: Numbers) -> Numbers:
    """Solve (K + λ) w = y; the kernel matrix is used up, because a copy would be large."""
    from scipy.linalg import cho_factor, cho_solve

    kernel.flat[:: len(kernel) + 1] += alpha
    factor = cho_factor(kernel.T, overwrite_a=True, check_finite=False)
    return np.asarray(cho_solve(factor, y, check_finite=False), dtype=np.float64)


def _distances(a: Numbers, b: Numbers) -> Numbers:
    """Return the sums of absolute differences, shape (len(a), len(b))."""
    from sklearn.metrics.pairwise import (  # type: ignore[import-untyped, unused-ignore]
        manhattan_distances,
    )

    return np.asarray(manhattan_distances(a, b), dtype=np.float64)


def _kernel(distances: Numbers, gamma: float) -> Numbers:
    """Turn distances into the Laplacian kernel, in place: the matrix may be large."""
    distances *= -gamma
    return np.exp(distances, out=distances)


def _some(rows: int, most: int, seed: int) -> npt.NDArray[np.int64]:
    """Return all places, or as many as allowed, drawn and in order."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, size=most, replace=False))


def _classification(rows: _Rows, classes: int | None) -> dict[str, Numbers]:
    seen = np.concatenate([rows.y_train, rows.y_validation])
    if (seen < 0).any() or (seen != np.floor(seen)).any():
        raise InputError("the labels of a classification are places of classes: 0, 1, ...")
    count = classes if classes is not None else int(seen.max()) + 1
    if seen.max() >= count:
        raise InputError(f"class {int(seen.max())} is none of {count} classes, counted from 0")
    y, wanted = rows.y_train.astype(np.int64), rows.y_validation.astype(np.int64)
    shares = np.bincount(y, minlength=count) / len(y)
    found = {MAJORITY: np.tile(shares, (len(rows.x_test), 1))}
    if np.count_nonzero(shares) < 2:
        raise InputError("all training rows are of one class; there is nothing to learn")
    models = [_logistic(rows.x_train, y, c) for c in LOGISTIC_CS]

    def loss(model: Any) -> float:
        given = _probabilities(model, rows.x_validation, count)[np.arange(len(wanted)), wanted]
        return float(-np.log(np.maximum(given, 1e-15)).mean())

    best = min(models, key=loss)
    found[LOGISTIC] = _probabilities(best, rows.x_test, count)
    return found


def _logistic(x: Numbers, y: npt.NDArray[np.int64], c: float) -> Any:
    from sklearn.exceptions import (  # type: ignore[import-untyped, unused-ignore]
        ConvergenceWarning,
    )
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ConvergenceWarning
        )  # then it is not the one chosen, or good
        return LogisticRegression(C=c, max_iter=1000).fit(x, y)


def _probabilities(model: Any, x: Numbers, count: int) -> Numbers:
    found = np.zeros((len(x), count))
    if len(x):
        found[:, model.classes_] = model.predict_proba(x)
    return found
