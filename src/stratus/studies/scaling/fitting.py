"""Fit a law: the sum of Huber losses of log loss, L-BFGS with exact gradients, many starts.

Hoffmann et al. 2022 (arXiv 2203.15556), with the lesson of Besiroglu et al. 2024 (arXiv
2404.10102): the losses of the points are summed. Averaged, they are so small that the search stops
early. Here they are divided by delta squared as well, which changes no minimum and makes them of
the order of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import minimize

from stratus.studies.scaling.batched_lbfgs import descend

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from stratus.studies.scaling.forms import Form
    from stratus.studies.scaling.problem import Problem

    Floats = NDArray[np.float64]

_ROUNDS: Final = ((5, 1000), (15, 100))
"""Steps that are made together, and how many of the best starts go on after them."""

_FINALISTS: Final = 12

_QUICK_ROUNDS: Final = ((15, 10),)
_QUICK_FINALISTS: Final = 3

_ROUGH: Final = {"maxiter": 60, "maxcor": 10, "ftol": 1e-6, "gtol": 1e-5}
_LAST: Final = {"maxiter": 5000, "maxfun": 20000, "maxcor": 20, "ftol": 1e-15, "gtol": 1e-9}


@dataclass(frozen=True, eq=False)
class Fit:
    """A law with its constants.

    Attributes:
        form: the law.
        constants: by name.
        objective: sum of the Huber losses of log loss, in squared units of its logarithm.
        residuals: ``[n]``, log loss measured minus log loss of the law.
        theta: the constants as the design has them.
        agreeing: share of the polished starts that ended at this objective, to 1e-6.
    """

    form: Form
    constants: dict[str, float]
    objective: float
    residuals: Floats
    theta: Floats
    agreeing: float = 1.0


def fit(
    problem: Problem,
    *,
    coarse: bool = False,
    starts: Sequence[Floats] | None = None,
    weights: Floats | None = None,
) -> Fit:
    """Find the constants with the least sum of Huber losses.

    Every start is followed for five steps, the best thousand for fifteen more, the best hundred
    for sixty more, and the best dozen to the end.

    Args:
        problem: the points.
        coarse: whether most of the start grid is left out, and fewer of it go on.
        starts: vectors to start from, instead of the grid.
        weights: ``[n]``, how often each point counts; once if None.
    """
    design = problem.design
    if starts is None:
        starts = [design.theta(named) for named in design.form.starts(coarse=coarse)]
    reached = np.array(starts)
    for steps, kept in _QUICK_ROUNDS if coarse else _ROUNDS:
        values, reached = descend(problem, reached, steps, weights)
        reached = reached[np.argsort(values, kind="stable")[:kept]]
    rough = sorted((search(problem, r, _ROUGH, weights) for r in reached), key=itemgetter(0))
    finalists = _QUICK_FINALISTS if coarse else _FINALISTS
    ends = [search(problem, theta, _LAST, weights) for _, theta in rough[:finalists]]
    least, theta = min(ends, key=itemgetter(0))
    same = [value - least <= 1e-6 * max(1.0, least) for value, _ in ends]
    return Fit(
        form=design.form,
        constants=design.constants(theta, problem.level),
        objective=least * problem.delta**2,
        residuals=problem.residuals(theta),
        theta=theta,
        agreeing=sum(same) / len(same),
    )


def polish(
    problem: Problem, starts: Sequence[Floats], weights: Floats | None = None
) -> tuple[float, Floats]:
    """Follow some starts to the end; return the least objective and its vector."""
    return min((search(problem, s, _LAST, weights) for s in starts), key=itemgetter(0))


def search(
    problem: Problem,
    start: Floats,
    settings: Mapping[str, float],
    weights: Floats | None = None,
    fixed: tuple[Floats, Floats] | None = None,
) -> tuple[float, Floats]:
    """Run L-BFGS-B from a start.

    Args:
        problem: the points.
        start: where from, ``[constants]``.
        settings: of scipy's method.
        weights: ``[n]``, how often each point counts.
        fixed: a matrix ``[constants, free]`` and a vector ``[constants]``: only vectors
            ``vector + matrix @ free`` are looked at, from free = 0, and ``start`` is not used.

    Returns:
        the objective over delta squared, and the vector.
    """
    if fixed is None:
        found = minimize(
            problem.objective, start, (weights,), "L-BFGS-B", jac=True, options=dict(settings)
        )
        return float(found.fun), np.asarray(found.x)
    matrix, vector = fixed

    def inside(free: Floats) -> tuple[float, Floats]:
        value, gradient = problem.objective(vector + matrix @ free, weights)
        return value, gradient @ matrix

    zero = np.zeros(matrix.shape[1])
    found = minimize(inside, zero, (), "L-BFGS-B", jac=True, options=dict(settings))
    return float(found.fun), vector + matrix @ np.asarray(found.x)
