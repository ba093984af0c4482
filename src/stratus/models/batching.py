"""Crystals of like length in batches, so that little of what an encoder computes is padding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from stratus.models.model import Model
    from stratus.views.view import Sample

    Ints = NDArray[np.int64]

_OVERHEAD: Final = 64
"""What a batch costs beyond its rows, in rows: measured with the bundled model on one core."""


def by_length(
    model: Model, samples: Sequence[Sample], batch_size: int
) -> Iterator[tuple[Ints, dict[str, Tensor]]]:
    """Yield crystals of like length as batches on the device of the model, with their places.

    Args:
        model: its view makes the batches.
        samples: n crystals as that view gives them.
        batch_size: most crystals of a batch.
    """
    if not samples:
        return
    device = next(model.encoder.parameters()).device
    lengths = np.asarray(model.view.lengths(samples))
    order = np.argsort(lengths, kind="stable")
    for start, end in cheapest_cuts(lengths[order], batch_size):
        rows = order[start:end]
        batch = model.view.collate([samples[row] for row in rows])
        yield rows, {key: value.to(device) for key, value in batch.items()}


def cheapest_cuts(
    lengths: Ints, batch_size: int, overhead: int = _OVERHEAD
) -> list[tuple[int, int]]:
    """Cut sorted crystals into batches that cost least, padding and number of batches together.

    A batch costs its crystals times its longest one, and the overhead. Crystals of one length stay
    together unless they are too many for a batch.

    Args:
        lengths: encoder rows of each crystal, ascending, ``[n]``.
        batch_size: most crystals of a batch.
        overhead: cost of a batch beyond its rows, in rows.

    Returns:
        where each batch begins and ends.
    """
    length, count = np.unique(lengths, return_counts=True)
    ends = np.concatenate([[0], np.cumsum(count)])
    least = np.zeros(len(ends))  # cost of all crystals before each of the ends
    came_from = np.zeros(len(ends), np.int64)
    for k in range(1, len(ends)):
        crystals = ends[k] - ends[:k]
        batches = -(-crystals // batch_size)
        costs = least[:k] + length[k - 1] * crystals + overhead * batches
        came_from[k] = np.argmin(costs)
        least[k] = costs[came_from[k]]
    cuts: list[tuple[int, int]] = []
    k = len(ends) - 1
    while k > 0:
        first, end = int(ends[came_from[k]]), int(ends[k])
        cuts += [(max(first, stop - batch_size), stop) for stop in range(end, first, -batch_size)]
        k = int(came_from[k])
    return cuts[::-1]
