"""An objective, and where its steps come from.

A source makes steps: crystals as tensors, with what is to be learned of them. An objective makes
losses of what a net gives for a step, and scores of the sums over many. Neither knows how often,
in what order or on how many devices that happens; training does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from stratus.views.keys import Batch

Rows: TypeAlias = npt.NDArray[np.int64]

Epochs: TypeAlias = "int | Rows"
"""The epoch that shows rows, from 0: one for all, or that of each, int64 ``[B]``."""


class Step(NamedTuple):
    """Some crystals and what is to be learned of them.

    Attributes:
        inputs: batch of a view, and what else a net reads.
        targets: by loss, what is to be learned.
        present: by loss, which of the targets there are; nothing where all are.
        sizes: parts of each crystal for the encoder, int64 ``[B]``, on the CPU.
        amount: what throughput counts, such as real tokens.
        crystals: how many the whole batch has, over all processes.
        counts: by loss, the targets of the whole batch, over all processes.
    """

    inputs: Batch
    targets: Mapping[str, Tensor]
    present: Mapping[str, Tensor]
    sizes: Tensor
    amount: int
    crystals: int
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Summed:
    """A loss of a batch that processes share.

    Attributes:
        sum: over the targets of this process.
        count: targets of the whole batch.
    """

    sum: Tensor
    count: int


class Source(Protocol):
    """Rows to learn from or to score. What a step is depends on rows and epoch alone."""

    @property
    def padded(self) -> bool:
        """Whether crystals of a step are padded to the largest; else it costs all their sizes."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def sizes(self, epoch: int) -> Rows:
        """Return the parts of each row for the encoder, as an epoch shows it, int64 ``[n]``."""

    def step(self, rows: Rows, epoch: int) -> Step:
        """Return some rows, at least one, as an epoch shows them; on the CPU."""

    def counts(self, rows: Rows, epoch: int) -> dict[str, int]:
        """Return the ``counts`` of :meth:`step`, for rows that another process has."""

    def blank(self, row: int, epoch: int) -> Step:
        """Return a row without targets, for a process that has no row of a batch."""


class Objective(Protocol):
    """What is learned.

    Attributes:
        name: its name in the table.
        unit: of what throughput counts, in the plural.
    """

    name: ClassVar[str]
    unit: ClassVar[str]

    def losses(self, net: nn.Module, step: Step) -> dict[str, Summed]:
        """Return the losses of a step, with gradients."""

    def total(self, losses: Mapping[str, Summed], processes: int) -> Tensor:
        """Return one number, of which processes average the gradients.

        Args:
            losses: of this process.
            processes: that share the batch.
        """

    def sums(self, net: nn.Module, step: Step) -> Tensor:
        """Return what scores are made of, float64 ``[k]``; it is added up over steps."""

    def scores(self, sums: npt.NDArray[np.float64]) -> dict[str, float]:
        """Return the scores of sums over all rows; the least ``loss`` is the best."""
