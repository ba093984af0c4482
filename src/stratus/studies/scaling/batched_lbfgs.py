"""Many searches at once: L-BFGS for thousands of starts, as arrays.

One by one, the start grid of a law takes longer in Python's loops than in arithmetic. Here every
start makes the same number of L-BFGS steps (Nocedal and Wright 2006, algorithms 7.4 and 3.1), all
of them together; the best go on one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stratus.studies.scaling.forms import Design
    from stratus.studies.scaling.problem import Problem

    Floats = NDArray[np.float64]

_KEPT: Final = 6
_HALVINGS: Final = 8
_ENOUGH: Final = 1e-4
_VALUES_AT_ONCE: Final = 400_000


def descend(
    problem: Problem, starts: Floats, steps: int, weights: Floats | None = None
) -> tuple[Floats, Floats]:
    """Make some L-BFGS steps from each of many starts.

    Args:
        problem: the points.
        starts: ``[s, constants]``.
        steps: how many.
        weights: ``[n]``, how often each point counts; once if None.

    Returns:
        objectives over delta squared ``[s]``, and vectors ``[s, constants]``.
    """
    values, ends = np.empty(len(starts)), np.empty_like(starts)
    points, terms, _ = problem.design.table.shape
    size = max(1, _VALUES_AT_ONCE // (points * terms))
    for begin in range(0, len(starts), size):
        here = slice(begin, begin + size)
        values[here], ends[here] = _descend(problem, starts[here], steps, weights)
    return values, ends


def _descend(
    problem: Problem, theta: Floats, steps: int, weights: Floats | None
) -> tuple[Floats, Floats]:
    value, gradient = objectives(problem, theta, weights)
    moves: list[Floats] = []
    changes: list[Floats] = []
    for _ in range(steps):
        direction = -_times_inverse_hessian(gradient, moves, changes)
        slope = (direction * gradient).sum(axis=1)
        wrong = ~(slope < 0)
        direction[wrong] = -gradient[wrong]
        slope = (direction * gradient).sum(axis=1)
        length = np.ones(len(theta))
        if not moves:
            length = np.minimum(1.0, 1 / np.maximum(np.abs(gradient).sum(axis=1), 1e-300))
        waiting = np.ones(len(theta), dtype=bool)
        new, new_value, new_gradient = theta.copy(), value.copy(), gradient.copy()
        for _ in range(_HALVINGS):
            rows = np.flatnonzero(waiting)
            if not len(rows):
                break
            tried = theta[rows] + length[rows, None] * direction[rows]
            found, found_gradient = objectives(problem, tried, weights)
            good = found <= value[rows] + _ENOUGH * length[rows] * slope[rows]
            taken = rows[good]
            new[taken], new_value[taken] = tried[good], found[good]
            new_gradient[taken] = found_gradient[good]
            waiting[taken] = False
            length[rows[~good]] *= 0.4
        moves, changes = (
            [*moves, new - theta][-_KEPT:],
            [*changes, new_gradient - gradient][-_KEPT:],
        )
        theta, value, gradient = new, new_value, new_gradient
    return value, theta


def _times_inverse_hessian(gradient: Floats, moves: list[Floats], changes: list[Floats]) -> Floats:
    """Return the L-BFGS estimate of inverse Hessian times gradient, by two loops, ``[s, c]``."""
    if not moves:
        return gradient.copy()
    products = [(s * y).sum(axis=1) for s, y in zip(moves, changes, strict=True)]
    inverse = [np.where(p > 1e-12, 1 / np.where(p > 1e-12, p, 1.0), 0.0) for p in products]
    q = gradient.copy()
    shares = []
    for s, y, rho in zip(reversed(moves), reversed(changes), reversed(inverse), strict=True):
        shares.append(rho * (s * q).sum(axis=1))
        q -= shares[-1][:, None] * y
    square = (changes[-1] ** 2).sum(axis=1)
    usable = (products[-1] > 1e-12) & (square > 0)
    q *= np.where(usable, products[-1] / np.where(square > 0, square, 1.0), 1.0)[:, None]
    for s, y, rho, share in zip(moves, changes, inverse, reversed(shares), strict=True):
        q += s * (share - rho * (y * q).sum(axis=1))[:, None]
    return q


def objectives(
    problem: Problem, theta: Floats, weights: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return what ``Problem.objective`` does for each of many vectors.

    Args:
        problem: the points.
        theta: ``[s, constants]``.
        weights: ``[n]``, how often each point counts; once if None.

    Returns:
        ``[s]`` and ``[s, constants]``.
    """
    logs, shares = laws(problem.design, theta)
    scaled = (logs - problem.target) / problem.delta
    slope = np.clip(scaled, -1.0, 1.0)
    losses = slope * (scaled - 0.5 * slope)
    if weights is not None:
        losses, slope = losses * weights, slope * weights
    pull = shares * (slope / problem.delta)
    by_term = np.matmul(pull, problem.design.table.transpose(1, 0, 2))
    return losses.sum(axis=1), by_term.sum(axis=0)


def laws(design: Design, theta: Floats) -> tuple[Floats, Floats]:
    """Return the law for each of many vectors.

    Args:
        design: the law at the points.
        theta: ``[s, constants]``.

    Returns:
        its logarithm ``[s, n]``, and the share of each term in it ``[terms, s, n]``: numpy sums
        over a long first axis several times as fast as over a short last one.
    """
    logs = np.matmul(theta, design.table.transpose(1, 2, 0))
    largest = logs.max(axis=0)
    parts = np.exp(logs - largest)
    total = parts.sum(axis=0)
    return np.log(total) + largest, parts / total
