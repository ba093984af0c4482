"""The loop that runs nets over crystals: all that is worked out with a net goes through it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from stratus.models.net import Net
    from stratus.views.view import Sample, View

    Ints = NDArray[np.int64]

Read = TypeVar("Read")

_MOST: Final = 1 << 17
"""Edges of a batch of graphs: with 64 numbers an edge some 100 MB in each layer."""

_OVERHEAD: Final = 64
"""What a batch costs beyond its parts, in parts: measured with the bundled model on one core."""


def run_over(
    nets: Sequence[Net],
    view: View,
    samples: Sequence[Sample],
    *,
    batch_size: int,
    read: Callable[[Net, dict[str, Tensor]], Read],
    batches: Iterable[Ints] | None = None,
) -> Iterator[tuple[Ints, list[Read]]]:
    """Run nets over crystals, those of like size together, without dropout.

    Gradients are off but inside a net whose heads take some. Between batches the nets are in
    evaluation mode; in the end they are as they were.

    Args:
        nets: at least one, all on one device.
        view: how their encoders see a crystal.
        samples: n crystals as the view gives them.
        batch_size: most crystals of a batch.
        read: what is worked out by a net for a batch on its device, such as ``Net.exact``.
        batches: which crystals go together; those of :func:`batches_by_size` if not said.

    Yields:
        which crystals they are, and what was read from each net.
    """
    if not samples:
        return
    device = next(nets[0].parameters()).device
    if batches is None:
        cut = batches_by_size if view.padded else batches_by_sum
        batches = cut(np.asarray(view.sizes(samples)), batch_size)
    differentiates = any(net.differentiates for net in nets)  # a net switches gradients on itself
    with _evaluating(nets):
        for rows in batches:
            batch = view.collate([samples[row] for row in rows])
            with torch.no_grad() if differentiates else torch.inference_mode():
                inputs = {key: value.to(device) for key, value in batch.items()}
                found = [read(net, inputs) for net in nets]
            yield rows, found


@contextmanager
def _evaluating(nets: Sequence[Net]) -> Iterator[None]:
    """Switch dropout off; afterwards everything is as it was."""
    training = [part for net in nets for part in net.modules() if part.training]
    try:
        for net in nets:
            net.eval()
        yield
    finally:
        for part in training:
            part.training = True


def batches_by_size(sizes: Ints, batch_size: int) -> list[Ints]:
    """Return batches of crystals of like size, so that little of what is computed is padding.

    Args:
        sizes: parts of each crystal for the encoder, ``[n]``.
        batch_size: most crystals of a batch.
    """
    order = np.argsort(sizes, kind="stable")
    return [order[start:end] for start, end in cheapest_cuts(sizes[order], batch_size)]


def batches_by_sum(sizes: Ints, batch_size: int, most: int = _MOST) -> list[Ints]:
    """Return batches of crystals in their order, each of a bounded sum of sizes.

    A crystal that is larger than the bound is a batch of its own.

    Args:
        sizes: what each crystal costs where nothing is padded, such as its edges, ``[n]``.
        batch_size: most crystals of a batch.
        most: largest sum.
    """
    batches, start, held = [], 0, 0
    for place, size in enumerate(sizes.tolist()):
        if place > start and (held + size > most or place - start == batch_size):
            batches.append(np.arange(start, place))
            start, held = place, 0
        held += size
    return [*batches, np.arange(start, len(sizes))]


def cheapest_cuts(sizes: Ints, batch_size: int, overhead: int = _OVERHEAD) -> list[tuple[int, int]]:
    """Cut sorted crystals into batches that cost least, padding and number of batches together.

    A batch costs its crystals times its longest one, and the overhead. Crystals of one size stay
    together unless they are too many for a batch.

    Args:
        sizes: parts of each crystal for the encoder, ascending, ``[n]``.
        batch_size: most crystals of a batch.
        overhead: cost of a batch beyond its parts, in parts.

    Returns:
        where each batch begins and ends.
    """
    size, count = np.unique(sizes, return_counts=True)
    ends = np.concatenate([[0], np.cumsum(count)])
    least = np.zeros(len(ends))  # cost of all crystals before each of the ends
    came_from = np.zeros(len(ends), np.int64)
    for k in range(1, len(ends)):
        crystals = ends[k] - ends[:k]
        batches = -(-crystals // batch_size)
        costs = least[:k] + size[k - 1] * crystals + overhead * batches
        came_from[k] = np.argmin(costs)
        least[k] = costs[came_from[k]]
    cuts: list[tuple[int, int]] = []
    k = len(ends) - 1
    while k > 0:
        first, end = int(ends[came_from[k]]), int(ends[k])
        cuts += [(max(first, stop - batch_size), stop) for stop in range(end, first, -batch_size)]
        k = int(came_from[k])
    return cuts[::-1]
