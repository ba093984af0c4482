"""The head of a property as a model keeps it: with its task and the normaliser of its labels.

Without both, the numbers of a head mean nothing; so they travel with its weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import ConfigDict, model_validator

from stratus.models.target_head import TargetHead
from stratus.tasks.heads import PropertyHeadConfig
from stratus.tasks.normalise import Normaliser  # noqa: TC001 - pydantic reads it
from stratus.tasks.predictions import Prediction, predict
from stratus.tasks.task import Task  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor


class TaskHeadConfig(PropertyHeadConfig):
    """Sizes of :class:`TaskHead`, and what its numbers mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task
    normaliser: Normaliser

    @model_validator(mode="after")
    def _sizes_are_those_of_the_task(self) -> Self:
        for name in ("outputs", "layers", "dropout"):
            ours, theirs = getattr(self, name), getattr(self.task, name)
            if ours != theirs:
                raise ValueError(f"the head has {name} {ours}, but its task has {theirs}")
        if self.task.physics is not None:
            raise ValueError(f"the task {self.task.name} is of a law, and so is its head")
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


class TaskHead(TargetHead):
    """A head that knows its task and normaliser.

    Args:
        config: sizes and meaning.
        generator: where fresh weights come from; torch's own generator if None.
    """

    def __init__(self, config: TaskHeadConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(
            config.hidden, config.outputs, config.layers, config.dropout, generator=generator
        )
        self.config: TaskHeadConfig = config

    @property
    def name(self) -> str:
        """The name of its task."""
        return self.task.name

    @property
    def tasks(self) -> dict[str, Task]:
        """Its task, by name."""
        return {self.name: self.task}

    @property
    def normalisers(self) -> dict[str, Normaliser]:
        """Its normaliser, by task."""
        return {self.name: self.normaliser}

    def numbers(self, raw: Tensor) -> dict[str, Tensor]:
        """Return what it gave, by task: these are the numbers of its task."""
        return {self.name: raw}

    @property
    def task(self) -> Task:
        """What it predicts."""
        return self.config.task

    @property
    def normaliser(self) -> Normaliser:
        """How its numbers become values."""
        return self.config.normaliser

    def values(self, raw: Tensor, atoms: NDArray[np.int64] | None = None) -> Prediction:
        """Turn what it gave into values in the unit of the task.

        Args:
            raw: ``[n, outputs]``.
            atoms: ``[n]``, atoms of the primitive cell; needed for a task per cell.

        Raises:
            stratus.errors.InputError: atoms are needed and not given.
        """
        return predict(self.task, self.normaliser, raw, atoms)


def make_task_head(
    task: Task, normaliser: Normaliser, hidden: int, generator: torch.Generator | None = None
) -> TaskHead:
    """Make the head of a task with fresh weights.

    Args:
        task: what it predicts.
        normaliser: of the labels it will learn from.
        hidden: length of the vectors of the encoder.
        generator: where fresh weights come from; torch's own generator if None.
    """
    config = TaskHeadConfig(
        hidden=hidden,
        outputs=task.outputs,
        layers=task.layers,
        dropout=task.dropout,
        task=task,
        normaliser=normaliser,
    )
    return TaskHead(config, generator)
