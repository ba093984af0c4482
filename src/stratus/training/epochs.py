"""Which rows are in which batch of an epoch: crystals of similar size together.

The rows are shuffled and cut into pools of some batches; a pool is sorted by size and cut into
batches of equal size; the batches are shuffled. Where nothing is padded, as in batches of graphs,
a pool is cut as it is, into batches of as many edges each. All of it depends on seed and epoch
alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.objectives.hash_rng import Purpose, key, permutation

if TYPE_CHECKING:
    import numpy.typing as npt

    Rows = npt.NDArray[np.int64]

POOL: Final = 50
"""Batches among whose rows crystals of similar size are looked for, unless said otherwise."""


@dataclass(frozen=True)
class EpochPlan:
    """What is in the batches of an epoch.

    Attributes:
        epoch: the epoch.
        order: every row once, so that each batch is a stretch of it.
        cuts: where each stretch begins, and the end of the last one.
        batches: the order of these stretches.
    """

    epoch: int
    order: Rows
    cuts: Rows
    batches: Rows

    def rows(self, number: int) -> Rows:
        """Return the rows of a batch, by its number in the epoch."""
        k = self.batches[number]
        return self.order[self.cuts[k] : self.cuts[k + 1]]


def n_batches(rows: int, batch_size: int) -> int:
    """Return the number of batches of an epoch."""
    return -(-rows // batch_size)


def plan_epoch(
    sizes: Rows,
    batch_size: int,
    seed: int,
    epoch: int,
    *,
    pool: int = POOL,
    shuffle: bool = True,
    padded: bool = True,
) -> EpochPlan:
    """Plan the batches of an epoch.

    Args:
        sizes: size of each crystal for the encoder, ``[n]``.
        batch_size: crystals in a batch on average.
        seed: decides the order, with the epoch.
        epoch: which one.
        pool: batches among whose rows crystals of similar size are looked for.
        shuffle: whether the order differs between epochs; without, batches come in pools, in
            the order of the rows.
        padded: whether crystals of a batch are padded to the largest of them.
    """
    pooled = pool * batch_size
    rows, batches = np.arange(len(sizes)), np.arange(n_batches(len(sizes), batch_size))
    if shuffle:
        rows = permutation(key(Purpose.ROW_ORDER, seed, epoch), len(rows))
        batches = permutation(key(Purpose.BATCH_ORDER, seed, epoch), len(batches))
    if padded:
        rows = rows[np.lexsort((sizes[rows], np.arange(len(rows)) // pooled))]
    cut = equal_cuts if padded else even_cuts
    cuts = [np.zeros(1, dtype=np.int64)]
    for start in range(0, len(rows), pooled):
        here = sizes[rows[start : start + pooled]]
        cuts.append(start + cut(here, n_batches(len(here), batch_size))[1:])
    return EpochPlan(epoch, rows, np.concatenate(cuts), batches)


def batches_of(sizes: Rows, batch_size: int, *, padded: bool = True) -> list[Rows]:
    """Return batches of rows of similar length, each row once, always the same.

    Args:
        sizes: size of each crystal for the encoder, ``[n]``.
        batch_size: crystals in a batch on average.
        padded: whether crystals of a batch are padded to the largest of them.
    """
    plan = plan_epoch(sizes, batch_size, seed=0, epoch=0, shuffle=False, padded=padded)
    return [plan.rows(number) for number in range(n_batches(len(sizes), batch_size))]


def equal_cuts(sizes: Rows, batches: int) -> Rows:
    """Cut rows into batches whose largest padded size is as small as can be.

    A batch costs its crystals times its longest one (and attention more). With equal numbers, the
    few longest strings of a corpus would meet in a batch many times as large as the others, which
    decides how much memory a run needs; with equal sizes, long strings come in small batches, and
    each batch holds about as many tokens to guess.

    Args:
        sizes: size of each crystal for the encoder, ascending, all positive, ``[n]``.
        batches: how many, at most ``n``.

    Returns:
        where each batch begins, and the end of the last one, int64 ``[batches + 1]``.
    """
    largest = int(sizes[-1])
    low, high = (
        largest,
        largest * -(-len(sizes) // batches),
    )  # as many crystals each fit into `high`
    while low < high:
        middle = (low + high) // 2
        if len(_starts(sizes, middle)) <= batches:
            high = middle
        else:
            low = middle + 1
    ends = [*_starts(sizes, low)[::-1], len(sizes)]
    while len(ends) <= batches:
        widest = int(np.argmax(np.diff(ends)))
        ends.insert(widest + 1, (ends[widest] + ends[widest + 1]) // 2)
    return np.array(ends, dtype=np.int64)


def even_cuts(sizes: Rows, batches: int) -> Rows:
    """Cut rows in their order into batches whose sums of sizes are as even as whole rows allow.

    Args:
        sizes: edges of each crystal, all positive, ``[n]``.
        batches: how many, at most ``n``.

    Returns:
        where each batch begins, and the end of the last one, int64 ``[batches + 1]``.
    """
    ends = np.cumsum(sizes)
    middles = ends - sizes / 2
    cuts = np.searchsorted(middles, ends[-1] * np.arange(batches + 1) / batches)
    cuts[-1] = len(sizes)
    least = np.arange(batches + 1)  # each batch has a row at least
    cuts = np.maximum.accumulate(np.maximum(cuts, least) - least) + least
    return np.asarray(np.minimum(cuts, len(sizes) - least[::-1]), dtype=np.int64)


def _starts(sizes: Rows, most: int) -> list[int]:
    """Return where batches of at most ``most`` padded parts begin, the largest crystals first."""
    starts, end = [], len(sizes)
    while end > 0:
        end = max(0, end - max(1, most // int(sizes[end - 1])))
        starts.append(end)
    return starts
