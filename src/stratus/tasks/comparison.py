"""Several folds in one line, and two methods held against each other fold by fold."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_MOST_FOLDS: Final = 20  # a million ways to flip signs
_ROUNDING: Final = 1e-12  # sums this close together, in shares of all differences, are the same


@dataclass(frozen=True)
class Spread:
    """A metric over folds.

    Attributes:
        folds: how many there are.
        mean: over the folds, each counting the same.
        standard_deviation: over the folds, that of a sample (divided by folds - 1); None for one
            fold. MatBench prints that of a population (divided by folds), which is smaller.
    """

    folds: int
    mean: float
    standard_deviation: float | None


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same folds.

    Attributes:
        folds: how many there are.
        mean_difference: of the first method minus the second, in the unit of the metric.
        standard_error: of that mean, from the spread of the differences (divided by folds - 1);
            None for one fold. Training sets of folds overlap, so it is rather too small.
        won: folds where the first method is better.
        lost: folds where the second one is.
        p_value: exact, two-sided, of the sign-flip permutation test: the share of all ways to
            swap the methods in some of the folds whose mean difference is at least as far from
            zero. It is at least 2 / 2**folds: 0.0625 for five folds.
    """

    folds: int
    mean_difference: float
    standard_error: float | None
    won: int
    lost: int
    p_value: float


def spread(values: Sequence[float]) -> Spread:
    """Return mean and standard deviation of a metric over folds.

    Raises:
        stratus.errors.InputError: there is no fold, or a value is no finite number.
    """
    folds = _checked(values)
    deviation = float(np.std(folds, ddof=1)) if len(folds) > 1 else None
    return Spread(len(folds), float(np.mean(folds)), deviation)


def compare(ours: Sequence[float], theirs: Sequence[float], *, lower_is_better: bool) -> Comparison:
    """Compare two methods by one metric on the same folds, in the same order.

    Args:
        ours: the metric of the first method, by fold.
        theirs: that of the second.
        lower_is_better: whether a smaller number is a better one.

    Raises:
        stratus.errors.InputError: they have not as many folds, none, or more than twenty, or a
            value is no finite number.
    """
    first, second = _checked(ours), _checked(theirs)
    if len(first) != len(second):
        raise InputError(
            f"there are {len(first)} folds of the one method and {len(second)} of the other; "
            "compare them on the same folds"
        )
    difference = first - second
    over = spread(difference.tolist())
    deviation = over.standard_deviation
    better = difference < 0 if lower_is_better else difference > 0
    return Comparison(
        folds=over.folds,
        mean_difference=over.mean,
        standard_error=None if deviation is None else deviation / sqrt(over.folds),
        won=int(better.sum()),
        lost=int((difference != 0).sum() - better.sum()),
        p_value=_sign_flip(difference),
    )


def _sign_flip(difference: NDArray[np.float64]) -> float:
    # Not scipy.stats.permutation_test: what it takes for a tie is a share of the mean difference,
    # so where the differences cancel, rounding decides.
    folds = len(difference)
    if folds > _MOST_FOLDS:
        raise InputError(
            f"{folds} folds are too many for an exact test; {_MOST_FOLDS} are the most"
        )
    others = folds - 1  # flipping all at once changes nothing, so the first keeps its sign
    flipped = (np.arange(1 << others)[:, np.newaxis] >> np.arange(others)) & 1
    sums = np.abs(difference[0] + (1.0 - 2.0 * flipped) @ difference[1:])
    tie = _ROUNDING * float(np.abs(difference).sum())
    return float(np.mean(sums >= abs(float(difference.sum())) - tie))


def _checked(values: Sequence[float]) -> NDArray[np.float64]:
    folds = np.asarray(values, np.float64)
    if folds.ndim != 1 or not len(folds):
        raise InputError("there is no fold to look at; give one number a fold")
    if not np.isfinite(folds).all():
        raise InputError(
            f"fold {int(np.argmin(np.isfinite(folds)))}, counted from 0, has no finite number; a "
            "comparison needs one of every fold"
        )
    return folds
