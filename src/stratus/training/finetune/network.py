"""An encoder with one head a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from stratus.models.task_head import TaskHead


class PropertyNet(nn.Module):
    """From the batch of a view to the numbers of each task.

    Args:
        encoder: gives an ``Encoding``; only its ``crystal`` is read.
        heads: one a task.
    """

    def __init__(self, encoder: nn.Module, heads: Sequence[TaskHead]) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleList(heads)  # a dict would refuse names such as `values`

    @property
    def by_task(self) -> dict[str, TaskHead]:
        """The heads by the name of their task."""
        return {cast("TaskHead", head).task.name: cast("TaskHead", head) for head in self.heads}

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return ``[B, outputs]`` by task."""
        crystal = self.encoder(batch).crystal
        return {name: head(crystal) for name, head in self.by_task.items()}
