"""How far a function jumps: what is left of its steps when they are halved again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

_STEPS: Final = 48
_HALVINGS: Final = 13
_PLACES: Final = np.array([-1.0, 0.0, 1.0, 2.0, 3.0])  # around a step, in halves of it


def largest_jump(function: Callable[[Sequence[float]], Doubles], enough: float) -> float:
    """Return how far a function of 0 to 1 jumps at most.

    The way is cut into 48 steps, and each is halved up to 13 times, always into the half over which
    the function changes less like on both sides of the step. Of a smooth change so little is left,
    of a jump all.

    Args:
        function: gives the values ``[n, d]`` at n places; some are up to a hundredth outside.
        enough: a change that no longer matters; a step is halved until it has no more.

    Returns:
        the longest change that was left, in the unit of the values; infinite if one is no number.
    """
    starts, half = np.linspace(0, 1, _STEPS, endpoint=False), 1 / _STEPS / 2
    largest = 0.0
    for _ in range(_HALVINGS):
        places = starts[:, None] + half * _PLACES
        values = function(places.ravel().tolist()).reshape(*places.shape, -1)
        if not np.isfinite(values).all():
            return np.inf
        changes = np.diff(values, axis=1)  # before the step, its halves, behind it
        odd = _lengths(changes[:, 1:3] - changes[:, [0, 3]].mean(axis=1, keepdims=True))
        left = np.maximum(_lengths(changes[:, 1:3]), odd).max(axis=1)
        second = odd[:, 1] > odd[:, 0]
        starts = np.where(second, starts + half, starts)
        done = left <= enough / 2
        largest = max(largest, float(left[done].max(initial=0)))
        starts, half = starts[~done], half / 2
        if not len(starts):
            return largest
    return max(largest, float(left.max()))


def _lengths(rows: Doubles) -> Doubles:
    return np.asarray(np.linalg.norm(rows, axis=-1))
