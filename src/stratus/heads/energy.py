"""The head of an energy whose gradients are tasks as well: forces, stress, or both.

The gradients are of what the encoder and this head compute together, so forces and stress agree
with the energy. The batch is that of atoms whose places the net made differentiable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from stratus.heads.property import PropertyHead, PropertyHeadConfig, property_config
from stratus.physics.strain import Strained, gradients
from stratus.tasks.by import ByGradient
from stratus.tasks.normalise import Normaliser
from stratus.tasks.task import Task
from stratus.views.keys import CELLS, DISPLACED, OWNER, POSITIONS, STRAIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from stratus.encoders.encoding import Encoding


class GradientTask(BaseModel):
    """A task by a gradient, with the normaliser of its labels: a scale, whose mean is 0."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task
    normaliser: Normaliser


class EnergyHeadConfig(PropertyHeadConfig):
    """Sizes of :class:`EnergyHead`, its energy, and the tasks that are gradients of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gradients: tuple[GradientTask, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _are_gradients_of_the_energy(self) -> Self:
        names = [self.task.name, *(each.task.name for each in self.gradients)]
        for each in self.gradients:
            task = each.task
            if names.count(task.name) > 1:
                raise ValueError(f"the head has two tasks {task.name}")
            if not isinstance(task.by, ByGradient) or task.by.of != self.task.name:
                raise ValueError(f"the task {task.name} is no gradient of {self.task.name}")
            task.by.check_energy(task, self.task)
            if each.normaliser.per_atom or each.normaliser.mean:
                raise ValueError(f"the normaliser of {task.name} is a scale: its mean is 0")
        return self


class EnergyHead(PropertyHead):
    """The energy of a crystal as :class:`PropertyHead` has it, and gradients of it.

    Args:
        config: sizes and meaning.
        generator: where fresh weights come from; torch's own generator if None.
    """

    differentiates: ClassVar[bool] = True
    config: EnergyHeadConfig

    def __init__(self, config: EnergyHeadConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(config, generator)
        self.config = config

    @property
    def tasks(self) -> dict[str, Task]:
        """The energy, and its gradients, by name."""
        return {task.name: task for task in (self.task, *(g.task for g in self.config.gradients))}

    @property
    def normalisers(self) -> dict[str, Normaliser]:
        """The normalisers of the labels, by task."""
        of_gradients = {each.task.name: each.normaliser for each in self.config.gradients}
        return {self.task.name: self.normaliser} | of_gradients

    def forward(self, batch: Mapping[str, Tensor], encoding: Encoding) -> dict[str, Tensor]:
        """Return the numbers of the energy ``[B, outputs]`` and of its gradients.

        Args:
            batch: of atoms, with the leaves that :meth:`stratus.models.net.Net.forward` adds.
            encoding: what the encoder gave for it.

        Returns:
            by task: of forces ``[N, 3]``, of the stress ``[B, 3, 3]``, each over its scale; they
            can be differentiated again in training.
        """
        numbers = super().forward(batch, encoding)
        atoms = torch.bincount(batch[OWNER], minlength=len(encoding.crystal))
        # the mean of the labels moves with no atom, so it is left out
        energy = numbers[self.task.name][:, 0] * self.normaliser.std * atoms
        of = Strained(batch[POSITIONS], batch[CELLS], batch[DISPLACED], batch[STRAIN])
        forces, stress = gradients(energy, of, create_graph=self.training)
        for each in self.config.gradients:
            by_positions = isinstance(each.task.by, ByGradient) and each.task.by.to == "positions"
            numbers[each.task.name] = (forces if by_positions else stress) / each.normaliser.std
        return numbers


def make_energy_head(
    task: Task,
    by_gradient: Sequence[Task],
    normalisers: Mapping[str, Normaliser],
    hidden: int,
    generator: torch.Generator | None = None,
) -> EnergyHead:
    """Make the head of an energy and of its gradients with fresh weights.

    Args:
        task: the energy.
        by_gradient: the tasks that are gradients of it, at least one.
        normalisers: of the labels, by task.
        hidden: length of the vectors of the encoder.
        generator: where fresh weights come from; torch's own generator if None.
    """
    energy = property_config(task, normalisers[task.name], hidden)
    learned = tuple(
        GradientTask(task=each, normaliser=normalisers[each.name]) for each in by_gradient
    )
    return EnergyHead(EnergyHeadConfig(**dict(energy), gradients=learned), generator)
