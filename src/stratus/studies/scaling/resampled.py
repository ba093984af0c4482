"""Fits to many resamples of one table at once: reweighted least squares, as arrays.

One by one, a thousand refits take longer in Python's loops than in arithmetic. Here all of them
make Levenberg-Marquardt steps together (Nocedal and Wright 2006, chapter 10) on the squares that
touch the Huber loss from above at the present residuals (Holland and Welsch 1977,
doi:10.1080/03610927708827533), so no step that is taken goes uphill. A refit that no longer moves
drops out; one that still moves at the end is left to the search of a single fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from stratus.studies.scaling.batched_lbfgs import laws

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stratus.studies.scaling.problem import Problem

    Floats = NDArray[np.float64]

_STEPS: Final = 200
_STILL: Final = 1e-10
"""Relative gain of a step, below which it counts as none."""

_STILL_STEPS: Final = 2
_FIRST_DAMPING: Final = 1e-3
_LEAST_DAMPING: Final = 1e-10
_MOST_DAMPING: Final = 1e8


class Settled(NamedTuple):
    """Where some refits ended.

    Attributes:
        values: ``[s]``, objectives over delta squared.
        thetas: ``[s, constants]``.
        still: ``[s]``, whether the refit no longer moved.
    """

    values: Floats
    thetas: Floats
    still: NDArray[np.bool_]


class _Point(NamedTuple):
    """The objective at some vectors, with what a step from there needs."""

    value: Floats  # [s]
    gradient: Floats  # [s, constants]
    squares: Floats  # [s, constants, constants]


def settle(problem: Problem, starts: Floats, weights: Floats) -> Settled:
    """Follow each start with its own weights until it no longer moves, or for 200 steps.

    Args:
        problem: the points.
        starts: ``[s, constants]``.
        weights: ``[s, n]``, how often each point counts.
    """
    theta, still = starts.copy(), np.zeros(len(starts), dtype=bool)
    point = _at(problem, theta, weights)
    values = point.value.copy()
    damping = np.full(len(starts), _FIRST_DAMPING)
    idle = np.zeros(len(starts), dtype=np.intp)
    rows = np.arange(len(starts))
    identity = np.eye(starts.shape[1])
    for _ in range(_STEPS):
        diagonal = np.diagonal(point.squares, axis1=1, axis2=2)
        extra = damping[rows, None] * diagonal + 1e-12 * (1 + diagonal.max(axis=1, keepdims=True))
        matrix = point.squares + extra[:, :, None] * identity
        moved = theta[rows] - np.linalg.solve(matrix, point.gradient[:, :, None])[:, :, 0]
        found = _at(problem, moved, weights[rows])
        good = found.value <= point.value
        gain = np.where(good, point.value - found.value, 0.0)
        theta[rows[good]] = moved[good]
        point = _Point(*(_chosen(good, new, old) for new, old in zip(found, point, strict=True)))
        damping[rows] = np.clip(
            damping[rows] * np.where(good, 0.2, 8.0), _LEAST_DAMPING, _MOST_DAMPING
        )
        small = good & (gain <= _STILL * np.maximum(1.0, point.value))
        idle[rows] = np.where(good & ~small, 0, idle[rows] + small)
        values[rows] = point.value
        ended = idle[rows] >= _STILL_STEPS
        if ended.any():
            still[rows[ended]] = True
            rows = rows[~ended]
            if not len(rows):
                break
            point = _Point(*(part[~ended] for part in point))
    return Settled(values, theta, still)


def _chosen(good: NDArray[np.bool_], new: Floats, old: Floats) -> Floats:
    return np.where(good.reshape(-1, *([1] * (new.ndim - 1))), new, old)


def _at(problem: Problem, theta: Floats, weights: Floats) -> _Point:
    logs, shares = laws(problem.design, theta)
    scaled = (logs - problem.target) / problem.delta
    slope = np.clip(scaled, -1.0, 1.0)
    value = (weights * slope * (scaled - 0.5 * slope)).sum(axis=1)
    table = problem.design.table
    term = np.abs(table).sum(axis=0).argmax(axis=0)  # [constants]: a constant is of one term
    of_constant = table[:, term, np.arange(len(term))].T / problem.delta  # [constants, n]
    jacobian = shares[term].transpose(1, 0, 2) * of_constant  # [s, constants, n]
    gradient = np.matmul(jacobian, (weights * slope)[:, :, None])[:, :, 0]
    touching = weights / np.maximum(np.abs(scaled), 1.0)
    squares = np.matmul(jacobian * touching[:, None], jacobian.transpose(0, 2, 1))
    return _Point(value, gradient, squares)
