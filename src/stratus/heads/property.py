"""The head of one property.

It has its task and the normaliser of its labels, without which its numbers mean nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import ConfigDict, model_validator

from stratus.errors import InputError
from stratus.heads.head import CrystalHead, CrystalHeadConfig
from stratus.tasks.by import ByHead
from stratus.tasks.normalise import Normaliser  # noqa: TC001 - pydantic reads it
from stratus.tasks.task import Task  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor

    from stratus.encoders.encoding import Encoding


class PropertyHeadConfig(CrystalHeadConfig):
    """Sizes of :class:`PropertyHead`, and what its numbers mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task
    normaliser: Normaliser

    @model_validator(mode="after")
    def _sizes_are_those_of_the_task(self) -> Self:
        by = self.task.by
        if not isinstance(by, ByHead):
            raise ValueError(  # noqa: TRY004 - pydantic takes no other
                f"the task {self.task.name} is by a {by.how}, and so is its head"
            )
        asked = {"outputs": self.task.outputs, "layers": by.layers, "dropout": by.dropout}
        for name, theirs in asked.items():
            if getattr(self, name) != theirs:
                ours = getattr(self, name)
                raise ValueError(f"the head has {name} {ours}, but its task has {theirs}")
        check_normaliser(self.task, self.normaliser)
        return self


def check_normaliser(task: Task, normaliser: Normaliser) -> None:
    """Refuse a normaliser that is not of a task.

    Raises:
        ValueError: it is per atom and the task is not per cell or formula, or the other way round.
    """
    if normaliser.per_atom != task.is_extensive:
        raise ValueError(
            "the normaliser is per atom if and only if the task is per cell or per formula"
        )


class PropertyHead(CrystalHead):
    """The numbers of one task from the vector of a crystal.

    One number for a regression (normalised), two with the ``gaussian`` loss (normalised mean, and
    what the logarithm of the standard deviation is made of), one logit for a binary task, one
    logit a class for a multiclass one.

    Args:
        config: sizes and meaning.
        generator: where fresh weights come from; torch's own generator if None.
    """

    config: PropertyHeadConfig

    def __init__(
        self, config: PropertyHeadConfig, generator: torch.Generator | None = None
    ) -> None:
        super().__init__(config, generator)
        self.config = config

    @property
    def tasks(self) -> dict[str, Task]:
        """Its task, by name."""
        return {self.task.name: self.task}

    @property
    def normalisers(self) -> dict[str, Normaliser]:
        """Its normaliser, by task."""
        return {self.task.name: self.normaliser}

    @property
    def task(self) -> Task:
        """What it predicts."""
        return self.config.task

    @property
    def normaliser(self) -> Normaliser:
        """How its numbers become values."""
        return self.config.normaliser

    def forward(self, batch: Mapping[str, Tensor], encoding: Encoding) -> dict[str, Tensor]:  # noqa: ARG002 - of every head
        """Return the numbers of its task, ``[B, outputs]``; see :meth:`Head.forward`."""
        return {self.task.name: self.raw(encoding.crystal)}


def make_property_head(
    task: Task, normaliser: Normaliser, hidden: int, generator: torch.Generator | None = None
) -> PropertyHead:
    """Make the head of a task with fresh weights.

    Args:
        task: what it predicts.
        normaliser: of the labels it will learn from.
        hidden: length of the vectors of the encoder.
        generator: where fresh weights come from; torch's own generator if None.

    Raises:
        stratus.errors.InputError: the task is predicted by something else.
    """
    return PropertyHead(property_config(task, normaliser, hidden), generator)


def property_config(task: Task, normaliser: Normaliser, hidden: int) -> PropertyHeadConfig:
    """Return the config of the head of a task; arguments as of :func:`make_property_head`.

    Raises:
        stratus.errors.InputError: the task is predicted by something else.
    """
    if not isinstance(task.by, ByHead):
        raise InputError(f"{task.name} is predicted by a {task.by.how}, not by a head of its own")
    return PropertyHeadConfig(
        hidden=hidden,
        outputs=task.outputs,
        layers=task.by.layers,
        dropout=task.by.dropout,
        task=task,
        normaliser=normaliser,
    )
