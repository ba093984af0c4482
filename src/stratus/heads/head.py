"""What every head offers, and the layers that those of the crystal's vector share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import sqrt
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.encoding import Gives
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from stratus.encoders.encoding import Encoding
    from stratus.tasks.normalise import Normaliser
    from stratus.tasks.task import Task


class Head(nn.Module, ABC):
    """From an encoding to the numbers of tasks.

    Attributes:
        needs: what it reads of an encoding.
        differentiates: whether it takes gradients by the places of atoms.
        alike: sizes of its config that must be those of the encoder, where both have them.
        config: its sizes, and the tasks with their normalisers, as a bundle keeps them.
    """

    needs: ClassVar[frozenset[Gives]] = frozenset({Gives.CRYSTAL})
    differentiates: ClassVar[bool] = False
    alike: ClassVar[tuple[str, ...]] = ("hidden",)
    config: BaseModel

    @property
    def tasks(self) -> Mapping[str, Task]:
        """What it predicts, by name; nothing for a head of pre-training."""
        return MappingProxyType({})

    @property
    def normalisers(self) -> Mapping[str, Normaliser]:
        """How its numbers become values, by task."""
        return MappingProxyType({})

    @abstractmethod
    def forward(self, batch: Mapping[str, Tensor], encoding: Encoding) -> dict[str, Tensor]:
        """Return the numbers that losses are of, normalised, by task.

        Args:
            batch: of the view of the encoder.
            encoding: what the encoder gave for it.

        Returns:
            ``[B, outputs of the task]`` each.
        """

    def exact(self, batch: Mapping[str, Tensor], encoding: Encoding) -> dict[str, Tensor]:
        """Return the numbers that predictions are made of, in float64 on the CPU.

        Raises:
            stratus.errors.InputError: one is not finite.
        """
        numbers = self.forward(batch, encoding)
        return {
            name: require_finite(x.detach().float()).cpu().double() for name, x in numbers.items()
        }

    def tie(self, encoder: nn.Module) -> None:
        """Take over weights that are shared with the encoder; most heads share none."""


class CrystalHeadConfig(BaseModel):
    """Sizes of :class:`CrystalHead`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = Field(ge=1, description="Length of the vector of a crystal.")
    outputs: int = Field(ge=1, description="Numbers that are given for a crystal.")
    layers: int = Field(1, ge=0, description="Hidden layers.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Share dropped in training.")


class CrystalHead(Head):
    """Dropout, some layers of Linear and SiLU, and a Linear on the vector of a crystal.

    It is the head of CLOUD. Fresh weights are uniform within one over the root of their inputs, as
    torch draws them, and biases zero. Dropout acts once, before the first layer.

    Args:
        config: sizes.
        generator: where fresh weights come from; torch's own generator if None.
    """

    def __init__(self, config: CrystalHeadConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        hidden = config.hidden
        self.dropout = nn.Dropout(config.dropout)
        with torch.device("meta"):  # nothing is drawn here, so torch's own generator stays put
            self.dense = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(config.layers))
            self.out = nn.Linear(hidden, config.outputs)
        self.to_empty(device=torch.get_default_device())
        bound = 1 / sqrt(hidden)
        for linear in (*self.dense, self.out):
            nn.init.uniform_(linear.weight, -bound, bound, generator=generator)
            nn.init.zeros_(linear.bias)

    def raw(self, crystal: Tensor) -> Tensor:
        """Return what the last layer gives.

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


def require_finite(values: Tensor) -> Tensor:
    """Return what a module gave, if it is made of finite numbers.

    Raises:
        stratus.errors.InputError: it is not: weights of a model that was trained are never so
            large that it overflows.
    """
    if not values.isfinite().all():
        raise InputError(
            "the weights of the model are so large that what it works out is no finite number; "
            "take a whole copy, or train again"
        )
    return values
