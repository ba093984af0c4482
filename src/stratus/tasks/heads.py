"""The head of a property: from the vector of a crystal to the numbers of one task."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional as fn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from stratus.tasks.task import Task


class PropertyHeadConfig(BaseModel):
    """Sizes of :class:`PropertyHead`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = Field(ge=1, description="Length of the vector of a crystal.")
    outputs: int = Field(ge=1, description="Numbers that are given for a crystal.")
    layers: int = Field(1, ge=0, description="Hidden layers.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Share dropped in training.")


class PropertyHead(nn.Module):
    """Dropout, some layers of Linear and SiLU, and a Linear: the head of CLOUD.

    What the numbers mean is the task's: one for a regression (normalised), two with the
    ``gaussian`` loss (normalised mean, and what the logarithm of the standard deviation is made
    of), one logit for a binary task, one logit a class for a multiclass one.

    Fresh weights are uniform within one over the root of their inputs, as torch draws them, and
    biases zero.

    Args:
        hidden: length of the vectors of the encoder.
        outputs: numbers for a crystal: ``Task.outputs``.
        layers: hidden layers; 0 makes the head linear.
        dropout: share of the vector that is dropped in training, once, before the first layer.
        generator: where fresh weights come from; torch's own generator if None.
    """

    def __init__(
        self,
        hidden: int,
        outputs: int,
        layers: int = 1,
        dropout: float = 0.1,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.config = PropertyHeadConfig(
            hidden=hidden, outputs=outputs, layers=layers, dropout=dropout
        )
        self.dropout = nn.Dropout(dropout)
        with torch.device("meta"):  # nothing is drawn here, so torch's own generator stays put
            self.dense = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers))
            self.out = nn.Linear(hidden, outputs)
        self.to_empty(device=torch.get_default_device())
        bound = 1 / sqrt(hidden)
        for linear in (*self.dense, self.out):
            nn.init.uniform_(linear.weight, -bound, bound, generator=generator)
            nn.init.zeros_(linear.bias)

    def forward(self, crystal: Tensor) -> Tensor:
        """Give the numbers of crystals.

        Args:
            crystal: ``[B, d]``, the ``crystal`` of an encoding.

        Returns:
            ``[B, outputs]``, also for one crystal.
        """
        x = self.dropout(crystal)
        for dense in self.dense:
            x = fn.silu(dense(x))
        numbers: Tensor = self.out(x)
        return numbers


def make_heads(
    tasks: Iterable[Task], hidden: int, generator: torch.Generator | None = None
) -> dict[str, PropertyHead]:
    """Make one head for each task, by the name of the task.

    Args:
        tasks: what is to be predicted.
        hidden: length of the vectors of the encoder.
        generator: where fresh weights come from; torch's own generator if None.
    """
    return {
        task.name: PropertyHead(
            hidden, task.outputs, task.layers, task.dropout, generator=generator
        )
        for task in tasks
    }
