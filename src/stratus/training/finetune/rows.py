"""The rows of one part of a fold, in memory, and their batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch

from stratus.training.epochs import n_batches, plan_epoch
from stratus.training.finetune.hiding import Hiding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from stratus.views.view import Sample, View

    Indices = npt.NDArray[np.int64]


class LabelledBatch(NamedTuple):
    """Crystals and their labels.

    Attributes:
        inputs: batch of the view.
        targets: ``[B]`` by task, normalised labels or classes; 0 where there is no label.
        present: bool ``[B]`` by task, which labels there are.
    """

    inputs: dict[str, Tensor]
    targets: dict[str, Tensor]
    present: dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Rows:
    """Some crystals, with labels or without.

    Attributes:
        view: how the encoder sees them.
        samples: one a crystal.
        lengths: encoder rows of each, ``[n]``.
        targets: normalised labels ``[n]`` by task; none for rows that are only predicted.
        present: which of them there are, bool ``[n]`` by task.
    """

    view: View
    samples: Sequence[Sample]
    lengths: Indices
    targets: Mapping[str, npt.NDArray[np.float64]]
    present: Mapping[str, npt.NDArray[np.bool_]]

    def __len__(self) -> int:
        """Return the number of crystals."""
        return len(self.samples)

    def batch(self, rows: Indices, shown: Sequence[Sample] | None = None) -> LabelledBatch:
        """Return some rows as a batch, or their labels with what is shown instead of them."""
        samples = [self.samples[row] for row in rows] if shown is None else shown
        return LabelledBatch(
            inputs=self.view.collate(samples),
            targets={name: torch.from_numpy(all_[rows]) for name, all_ in self.targets.items()},
            present={name: torch.from_numpy(all_[rows]) for name, all_ in self.present.items()},
        )


def batches_of(lengths: Indices, batch_size: int) -> list[Indices]:
    """Return batches in which each row stands once, always the same ones.

    Args:
        lengths: encoder rows of each, ``[n]``.
        batch_size: rows of a batch.
    """
    plan = plan_epoch(lengths, batch_size, seed=0, epoch=0, shuffle=False)
    return [plan.rows(number) for number in range(n_batches(len(lengths), batch_size))]


class EndlessRows:
    """The batches of one epoch after another, for ever; the same again for each iteration.

    Args:
        rows: what to learn from.
        batch_size: crystals in a batch on average.
        seed: decides the order, and what is hidden.
        hide: share of the rows that are shown as partial crystals in an epoch, others in each.
    """

    def __init__(self, rows: Rows, batch_size: int, seed: int, hide: float = 0.0) -> None:
        self._rows = rows
        self._batch_size = batch_size
        self._seed = seed
        self._hiding = (
            Hiding(rows.view, rows.samples, rows.lengths, hide, seed) if hide > 0 else None
        )

    @property
    def per_epoch(self) -> int:
        """Batches in which each row is seen once."""
        return n_batches(len(self._rows), self._batch_size)

    def __iter__(self) -> Iterator[LabelledBatch]:
        """Give batches for ever."""
        epoch = 0
        while True:
            yield from self._epoch(epoch)
            epoch += 1

    def _epoch(self, epoch: int) -> Iterator[LabelledBatch]:
        shown = None if self._hiding is None else self._hiding.epoch(epoch)
        lengths = self._rows.lengths if shown is None else shown.lengths
        plan = plan_epoch(lengths, self._batch_size, self._seed, epoch)
        for number in range(self.per_epoch):
            rows = plan.rows(number)
            yield self._rows.batch(rows, None if shown is None else shown.samples(rows))
