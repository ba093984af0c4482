"""An encoder with the heads of its tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from stratus.models.target_head import TargetHead


class PropertyNet(nn.Module):
    """From the batch of a view to the numbers of each task.

    Args:
        encoder: gives an ``Encoding``; only its ``crystal`` is read.
        heads: one a task, and one for all tasks of a law.
    """

    def __init__(self, encoder: nn.Module, heads: Sequence[TargetHead]) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleList(heads)  # a dict would refuse names such as `values`

    @property
    def by_name(self) -> dict[str, TargetHead]:
        """The heads by their names: that of the task, or of the law."""
        return {cast("TargetHead", head).name: cast("TargetHead", head) for head in self.heads}

    @property
    def by_task(self) -> dict[str, TargetHead]:
        """The heads by the names of their tasks."""
        return {task: head for head in self.by_name.values() for task in head.tasks}

    def raw(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what the heads give, ``[B, outputs]`` by the name of the head."""
        crystal = self.encoder(batch).crystal
        return {name: head(crystal) for name, head in self.by_name.items()}

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the numbers that losses are of, ``[B, outputs]`` by task."""
        heads = self.by_name
        return {
            task: numbers
            for name, raw in self.raw(batch).items()
            for task, numbers in heads[name].numbers(raw).items()
        }
