"""What the heads that predict properties have in common, be it of one task or of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from stratus.tasks.heads import PropertyHead
from stratus.tasks.predictions import Prediction, predict

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from stratus.tasks.normalise import Normaliser
    from stratus.tasks.task import Task


class TargetHead(PropertyHead):
    """A head that knows what it predicts; its name is that among the heads of a member."""

    @property
    def name(self) -> str:
        """What it is called."""
        raise NotImplementedError

    @property
    def tasks(self) -> dict[str, Task]:
        """What it predicts, by name."""
        raise NotImplementedError

    @property
    def normalisers(self) -> dict[str, Normaliser]:
        """How its numbers become values, by task."""
        raise NotImplementedError

    def numbers(self, raw: Tensor) -> dict[str, Tensor]:
        """Turn what it gave into the numbers of each task, which losses are of.

        Args:
            raw: ``[B, outputs]``.

        Returns:
            by task ``[B, outputs of the task]``, normalised.
        """
        raise NotImplementedError

    def predictions(
        self, raw: Tensor, atoms: Callable[[Task], NDArray[np.int64] | None]
    ) -> dict[str, Prediction]:
        """Turn what it gave into values in the units of its tasks.

        Args:
            raw: ``[n, outputs]``, on any device.
            atoms: gives the atoms ``[n]`` that values of a task are of, 0 where unknown, such as
                :meth:`stratus.tasks.atom_counts.AtomCounts.of`.

        Returns:
            by task; NaN where the atoms are needed and unknown.
        """
        numbers = self.numbers(raw.detach().cpu().to(torch.float64))
        return {
            name: predict(task, self.normalisers[name], numbers[name], atoms(task))
            for name, task in self.tasks.items()
        }
