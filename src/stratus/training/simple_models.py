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

from stratus.corpora.tables.table import Kind
from stratus.crystals.element_properties import element_statistics
from stratus.errors import InputError
from stratus.training.boosting import Features, boosted_classes, boosted_regression
from stratus.training.kernel_ridge import (
    CHOICE_ROWS,
    chosen_strengths,
    kernel_values,
    kernel_weights,
    most_rows,
)
from stratus.training.row_caps import Capped

if TYPE_CHECKING:
    import numpy.typing as npt

    from stratus.corpora.tables.folds import Fold
    from stratus.corpora.tables.table import Table

    Numbers = npt.NDArray[np.float64]

_LOG = logging.getLogger(__name__)

MEAN: Final = "mean"
MEAN_PER_ATOM: Final = "mean per atom x atoms"
RIDGE: Final = "ridge on composition"
KERNEL_RIDGE: Final = "kernel ridge on composition"
MAJORITY: Final = "majority class"
LOGISTIC: Final = "logistic regression on composition"
BOOSTING: Final = "gradient boosting on element properties"

RIDGE_ALPHAS: Final = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
LOGISTIC_CS: Final = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the models see of a fold: everything but the labels of its test rows."""

    x_train: Numbers
    y_train: Numbers
    x_validation: Numbers
    y_validation: Numbers
    x_test: Numbers
    of_elements: Features


def predict_simple(
    table: Table,
    labels: Numbers,
    fold: Fold,
    kind: str,
    per: Literal["atom", "cell"] = "atom",
    *,
    classes: int | None = None,
    seed: int = 0,
) -> dict[str, Numbers]:
    """Learn from a fold's training rows and predict its test rows.

    With very many training rows, kernel ridge regression learns from some of them:
    :func:`learned_from` says from how many.

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
    if labels.shape != (len(table),):
        raise InputError(f"{len(table)} labels are needed, one a row; the shape is {labels.shape}")
    if kind == Kind.REGRESSION:
        atoms = table.n_atoms if per == "cell" else None
        found = predict_simple_together(table, labels[:, np.newaxis], fold, atoms, seed=seed)
        return {name: values[:, 0] for name, values in found.items()}
    return _classification(_rows(table, labels, fold)[0], classes, seed)


def predict_simple_together(
    table: Table,
    labels: Numbers,
    fold: Fold,
    atoms: npt.NDArray[np.int64] | None = None,
    *,
    seed: int = 0,
) -> dict[str, Numbers]:
    """Learn several regressions at once, which costs little more than one.

    What is chosen is chosen for each target apart, so each has what :func:`predict_simple` gives.

    Args:
        table: the crystals.
        labels: shape (n, targets), NaN where absent, which is in the same rows for all.
        fold: the split.
        atoms: shape (n,), that a label is of, where labels grow with these; None where not.
        seed: which rows are drawn where there are too many.

    Returns:
        by name of the model shape (test rows, targets), in the units of the labels.

    Raises:
        stratus.errors.InputError: no labelled training or validation rows, or labels that are
            absent in other rows for one target than for another.
    """
    absent = np.isnan(labels)
    if np.ptp(absent.astype(np.int64), axis=1).any():
        raise InputError("targets are learned together where they have labels in the same rows")
    rows, train, validation = _rows(table, labels, fold)
    found = {MEAN: np.tile(rows.y_train.mean(axis=0), (len(rows.x_test), 1))}
    counts = np.ones(len(table)) if atoms is None else atoms.astype(np.float64)
    of_train, of_validation, of_test = (
        counts[some][:, np.newaxis] for some in (train, validation, fold.test)
    )
    y = rows.y_train / of_train
    if atoms is not None:
        found[MEAN_PER_ATOM] = y.mean(axis=0) * of_test

    found[RIDGE] = _ridge(rows, y, of_validation) * of_test
    found[KERNEL_RIDGE] = _kernel_ridge(rows, y, of_validation, seed) * of_test
    found[BOOSTING] = _boosting(rows, y, of_validation, seed) * of_test
    return found


def learned_from(kind: str, rows: int) -> dict[str, Capped]:
    """Return which simple models do not learn from all rows.

    Args:
        kind: of the target.
        rows: training rows with a label.

    Returns:
        by name of the model; nothing where all learn from all rows.
    """
    most = most_rows()
    if kind != Kind.REGRESSION or rows <= most:
        return {}
    return {KERNEL_RIDGE: Capped(of=rows, most=most)}


def _rows(
    table: Table, labels: Numbers, fold: Fold
) -> tuple[_Rows, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return what models see, and which rows they learn from and choose with.

    Args:
        table: the crystals.
        labels: shape (n,) or (n, targets), absent in the same rows.
        fold: the split.
    """
    here: npt.NDArray[np.bool_] = np.isfinite(labels.reshape(len(table), -1).sum(axis=1))
    train, validation = fold.train[here[fold.train]], fold.validation[here[fold.validation]]
    for name, kept in (("training", train), ("validation", validation)):
        if not len(kept):
            raise InputError(f"fold {fold.name} has no {name} row with a label")
    fractions = table.fractions()
    x = fractions[:, fractions[train].any(axis=0)]  # what training never saw tells nothing
    of_elements = element_statistics(fractions)
    rows = _Rows(
        x[train], labels[train], x[validation], labels[validation], x[fold.test],
        Features(of_elements[train], of_elements[validation], of_elements[fold.test]),
    )  # fmt: skip
    return rows, train, validation


def _ridge(rows: _Rows, y: Numbers, scale: Numbers) -> Numbers:
    """Return predictions per atom, shape (test rows, targets); arguments as _kernel_ridge has."""
    from sklearn.linear_model import Ridge  # type: ignore[import-untyped, unused-ignore]

    models = [Ridge(alpha=a, solver="cholesky").fit(rows.x_train, y) for a in RIDGE_ALPHAS]
    errors = [
        np.abs(_columns(model.predict(rows.x_validation), y) * scale - rows.y_validation).mean(0)
        for model in models
    ]
    found = np.empty((len(rows.x_test), y.shape[1]))
    for place, best in enumerate(np.argmin(errors, axis=0)):
        if len(found):
            found[:, place] = _columns(models[best].predict(rows.x_test), y)[:, place]
    return found


def _columns(predicted: Any, y: Numbers) -> Numbers:
    """Return predictions in as many columns as there are targets, also where there is one."""
    return np.asarray(predicted, dtype=np.float64).reshape(-1, y.shape[1])


def _kernel_ridge(rows: _Rows, y: Numbers, scale: Numbers, seed: int) -> Numbers:
    """Return predictions per atom, shape (test rows, targets).

    Args:
        rows: the fold.
        y: training labels (rows, targets), divided by the atoms where they grow with these.
        scale: shape (validation rows, 1), what predictions of these are multiplied with.
        seed: which rows are drawn where there are too many.
    """
    drawn = _some(len(y), most_rows(), seed)
    if len(drawn) < len(y):
        _LOG.info("kernel ridge learns from %d of %d training rows", len(drawn), len(y))
    x, y, middle = rows.x_train[drawn], y[drawn], y[drawn].mean(axis=0)
    few = _some(len(y), CHOICE_ROWS, seed)
    look = _some(len(scale), CHOICE_ROWS, seed)
    chosen = chosen_strengths(
        x[few],
        y[few] - middle,
        rows.x_validation[look],
        lambda found: np.abs((found + middle) * scale[look] - rows.y_validation[look]).mean(axis=0),
    )
    predicted: Numbers = np.empty((len(rows.x_test), len(chosen)))
    for gamma, alpha in dict.fromkeys(chosen):
        here = [place for place, pair in enumerate(chosen) if pair == (gamma, alpha)]
        weights = kernel_weights(x, (y - middle)[:, here], gamma, alpha)
        predicted[:, here] = kernel_values(rows.x_test, x, weights, gamma)
    predicted += middle
    return predicted


def _boosting(rows: _Rows, y: Numbers, scale: Numbers, seed: int) -> Numbers:
    """Return predictions per atom, shape (test rows, targets); arguments as _kernel_ridge has."""
    found = [
        boosted_regression(
            rows.of_elements,
            y[:, place],
            lambda values, place=place: float(  # type: ignore[misc]
                np.abs(values * scale[:, 0] - rows.y_validation[:, place]).mean()
            ),
            seed,
        )
        for place in range(y.shape[1])
    ]
    return np.stack(found, axis=1)


def _some(rows: int, most: int, seed: int) -> npt.NDArray[np.int64]:
    """Return all places, or as many as allowed, drawn and in order."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, size=most, replace=False))


def _classification(rows: _Rows, classes: int | None, seed: int) -> dict[str, Numbers]:
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

    def loss(probabilities: Numbers) -> float:
        given = probabilities[np.arange(len(wanted)), wanted]
        return float(-np.log(np.maximum(given, 1e-15)).mean())

    best = min(models, key=lambda model: loss(_probabilities(model, rows.x_validation, count)))
    found[LOGISTIC] = _probabilities(best, rows.x_test, count)
    found[BOOSTING] = boosted_classes(rows.of_elements, y, loss, count, seed)
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
