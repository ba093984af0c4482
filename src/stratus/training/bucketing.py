"""Cutting sorted rows into batches of equal size in padded rows, not in number of crystals.

A batch costs its crystals times its longest one (and attention more). With equal numbers, the few
longest strings of a corpus would meet in a batch many times as large as the others, which decides
how much memory a run needs; with equal sizes, long strings come in small batches, and each batch
holds about as many tokens to guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]


def equal_cuts(lengths: Ints, batches: int) -> Ints:
    """Cut rows into batches whose largest padded size is as small as can be.

    Args:
        lengths: encoder rows of each crystal, ascending, all positive, ``[n]``.
        batches: how many, at most ``n``.

    Returns:
        where each batch begins, and the end of the last one, int64 ``[batches + 1]``.
    """
    longest = int(lengths[-1])
    low, high = longest, longest * -(-len(lengths) // batches)  # as many rows each fit into `high`
    while low < high:
        middle = (low + high) // 2
        if len(_starts(lengths, middle)) <= batches:
            high = middle
        else:
            low = middle + 1
    ends = [*_starts(lengths, low)[::-1], len(lengths)]
    while len(ends) <= batches:
        widest = int(np.argmax(np.diff(ends)))
        ends.insert(widest + 1, (ends[widest] + ends[widest + 1]) // 2)
    return np.array(ends, dtype=np.int64)


def _starts(lengths: Ints, size: int) -> list[int]:
    """Return where batches of at most ``size`` padded rows begin, the longest rows first."""
    starts, end = [], len(lengths)
    while end > 0:
        end = max(0, end - max(1, size // int(lengths[end - 1])))
        starts.append(end)
    return starts
