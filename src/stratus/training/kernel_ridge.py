"""Laplacian kernel ridge regression on compositions, solved exactly.

The kernel matrix of n rows takes 8 n² bytes, which is what limits it: it is filled block by block
below its diagonal alone, factorised in its own memory, and nothing of its size is made beside it.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

KERNEL_GAMMAS: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
KERNEL_LAMBDAS: Final = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)

KERNEL_ROWS: Final = 30_000
"""Rows that are learned from at most: their matrix takes 7.2 GB."""
CHOICE_ROWS: Final = 4_000
"""Rows on either side with which λ and γ are chosen at most, drawn with the seed."""
_BLOCK: Final = 2_000
_SHARE_OF_MEMORY: Final = 0.5
_BYTES: Final = 8


def most_rows() -> int:
    """Return from how many rows is learned at most: 30,000, or what half the memory holds."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # it is not told here
        return KERNEL_ROWS
    return min(KERNEL_ROWS, math.isqrt(int(memory * _SHARE_OF_MEMORY) // _BYTES))


def kernel_weights(x: Numbers, y: Numbers, gamma: float, alpha: float) -> Numbers:
    """Solve (K + λ) w = y exactly.

    Args:
        x: shape (n, features), rows to learn from.
        y: shape (n, targets).
        gamma: the kernel of two rows is exp(-γ times the sum of absolute differences).
        alpha: λ.

    Returns:
        shape (n, targets).
    """
    kernel = np.empty((len(x), len(x)))
    for start in range(0, len(x), _BLOCK):
        end = start + _BLOCK
        kernel[start:end, :end] = _kernel(_distances(x[start:end], x[:end]), gamma)
    return _solved(kernel, alpha, y)


def kernel_values(rows: Numbers, x: Numbers, weights: Numbers, gamma: float) -> Numbers:
    """Return what weights of :func:`kernel_weights` say of other rows, shape (rows, targets)."""
    found = np.empty((len(rows), weights.shape[1]))
    for start in range(0, len(rows), _BLOCK):
        across = _distances(rows[start : start + _BLOCK], x)
        found[start : start + _BLOCK] = _kernel(across, gamma) @ weights
    return found


def chosen_strengths(
    x: Numbers, y: Numbers, x_validation: Numbers, error: Callable[[Numbers], Numbers]
) -> list[tuple[float, float]]:
    """Return, for each target, the γ and λ of the grid with the smallest error.

    Args:
        x: shape (n, features), rows to learn from.
        y: shape (n, targets).
        x_validation: shape (m, features), rows to choose with.
        error: of predictions for these, shape (m, targets), the error of each target.
    """
    inside, across = _distances(x, x), _distances(x_validation, x)
    pairs = [(gamma, alpha) for gamma in KERNEL_GAMMAS for alpha in KERNEL_LAMBDAS]
    errors = []
    for gamma in KERNEL_GAMMAS:
        kernel, out = np.exp(-gamma * inside), np.exp(-gamma * across)
        errors += [error(out @ _solved(kernel.copy(), alpha, y)) for alpha in KERNEL_LAMBDAS]
    return [pairs[best] for best in np.argmin(errors, axis=0)]


def _solved(kernel: Numbers, alpha: float, y: Numbers) -> Numbers:
    """Solve (K + λ) w = y; of the matrix what is not above its diagonal is read, and used up.

    By blocks of rows (Golub and Van Loan 2013, algorithm 4.2.10), since LAPACK's own Cholesky
    factorisation crashes on several threads where a matrix is larger than 2 GiB and its library
    counts bytes in 32 bits.
    """
    from scipy.linalg import cholesky, solve_triangular

    kernel.flat[:: len(kernel) + 1] += alpha
    blocks = [slice(start, start + _BLOCK) for start in range(0, len(kernel), _BLOCK)]
    for number, here in enumerate(blocks):
        done = slice(0, here.start)
        kernel[here, here] -= kernel[here, done] @ kernel[here, done].T
        factor = cholesky(kernel[here, here], lower=True, check_finite=False)
        kernel[here, here] = factor
        for rows in blocks[number + 1 :]:
            left = kernel[rows, here] - kernel[rows, done] @ kernel[here, done].T
            kernel[rows, here] = solve_triangular(factor, left.T, lower=True, check_finite=False).T
    weights = np.array(y, dtype=np.float64)
    for here in blocks:
        weights[here] -= kernel[here, : here.start] @ weights[: here.start]
        weights[here] = solve_triangular(
            kernel[here, here], weights[here], lower=True, check_finite=False
        )
    for here in reversed(blocks):
        weights[here] -= kernel[here.stop :, here].T @ weights[here.stop :]
        weights[here] = solve_triangular(
            kernel[here, here], weights[here], lower=True, trans=1, check_finite=False
        )
    return weights


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
