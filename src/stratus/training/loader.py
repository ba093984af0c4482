"""The steps of an epoch from a source: the same for any number of processes, and from any step on.

Which rows are in which batch is planned in :mod:`stratus.training.epochs`.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from stratus.errors import InputError
from stratus.training.epochs import POOL, EpochPlan, n_batches, plan_epoch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from stratus.objectives.objective import Rows, Source, Step


@dataclass
class Loader:
    """Gives the steps of epochs; iterating gives those of epoch 0.

    Each row of the source is in one batch of an epoch, and in one process. Where a batch has fewer
    rows than there are processes, one without a row gets the first of the batch without targets, so
    that processes stay in step: it adds nothing to the loss, to the gradient or to the counts.

    Attributes:
        source: makes steps of rows.
        batch_size: crystals in a batch on average, over all processes; large ones come in batches
            of fewer crystals (:mod:`stratus.training.epochs`).
        seed: decides the order.
        rank: which of the processes this is.
        world: how many there are; rank r has rows r, r + world, ... of each batch.
        pool: batches among whose rows crystals of similar size are looked for.
        shuffle: whether the order differs between epochs; without, batches come in pools, in
            the order of the source.
        prefetch: steps that a thread makes ahead; 0 is no thread.

    Raises:
        stratus.errors.InputError: a value cannot be used.
    """

    source: Source
    batch_size: int
    seed: int = 0
    rank: int = field(default=0, kw_only=True)
    world: int = field(default=1, kw_only=True)
    pool: int = field(default=POOL, kw_only=True)
    shuffle: bool = field(default=True, kw_only=True)
    prefetch: int = field(default=2, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        sizes = min(self.batch_size, self.pool) < 1 or self.prefetch < 0
        if sizes or not 0 <= self.rank < self.world:
            raise InputError(
                f"batch_size {self.batch_size}, pool {self.pool}, prefetch {self.prefetch}, rank "
                f"{self.rank} of {self.world} cannot be used; sizes start at 1, ranks at 0"
            )

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return n_batches(len(self.source), self.batch_size)

    def __iter__(self) -> Iterator[Step]:
        """Give the steps of epoch 0."""
        return self.epoch(0)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Step]:
        """Give the steps of an epoch, from one of its batches on."""
        if first >= len(self):
            return
        plan, numbers = self._plan(epoch), range(first, len(self))
        if not self.prefetch:
            yield from (self._step(plan.rows(number), epoch) for number in numbers)
            return
        waiting: deque[Future[Step]] = deque()
        with ThreadPoolExecutor(1, "stratus-batches") as thread:
            try:
                for number in numbers:
                    waiting.append(thread.submit(self._step, plan.rows(number), epoch))
                    if len(waiting) > self.prefetch:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def padding_share(self, epoch: int = 0) -> float:
        """Return the share of the parts of an epoch's batches, in this process, that pad."""
        if not self.source.padded:
            return 0.0
        plan, sizes, real, padded = self._plan(epoch), self.source.sizes(epoch), 0, 0
        for number in range(len(self)):
            mine = sizes[plan.rows(number)[self.rank :: self.world]]
            if len(mine):
                real += int(mine.sum())
                padded += int(mine.max()) * len(mine)
        return 1 - real / padded if padded else 0.0

    def _plan(self, epoch: int) -> EpochPlan:
        """Return the rows of each batch of an epoch, over all processes."""
        return plan_epoch(
            self.source.sizes(epoch),
            self.batch_size,
            self.seed,
            epoch,
            pool=self.pool,
            shuffle=self.shuffle,
            padded=self.source.padded,
        )

    def _step(self, rows: Rows, epoch: int) -> Step:
        mine = rows[self.rank :: self.world]
        if len(mine):
            step = self.source.step(mine, epoch)
        else:
            step = self.source.blank(int(rows[0]), epoch)
        if self.world > 1:
            others = np.delete(rows, np.s_[self.rank :: self.world])
            theirs = self.source.counts(others, epoch)
            counts = {name: count + theirs[name] for name, count in step.counts.items()}
            step = step._replace(crystals=len(rows), counts=counts)
        return step


@dataclass(frozen=True)
class Endless:
    """The steps of one epoch after another, for ever; the same again for each iteration.

    Attributes:
        loader: gives the steps of an epoch.
        first_step: steps that are done already.
    """

    loader: Loader
    first_step: int = 0

    def __iter__(self) -> Iterator[Step]:
        """Give steps for ever."""
        epoch, first = divmod(self.first_step, len(self.loader))
        while True:
            yield from self.loader.epoch(epoch, first)
            epoch, first = epoch + 1, 0
