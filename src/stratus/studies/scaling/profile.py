"""How sure one constant of a law is, by the likelihood along it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import ndtr
from scipy.stats import chi2

from stratus.studies.scaling.fitting import search
from stratus.studies.scaling.intervals import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stratus.studies.scaling.fitting import Fit
    from stratus.studies.scaling.problem import Problem

    Floats = NDArray[np.float64]

_SETTINGS: Final = {"maxiter": 2000, "maxcor": 20, "ftol": 1e-13, "gtol": 1e-8}
_STEPS: Final = 60
_FIRST_STEP: Final = 0.02
_POINTS: Final = 8


@dataclass(frozen=True)
class Profile:
    """The likelihood along one constant, all others being refitted.

    Attributes:
        name: of the constant.
        values: of the constant, in order.
        deviance: twice the loss of log likelihood against the best, for each value.
        interval: where the deviance is below the limit of chi squared.
    """

    name: str
    values: tuple[float, ...]
    deviance: tuple[float, ...]
    interval: Interval


def log_likelihood(objective: float, points: int, delta: float) -> float:
    """Return the log likelihood of residuals whose density falls as the Huber loss grows.

    The density of a residual r is ``exp(-huber(r) / s^2) / (s Z(delta / s))``, whose maximum over
    the constants of the law is the fit; s is set to its best value. Huber 1964,
    doi:10.1214/aoms/1177703732.

    Args:
        objective: sum of the Huber losses.
        points: number of residuals.
        delta: where the loss turns.
    """

    def minus(log_scale: float) -> float:
        scale = math.exp(log_scale)
        knee = delta / scale
        body = math.sqrt(2 * math.pi) * (1 - 2 * float(ndtr(-knee)))
        tails = 2 / knee * math.exp(-0.5 * knee**2)
        return objective / scale**2 + points * (log_scale + math.log(body + tails))

    centre = 0.5 * math.log(max(objective, 1e-300) / points)
    found = minimize_scalar(minus, bounds=(centre - 6, centre + 8), method="bounded")
    return -float(found.fun)


def profile(problem: Problem, fit: Fit, name: str, *, level: float = 0.95) -> Profile:
    """Follow the likelihood along one constant, to both sides of the fit.

    The deviance is multiplied by the share of degrees of freedom that the points have left, n less
    the constants over n, without which intervals of few runs are too narrow.

    Args:
        problem: the points.
        fit: to all of them.
        name: the constant.
        level: of the interval; its ends are where the deviance is that quantile of chi squared
            with one degree of freedom (Wilks 1938), None where it is not reached.
    """
    limit = float(chi2.ppf(level, 1))
    line = _Line(problem, fit, name)
    walked = {0.0: 0.0}
    ends: list[float | None] = []
    for side in (-1.0, 1.0):
        far = side * line.reach(side, limit)
        shifts = np.linspace(0, far, _POINTS + 1).tolist()
        found = line.deviances(shifts)
        walked |= dict(zip(shifts, found, strict=True))
        ends.append(_crossing(shifts, found, limit))
    order = sorted(walked)
    lo, hi = (None if end is None else line.value(end) for end in ends)
    return Profile(
        name=name,
        values=tuple(map(line.value, order)),
        deviance=tuple(walked[shift] for shift in order),
        interval=Interval(value=fit.constants[name], lo=lo, hi=hi),
    )


def _crossing(shifts: list[float], deviances: list[float], limit: float) -> float | None:
    """Return where the deviance first reaches the limit, between its points straight."""
    for k in range(1, len(shifts)):
        if deviances[k] >= limit:
            before, after = deviances[k - 1], deviances[k]
            share = (limit - before) / max(after - before, 1e-12)
            return shifts[k - 1] + share * (shifts[k] - shifts[k - 1])
    return None


class _Line:
    """The best vectors for each value of one constant; of a coefficient, of its logarithm."""

    def __init__(self, problem: Problem, fit: Fit, name: str) -> None:
        self._problem, self._fit = problem, fit
        self._left = 1 - len(fit.theta) / len(problem.target)
        self._centre = fit.constants[name]
        self._is_exponent = any(term.exponent == name for term in fit.form.terms)
        origin = np.zeros(len(fit.theta))

        def number(theta: Floats) -> float:
            return problem.design.named(theta)[name]

        gradient = np.array([number(row) - number(origin) for row in np.eye(len(origin))])
        self._along = gradient / (gradient @ gradient)
        self._across = np.linalg.svd(gradient[None])[2][1:].T
        self._best = log_likelihood(fit.objective, len(problem.target), problem.delta)

    def value(self, shift: float) -> float:
        """Return the constant that lies so far from its best value."""
        if self._is_exponent:
            return self._centre + shift
        return self._centre * math.exp(min(shift, 700.0))

    def reach(self, side: float, limit: float) -> float:
        """Return how far to go until the deviance is above the limit, or as far as is sensible."""
        step = _FIRST_STEP * (max(abs(self._centre), 0.05) if self._is_exponent else 1.0)
        at, theta, last = 0.0, self._fit.theta, 0.0
        for _ in range(_STEPS):
            at += step
            here, theta = self._step(theta, side * step)
            if here >= limit:
                break
            step *= 1.5 if here - last < 0.15 * limit else 1.0
            last = here
        return at

    def deviances(self, shifts: list[float]) -> list[float]:
        """Return the deviance at each shift, going from one to the next."""
        theta, found = self._fit.theta, [0.0]
        for before, after in pairwise(shifts):
            here, theta = self._step(theta, after - before)
            found.append(here)
        return found

    def _step(self, theta: Floats, shift: float) -> tuple[float, Floats]:
        start = theta + shift * self._along
        value, there = search(self._problem, start, _SETTINGS, fixed=(self._across, start))
        problem = self._problem
        objective = value * problem.delta**2
        likelihood = log_likelihood(objective, len(problem.target), problem.delta)
        return max(2 * self._left * (self._best - likelihood), 0.0), there
