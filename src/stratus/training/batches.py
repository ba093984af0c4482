"""The batches of an epoch, masked, and the same for any number of ranks.

Which rows are in which batch is planned in :mod:`stratus.training.epochs`.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from stratus.errors import InputError, ResumeError
from stratus.training.epochs import POOL, EpochPlan, n_batches, plan_epoch
from stratus.training.masking import PLACES, TARGETS, WHERE, MaskingOptions, TokenMasker
from stratus.views.keys import TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Future

    import numpy.typing as npt

    from stratus.corpora.tokens.corpus import TokenCorpus
    from stratus.views.keys import Batch
    from stratus.views.view import View

    Rows = npt.NDArray[np.int64]

N_TOKENS: Final = "n_tokens"
"""int64 scalar: real tokens of this rank's batch, ``[CLS]`` and ``[SEP]`` among them."""

N_MASKED_GLOBAL: Final = "n_masked_global"
"""int64 scalar: masked tokens of the whole batch, those of the other ranks among them."""

LENGTHS: Final = "lengths"
"""int64 ``[B]``: rows of the encoder that each crystal of this rank's batch has."""

_STRETCH: Final = 65_536


class BatchLoader:
    """Iterates over the batches of one epoch, masked.

    Each row of the corpus is in one batch of an epoch, and on one rank. Where a batch has fewer
    rows than there are ranks, a rank without a row gets the first of the batch with nothing masked,
    so that ranks stay in step: it adds nothing to the loss, to the gradient or to the counts.

    Args:
        corpus: a split of a token corpus.
        view: makes tensors of strings.
        batch_size: crystals in a batch on average, over all ranks; long strings come in batches
            of fewer crystals (:mod:`stratus.training.epochs`).
        seed: decides order and masks.
        rank: which of the processes this is.
        world: how many there are; rank r has rows r, r + world, ... of each batch.
        pool: batches among whose rows strings of similar length are looked for.
        masking: what is masked.
        shuffle: whether the order differs between epochs; without, batches come in pools, in
            the order of the corpus.
        prefetch: batches that a thread makes ahead; 0 is no thread.

    Raises:
        stratus.errors.InputError: an argument cannot be used, or a string is too long for the
            view.
    """

    def __init__(  # noqa: PLR0913 - one argument an option
        self,
        corpus: TokenCorpus,
        view: View,
        batch_size: int,
        seed: int,
        *,
        rank: int = 0,
        world: int = 1,
        pool: int = POOL,
        masking: MaskingOptions | None = None,
        shuffle: bool = True,
        prefetch: int = 2,
    ) -> None:
        if batch_size < 1 or pool < 1 or prefetch < 0 or not 0 <= rank < world:
            raise InputError(
                f"batch_size {batch_size}, pool {pool}, prefetch {prefetch}, rank {rank} of "
                f"{world} cannot be used; sizes start at 1, ranks at 0"
            )
        self._corpus = corpus
        self._view = view
        self._batch_size = batch_size
        self._seed = seed
        self._rank = rank
        self._world = world
        self._pool = pool
        self._shuffle = shuffle
        self._prefetch = prefetch
        self._masker = TokenMasker(view.vocabulary, masking or MaskingOptions(), seed)
        self._pad = view.vocabulary.index["[PAD]"]
        self._lengths = _lengths(corpus, view)
        self._epoch = self._next = self._start = 0
        self._planned: EpochPlan | None = None

    def __len__(self) -> int:
        """Return the number of batches of a whole epoch."""
        return n_batches(len(self._corpus), self._batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; a new one starts with its first batch, the present one goes on."""
        if epoch != self._epoch:
            self._epoch, self._next, self._start = epoch, 0, 0

    def state_dict(self) -> dict[str, int]:
        """Return where the loader is: the epoch, and the batch after the last one handed out."""
        return {"epoch": self._epoch, "next_batch": self._next}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on from where a loader was; the next iteration starts there, later ones at the start.

        After the last batch of an epoch that iteration has no batches.

        Raises:
            stratus.errors.ResumeError: there is no such batch.
        """
        epoch, following = int(state["epoch"]), int(state["next_batch"])
        if epoch < 0 or not 0 <= following <= len(self):
            raise ResumeError(
                f"batch {following} of epoch {epoch} is not among the {len(self)} batches of an "
                "epoch; go on with the corpus and the batch size of the interrupted run"
            )
        self._epoch, self._next, self._start = epoch, following, following

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of the epoch, from the first or from where a state says."""
        start, self._start = self._start, 0
        self._next = start
        for batch in self._made(start):
            self._next += 1
            yield batch

    @property
    def padding_share(self) -> float:
        """The share of encoder rows that are padding, in this rank's batches of this epoch."""
        plan, real, padded = self._plan(), 0, 0
        for number in range(len(self)):
            lengths = self._lengths[plan.rows(number)[self._rank :: self._world]]
            if len(lengths):
                real += int(lengths.sum())
                padded += int(lengths.max()) * len(lengths)
        return 1 - real / padded if padded else 0.0

    def _made(self, start: int) -> Iterator[Batch]:
        plan, numbers = self._plan(), range(start, len(self))
        if not self._prefetch:
            yield from (self._batch(plan.rows(number), plan.epoch) for number in numbers)
            return
        waiting: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(1, "stratus-batches") as thread:
            try:
                for number in numbers:
                    waiting.append(thread.submit(self._batch, plan.rows(number), plan.epoch))
                    if len(waiting) > self._prefetch:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _plan(self) -> EpochPlan:
        """Return the rows of each batch of the epoch, over all ranks."""
        if self._planned is None or self._planned.epoch != self._epoch:
            self._planned = plan_epoch(
                self._lengths,
                self._batch_size,
                self._seed,
                self._epoch,
                pool=self._pool,
                shuffle=self._shuffle,
            )
        return self._planned

    def _batch(self, rows: Rows, epoch: int) -> Batch:
        mine = rows[self._rank :: self._world]
        others = np.delete(rows, np.s_[self._rank :: self._world])
        counted = self._masker.count(self._corpus.take(others), others, epoch)
        if len(mine):
            batch = self._view.collate(self._corpus.take(mine))
            batch = self._masker.mask(batch, mine, epoch)
            real = int((batch[TOKENS] != self._pad).sum())
        else:
            batch = _nothing_masked(self._view.collate(self._corpus.take(rows[:1])))
            real = 0
        return {
            **batch,
            LENGTHS: torch.from_numpy(self._lengths[mine]),
            N_TOKENS: torch.tensor(real),
            N_MASKED_GLOBAL: torch.tensor(counted + len(batch[TARGETS])),
        }


def _lengths(corpus: TokenCorpus, view: View) -> Rows:
    """Return the encoder rows of each crystal, ``[rows]``; refuses what the view refuses."""
    lengths = np.empty(len(corpus), dtype=np.int64)
    for start in range(0, len(corpus), _STRETCH):
        here = range(start, min(start + _STRETCH, len(corpus)))
        lengths[here.start : here.stop] = view.lengths(corpus.take(here))
    if len(lengths) and lengths.max() > view.max_length:
        view.collate([corpus.tokens(int(lengths.argmax()))])  # says which, and raises
    return lengths


def _nothing_masked(batch: Batch) -> Batch:
    return {
        **batch,
        WHERE: torch.empty(0, batch[TOKENS].ndim, dtype=torch.int64),
        TARGETS: torch.empty(0, dtype=torch.int64),
        PLACES: torch.empty(0, dtype=torch.int64),
    }
