"""How sure a number is: bootstrap intervals, and a paired test row by row.

Rows of one cluster (one formula, one crystal under two ids) stay together in both, because their
errors are alike. Nothing here accounts for the overlap of the training rows of folds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.benchmarks.scores import board_metric
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LEVEL: Final = 0.95
"""Of the bootstrap intervals."""

_AT_ONCE: Final = 4_000_000  # numbers that are drawn together
_MOST: Final = 60_000_000  # numbers that are drawn in all, unless that are too few resamples
_FEWEST: Final = 200
_GENERAL: Final = 500  # resamples of a metric that is no mean over rows


@dataclass(frozen=True)
class PairedTest:
    """Two methods on the same rows.

    Attributes:
        mean_difference: of the loss of the first minus that of the second, over all rows.
        p_value: two-sided, of the sign-flip permutation test with random flips.
        clusters: groups of rows whose signs were flipped together.
        flips: how many ways to flip them were drawn; p is at least 1 / (flips + 1).
    """

    mean_difference: float
    p_value: float
    clusters: int
    flips: int


def bootstrap_interval(
    metric: str,
    labels: Floats,
    found: Floats,
    folds: Sequence[str],
    *,
    clusters: Sequence[str] | None = None,
    level: float = LEVEL,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Return the percentile bootstrap interval of a metric's mean over folds.

    Clusters of rows are drawn with replacement within each fold (Efron and Tibshirani 1993, ch.
    13). With very many rows fewer resamples are drawn, never fewer than 200, and 500 at most of a
    metric that is no mean over rows.

    Args:
        metric: name of a leaderboard metric.
        labels: ``[n]``.
        found: ``[n]``, predictions.
        folds: ``[n]``, the fold of each row.
        clusters: ``[n]``, rows that are drawn together; each its own if None.
        level: share of the resamples that the interval holds.
        resamples: how many.
        seed: which.

    Returns:
        both ends in the unit of the metric; None where the metric is not defined on a fold.

    Raises:
        stratus.errors.InputError: lengths differ, or a level that cannot be.
    """
    numbers = _numbered(clusters, len(labels))
    if not (len(found) == len(folds) == len(labels) == len(numbers)) or not len(labels):
        raise InputError("labels, predictions, folds and clusters need one entry a row")
    if not 0 < level < 1:
        raise InputError(f"the level of an interval is between 0 and 1, not {level}")
    of_fold = np.asarray(folds)
    count = _affordable(resamples if metric == "mae" else min(resamples, _GENERAL), len(labels))
    means = np.zeros(count)
    names = sorted(set(folds))
    for place, name in enumerate(names):
        rows = np.flatnonzero(of_fold == name)
        random = np.random.default_rng([seed, place])
        drawn = _resampled(metric, labels[rows], found[rows], numbers[rows], count, random)
        if drawn is None:
            return None
        means += drawn / len(names)
    low, high = np.nanquantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap_mean(
    values: Floats,
    folds: Sequence[str],
    *,
    clusters: Sequence[str] | None = None,
    level: float = LEVEL,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a mean over folds of numbers by row.

    Rows are drawn as :func:`bootstrap_interval` draws them.

    Args:
        values: ``[n]``, such as the differences of the losses of two methods.
        folds: ``[n]``, the fold of each row.
        clusters: ``[n]``, rows that are drawn together; each its own if None.
        level: share of the resamples that the interval holds.
        resamples: how many.
        seed: which.

    Raises:
        stratus.errors.InputError: lengths differ, there is no row, or a level that cannot be.
    """
    numbers = _numbered(clusters, len(values))
    if not (len(folds) == len(values) == len(numbers)) or not len(values):
        raise InputError("values, folds and clusters need one entry a row")
    if not 0 < level < 1:
        raise InputError(f"the level of an interval is between 0 and 1, not {level}")
    of_fold = np.asarray(folds)
    count = _affordable(resamples, len(values))
    names = sorted(set(folds))
    means = np.zeros(count)
    for place, name in enumerate(names):
        rows = np.flatnonzero(of_fold == name)
        random = np.random.default_rng([seed, place])
        means += _resampled_means(values[rows], numbers[rows], count, random) / len(names)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_rows(
    ours: Floats,
    theirs: Floats,
    *,
    clusters: Sequence[str] | None = None,
    flips: int = 9999,
    seed: int = 0,
) -> PairedTest:
    """Test whether one method has a smaller loss than another on the same rows.

    If the methods were as good as each other, the sign of each cluster's difference would be as
    likely + as - (the sign-flip permutation test). The share of draws whose sum is at least as far
    from zero, the data itself counted as one, is the p-value (Phipson and Smyth 2010).

    Args:
        ours: ``[n]``, loss of each row by the first method, such as its absolute error.
        theirs: ``[n]``, by the second.
        clusters: ``[n]``, rows that are flipped together; each its own if None.
        flips: how many draws at most.
        seed: which.

    Raises:
        stratus.errors.InputError: lengths differ, or there is no row.
    """
    numbers = _numbered(clusters, len(ours))
    if len(ours) != len(theirs) or len(numbers) != len(ours) or not len(ours):
        raise InputError("the paired test needs both losses and the cluster of each row")
    sums = np.bincount(numbers, weights=ours - theirs)
    total = float(sums.sum())
    count = _affordable(flips, len(sums))
    random = np.random.default_rng(seed)
    slack = 1e-12 * float(np.abs(sums).sum())
    far = 0
    for size in _chunks(count, len(sums)):
        signs = random.integers(0, 2, (size, len(sums)), dtype=np.int8)
        flipped = 2.0 * (signs @ sums) - total
        far += int((np.abs(flipped) >= abs(total) - slack).sum())
    return PairedTest(
        mean_difference=total / len(ours),
        p_value=(far + 1) / (count + 1),
        clusters=len(sums),
        flips=count,
    )


def row_losses(kind: str, labels: Floats, found: Floats) -> Floats:
    """Return the loss of each row that the paired test compares.

    Args:
        kind: ``regression``: the absolute error; ``binary``: the squared error of the probability
            (Brier 1950).
        labels: ``[n]``.
        found: ``[n]``.
    """
    return np.abs(labels - found) if kind == "regression" else np.square(labels - found)


def _resampled(
    metric: str,
    labels: Floats,
    found: Floats,
    clusters: Ints,
    count: int,
    random: np.random.Generator,
) -> Floats | None:
    """Return the metric of each resample of one fold; None where it is not defined on the fold."""
    function = board_metric(metric).function
    if function(labels, found) is None:
        return None
    if metric == "mae":
        return _resampled_means(np.abs(labels - found), clusters, count, random)
    _, place = np.unique(clusters, return_inverse=True)
    total = int(place.max()) + 1
    order = np.argsort(place, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(place))[:-1])
    values = np.full(count, np.nan)
    for k in range(count):
        rows = np.concatenate([members[c] for c in random.integers(0, total, total)])
        value = function(labels[rows], found[rows])
        values[k] = np.nan if value is None else value
    return values


def _resampled_means(
    values: Floats, clusters: Ints, count: int, random: np.random.Generator
) -> Floats:
    """Return the mean over the rows of each resample of clusters, ``[count]``."""
    _, place = np.unique(clusters, return_inverse=True)
    total = int(place.max()) + 1
    sums = np.bincount(place, weights=values)
    sizes = np.bincount(place).astype(np.float64)
    parts = []
    for size in _chunks(count, total):
        drawn = random.integers(0, total, (size, total))
        parts.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    return np.concatenate(parts)


def _numbered(clusters: Sequence[str] | None, rows: int) -> Ints:
    if clusters is None:
        return np.arange(rows)
    _, numbers = np.unique(np.asarray(clusters), return_inverse=True)
    return numbers.astype(np.int64)


def _affordable(wanted: int, width: int) -> int:
    return max(min(wanted, _FEWEST), min(wanted, _MOST // max(1, width)))


def _chunks(count: int, width: int) -> Iterator[int]:
    size = max(1, _AT_ONCE // max(1, width))
    for start in range(0, count, size):
        yield min(size, count - start)
