"""How sure the constants of a law are, by drawing runs with replacement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import BaseModel, ConfigDict

from stratus.errors import InputError
from stratus.studies.scaling.fitting import polish
from stratus.studies.scaling.resampled import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from stratus.studies.scaling.fitting import Fit
    from stratus.studies.scaling.problem import Problem

    Floats = NDArray[np.float64]

EXACT: Final = 1e-6
"""Relative precision of the search; an interval is never narrower on either side."""

_DRAWS_AT_ONCE: Final = 200


class Interval(BaseModel):
    """A constant with an interval.

    Attributes:
        value: of the fit to all points.
        lo: lower end; None where the data set no limit.
        hi: upper end, likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    lo: float | None
    hi: float | None


@dataclass(frozen=True, eq=False)
class Draws:
    """Refits to resampled runs.

    Attributes:
        thetas: ``[draws, constants]``, as the design of the problem has them.
        left_out: resamples that could not tell the constants, because they held too few
            different points.
    """

    thetas: Floats
    left_out: int

    def interval(self, value: float, of: Callable[[Floats], float], level: float) -> Interval:
        """Return the percentile interval of a number that follows from the constants.

        Args:
            value: of the fit to all points.
            of: gives the number for a vector.
            level: share of the draws that is to lie inside, such as 0.95.
        """
        found = np.array([of(theta) for theta in self.thetas])
        found = found[~np.isnan(found)]
        if not len(found):
            return Interval(value=value, lo=None, hi=None)
        tail = 50 * (1 - level)
        lo, hi = np.percentile(found, [tail, 100 - tail], method="nearest")
        return widened(value, float(lo), float(hi))


def widened(value: float, lo: float, hi: float) -> Interval:
    """Return an interval that holds its value, and is not narrower than the search is exact."""
    ends = (
        min(end - EXACT * abs(end) for end in (lo, value)),
        max(end + EXACT * abs(end) for end in (hi, value)),
    )
    finite = [end if math.isfinite(end) else None for end in ends]
    return Interval(value=value, lo=finite[0], hi=finite[1])


def bootstrap(
    problem: Problem,
    fit: Fit,
    runs: Sequence[object],
    *,
    draws: int,
    generator: np.random.Generator,
    on_progress: Callable[[float], None] = lambda _: None,
) -> Draws:
    """Fit again to runs that are drawn with replacement.

    All points of a run are drawn together, because what made one of them better than the law made
    the others better too (Efron and Tibshirani 1993, chapter 8). Each search begins at the fit to
    all points and at one other vector; all of them go on together, and what has not come to rest
    is followed to its end one by one.

    Args:
        problem: the points.
        fit: to all of them.
        runs: ``[n]``, the run of each point.
        draws: how many resamples.
        generator: of the random numbers.
        on_progress: called with the share that is done.

    Raises:
        stratus.errors.InputError: there are fewer runs than constants.
    """
    members, numbers = np.unique(np.array([str(run) for run in runs]), return_inverse=True)
    constants = len(fit.theta)
    if len(members) < constants:
        raise InputError(
            f"{len(members)} runs cannot give intervals of {constants} constants; add runs, or "
            "leave intervals out with 0 draws"
        )
    counts = np.array(
        [
            generator.multinomial(len(members), np.full(len(members), 1 / len(members)))
            for _ in range(draws)
        ]
    ).reshape(draws, len(members))
    weights = counts[:, numbers].astype(np.float64)
    can_tell = [_can_tell(problem, row > 0) for row in weights]
    weights = weights[can_tell]
    found = [np.empty((0, constants))]
    for begin in range(0, len(weights), _DRAWS_AT_ONCE):
        on_progress(begin / len(weights))
        found.append(_refits(problem, fit, weights[begin : begin + _DRAWS_AT_ONCE]))
    return Draws(np.concatenate(found), draws - len(weights))


def _refits(problem: Problem, fit: Fit, weights: Floats) -> Floats:
    """Return the best vector for each row of weights, ``[draws, constants]``."""
    values, thetas = [], []
    for start in (fit.theta, _other_start(fit)):
        settled = settle(problem, np.repeat(start[None], len(weights), axis=0), weights)
        for row in np.flatnonzero(~settled.still):
            ended = polish(problem, [settled.thetas[row]], weights[row])
            settled.values[row], settled.thetas[row] = ended
        values.append(settled.values)
        thetas.append(settled.thetas)
    best = np.argmin(values, axis=0)
    chosen: Floats = np.array(thetas)[best, np.arange(len(weights))]
    return chosen


def _other_start(fit: Fit) -> Floats:
    """Return a vector with a lower floor, or where there is none with smaller exponents."""
    moved = fit.theta.copy()
    place = 0
    has_floor = any(term.exponent is None for term in fit.form.terms)
    for term in fit.form.terms:
        if term.exponent is None:
            moved[place] -= 0.5
            place += 1
        else:
            moved[place + 1] *= 1.0 if has_floor else 0.6
            place += 2
    return moved


def _can_tell(problem: Problem, drawn: NDArray[np.bool_]) -> bool:
    """Whether the drawn points are as many as the constants and differ in each variable."""
    table = problem.design.table[drawn]
    flat = np.unique(table.reshape(len(table), -1), axis=0)
    whole = np.ptp(problem.design.table.sum(axis=1), axis=0) > 0  # which constants are exponents
    drawn_too = np.ptp(table.sum(axis=1), axis=0) > 0
    return len(flat) >= table.shape[2] and bool((drawn_too | ~whole).all())
