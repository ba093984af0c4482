"""The head of a law: from the vector of a crystal to parameters that know no temperature.

All tasks of a law share it. What it gives is turned into the parameters of the law, and the law
gives every quantity at every temperature; the tasks are those of which there are labels.
"""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, Final, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from stratus.errors import InputError
from stratus.heads.head import CrystalHead, CrystalHeadConfig, require_finite
from stratus.heads.property import check_normaliser
from stratus.physics.laws import LAWS, Parameters, evaluate, law_named
from stratus.tasks.by import ByLaw
from stratus.tasks.normalise import Normaliser
from stratus.tasks.task import Task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from stratus.encoders.encoding import Encoding
    from stratus.physics.laws import Law
    from stratus.physics.quantities import Quantity

LOWEST_K: Final = 20.0
HIGHEST_K: Final = 6000.0
"""Temperatures of modes lie between these two, in K: soft metals have Debye temperatures near 40,
diamond of 1,900 to 2,200, and an O-H bond vibrates with an Einstein temperature of 5,300."""

START_K: Final = 500.0
"""Where fresh weights begin; the mean of the Debye temperatures of 1,512 crystals is 504 K."""

_FRESH: Final = 0.1  # what fresh weights of the last layer are multiplied with


class LawTask(BaseModel):
    """A task of a law, with the normaliser of its labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task
    normaliser: Normaliser


class LawHeadConfig(CrystalHeadConfig):
    """Sizes of :class:`LawHead`, its law, and what was learned with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    law: str
    lowest_k: float = Field(LOWEST_K, gt=0, allow_inf_nan=False)
    highest_k: float = Field(HIGHEST_K, gt=0, allow_inf_nan=False)
    tasks: tuple[LawTask, ...] = ()

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        law = law_named(self.law)
        if self.outputs != outputs_of(law):
            raise ValueError(f"the law {law.name} has {outputs_of(law)} outputs")
        if not self.lowest_k < self.highest_k:
            raise ValueError("lowest_k is below highest_k")
        names = [each.task.name for each in self.tasks]
        for each in self.tasks:
            task = each.task
            if names.count(task.name) > 1:
                raise ValueError(f"the head has two tasks {task.name}")
            if not isinstance(task.by, ByLaw) or task.by.law != self.law:
                raise ValueError(f"the task {task.name} is not of the law {self.law}")
            check_normaliser(task, each.normaliser)
        return self


class LawHead(CrystalHead):
    """Dropout, some layers, and for each mode of a law a temperature and a weight.

    Temperatures are bounded smoothly, ``lowest_k * (highest_k / lowest_k) ** sigmoid(raw)``, and
    weights are a softmax. With fresh weights one mode begins near 500 K, and several begin from 250
    to 1,000 K, the first one of the law lowest, with equal weights.

    Args:
        config: sizes, law and tasks.
        generator: where fresh weights come from; torch's own generator if None.
    """

    config: LawHeadConfig

    def __init__(self, config: LawHeadConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(config, generator)
        self.config = config
        self._span = log(config.highest_k / config.lowest_k)
        shares = [log(start / config.lowest_k) / self._span for start in starts_of(self.law)]
        with torch.no_grad():
            self.out.weight.mul_(_FRESH)
            for place, share in enumerate(shares):
                self.out.bias[place] = log(share / (1 - share))

    @property
    def law(self) -> Law:
        """The law."""
        return LAWS[self.config.law]

    @property
    def tasks(self) -> dict[str, Task]:
        """What it learned from, by name."""
        return {each.task.name: each.task for each in self.config.tasks}

    @property
    def normalisers(self) -> dict[str, Normaliser]:
        """The normalisers of the labels, by task."""
        return {each.task.name: each.normaliser for each in self.config.tasks}

    def forward(self, batch: Mapping[str, Tensor], encoding: Encoding) -> dict[str, Tensor]:  # noqa: ARG002 - of every head
        """Return normalised values per atom, ``[B, 1]`` by task, in float32 at least.

        That is so also where autocast is on.
        """
        return self._numbers(self.raw(encoding.crystal))

    def exact(self, batch: Mapping[str, Tensor], encoding: Encoding) -> dict[str, Tensor]:  # noqa: ARG002 - of every head
        """Return the same with the law in float64; see :meth:`Head.exact`."""
        return self._numbers(self._exact_raw(encoding))

    def parameters_of(self, encoding: Encoding) -> Parameters:
        """Return the parameters of the law, ``[B, modes]`` each, in float64 on the CPU.

        Raises:
            stratus.errors.InputError: what the layers give is not finite.
        """
        return self._at(self._exact_raw(encoding))

    def _exact_raw(self, encoding: Encoding) -> Tensor:
        return require_finite(self.raw(encoding.crystal).float()).cpu().double()

    def _at(self, raw: Tensor) -> Parameters:
        """Turn what the layers gave into parameters of the law.

        Args:
            raw: ``[B, outputs]``.

        Returns:
            temperatures and weights, both ``[B, modes]``, in float32 at least.
        """
        modes = len(self.law.modes)
        exact = raw.to(torch.promote_types(raw.dtype, torch.float32))
        theta = self.config.lowest_k * torch.exp(self._span * torch.sigmoid(exact[:, :modes]))
        if modes == 1:
            return Parameters(theta, torch.ones_like(theta))
        return Parameters(theta, torch.softmax(exact[:, modes:], dim=1))

    def _numbers(self, raw: Tensor) -> dict[str, Tensor]:
        """Turn what the layers gave into normalised values per atom, each quantity at once."""
        found: dict[str, Tensor] = {}
        with torch.autocast(raw.device.type, enabled=False):
            parameters = self._at(raw)
            at_all = Parameters(*(part[:, None] for part in parameters))
            for quantity, chosen in _by_quantity(self.config.tasks).items():
                columns = zip(*(_scaling(each) for each in chosen), strict=True)
                temperatures, means, stds = (
                    torch.tensor(column, dtype=at_all.theta_k.dtype, device=raw.device)
                    for column in columns
                )
                values = evaluate(self.law, quantity, at_all, temperatures)
                normalised = ((values - means) / stds).unsqueeze(-1).unbind(1)
                found |= zip((each.task.name for each in chosen), normalised, strict=True)
        return {each.task.name: found[each.task.name] for each in self.config.tasks}


def make_law_head(
    tasks: Sequence[Task],
    normalisers: Mapping[str, Normaliser],
    hidden: int,
    generator: torch.Generator | None = None,
) -> LawHead:
    """Make the head of tasks of one law with fresh weights.

    Args:
        tasks: what it learns from, at least one.
        normalisers: of the labels, by task.
        hidden: length of the vectors of the encoder.
        generator: where fresh weights come from; torch's own generator if None.

    Raises:
        stratus.errors.InputError: there is no task, a task has no law, or they differ in law,
            hidden layers or dropout.
    """
    law = law_of(tasks)
    ways = [task.by for task in tasks if isinstance(task.by, ByLaw)]
    if law is None or len(ways) < len(tasks):
        raise InputError("a head of a law needs tasks of that law; say by: {law: ...} of each")
    for name in ("layers", "dropout"):
        values = {getattr(by, name) for by in ways}
        if len(values) > 1:
            raise InputError(
                f"the tasks of the law {law} share one head, but their {name} are "
                f"{', '.join(map(str, sorted(values)))}; give all of them the same"
            )
    config = LawHeadConfig(
        hidden=hidden,
        outputs=outputs_of(law_named(law)),
        layers=ways[0].layers,
        dropout=ways[0].dropout,
        law=law,
        tasks=tuple(LawTask(task=task, normaliser=normalisers[task.name]) for task in tasks),
    )
    return LawHead(config, generator)


def law_of(tasks: Sequence[Task]) -> str | None:
    """Return the law of some tasks; None where no task has one.

    Raises:
        stratus.errors.InputError: two have different laws, or a task is called as the head of the
            law is.
    """
    laws = dict.fromkeys(task.by.law for task in tasks if isinstance(task.by, ByLaw))
    if len(laws) > 1:
        raise InputError(f"a model has one law, not {' and '.join(laws)}; learn them apart")
    for law in laws:
        if any(task.name == law for task in tasks):
            raise InputError(f"a target cannot be called {law}, which is the law of others")
    return next(iter(laws), None)


def law_head(heads: Mapping[str, nn.Module]) -> LawHead | None:
    """Return the head of a law among some heads; None where there is none."""
    return next((head for head in heads.values() if isinstance(head, LawHead)), None)


def outputs_of(law: Law) -> int:
    """Return how many numbers the head of a law gives: temperatures, and weights of several."""
    modes = len(law.modes)
    return modes if modes == 1 else 2 * modes


def starts_of(law: Law) -> list[float]:
    """Return where fresh modes begin, in K: at 500, or evenly by ratio from 250 to 1,000."""
    last = len(law.modes) - 1
    return [START_K * exp(log(2) * (2 * place / last - 1)) if last else START_K
            for place in range(last + 1)]  # fmt: skip


def _by_quantity(tasks: Sequence[LawTask]) -> dict[Quantity, list[LawTask]]:
    found: dict[Quantity, list[LawTask]] = {}
    for each in tasks:
        if isinstance(each.task.by, ByLaw):
            found.setdefault(each.task.by.quantity, []).append(each)
    return found


def _scaling(each: LawTask) -> tuple[float, float, float]:
    """Return temperature, and mean and spread per atom in the units of the law."""
    law = each.task.by
    if not isinstance(law, ByLaw):
        raise InputError(f"{each.task.name} is predicted by no law")
    factor = law.factor(each.task.unit)
    return law.temperature_k, each.normaliser.mean * factor, each.normaliser.std * factor
