"""What stands between an encoder and a label: a head, a law, or the gradient of an energy."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from stratus.names import pick
from stratus.physics.amounts import unit_in_si
from stratus.physics.quantities import GAS_CONSTANT, Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

_FLOOR_PER_3R: Final[Mapping[Quantity, float]] = MappingProxyType(
    {"cv": 0.02, "s": 0.02, "u": 10.0, "f": 10.0}
)
_OF_A_VOLUME: Final = ("Å", "A", "Angstrom", "angstrom", "Ang")


class Declared(Protocol):
    """The fields of a task that decide by what it can be predicted."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def unit(self) -> str:
        """Unit of the labels."""

    @property
    def kind(self) -> str:
        """Kind of the labels."""

    @property
    def of(self) -> str:
        """What has a label: a crystal or an atom."""

    @property
    def per(self) -> str:
        """What an extensive label is divided by."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a label."""

    @property
    def loss(self) -> str:
        """What training makes small."""

    @property
    def minimum(self) -> float | None:
        """What nothing is below."""


class ByHead(BaseModel):
    """A head of its own gives the numbers: dropout, hidden layers, and a linear one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    how: Literal["head"] = "head"
    layers: int = Field(1, ge=0, description="Hidden layers of the head; 0 makes it linear.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Share dropped before the head.")

    def check(self, task: Declared) -> None:
        """Refuse a task that no head can give; there is none."""


class ByLaw(BaseModel):
    """A law gives the label, as a quantity at a temperature, from parameters that a head gives.

    The tasks of one law share that head, so one label at one temperature says something of all
    quantities at all temperatures.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    how: Literal["law"] = "law"
    law: str = Field(description="Name in the table of laws, such as debye or mixture.")
    quantity: Quantity = Field(description="cv, u, s or f.")
    temperature_k: float = Field(ge=0, allow_inf_nan=False, description="Of the label, in K.")
    layers: int = Field(1, ge=0, description="Hidden layers of the head that all tasks share.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Share dropped before that head.")

    @field_validator("law")
    @classmethod
    def _is_a_law(cls, name: str) -> str:
        from stratus.physics.laws import law_named  # it needs torch, and reading a target does not

        return law_named(name).name

    @property
    def column(self) -> str:
        """What the column of such labels is called: ``cv@300K``."""
        return f"{self.quantity}@{self.temperature_k:g}K"

    def factor(self, unit: str) -> float:
        """Return how many J/mol, or J/(mol K), one of a unit is.

        Args:
            unit: as :func:`stratus.physics.amounts.unit_in_si` takes it: ``J/mol/K``, ``kJ/mol``,
                ``eV``, ...

        Raises:
            stratus.errors.InputError: it is no unit of the quantity.
        """
        return unit_in_si(self.quantity, unit)

    def floor(self, unit: str) -> float:
        """Return the smallest spread of labels per atom that a loss is divided by, in a unit.

        Where hardly anything differs (heat capacities near 3R) noise would count as much as what
        is to be learned, so it is 0.02 of 3R, and for energies 10 K of 3R.
        """
        return 3 * GAS_CONSTANT * _FLOOR_PER_3R[self.quantity] / self.factor(unit)

    def check(self, task: Declared) -> None:
        """Refuse a task that no law can give.

        Raises:
            ValueError: its kind, ``per``, loss, minimum, unit or shape does not fit.
        """
        who = f"{task.name} is predicted by the law {self.law}"
        if task.kind != "regression":
            raise ValueError(f"{who}, so it is a regression, not {task.kind}")
        if task.per == "crystal":
            raise ValueError(f"{who}; say whether it is per atom, per formula or per cell")
        if task.of != "crystal" or task.shape:
            raise ValueError(f"{who}, which gives one number of a crystal")
        if task.loss == "gaussian":
            raise ValueError(f"{who}, which has no spread of its own; its loss is l1, mse or huber")
        if task.minimum is not None:
            raise ValueError(f"{who}, which knows its own bounds; give no minimum")
        if self.quantity in {"cv", "s"} and not self.temperature_k:
            raise ValueError(f"{task.name} is 0 for every crystal, so there is nothing to learn")
        self.factor(task.unit)


class ByGradient(BaseModel):
    """The gradient of an energy that the same run learns: forces, or the stress.

    Forces are the negative gradient by positions, stress is that by the symmetric strain over the
    volume, so that tension is positive.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    how: Literal["gradient"] = "gradient"
    of: str = Field(min_length=1, description="Name of the task of the energy.")
    to: Literal["positions", "strain"] = Field(description="By what the energy is differentiated.")

    def check(self, task: Declared) -> None:
        """Refuse a task that is no gradient.

        Raises:
            ValueError: its kind, shape, ``of``, ``per``, loss or minimum does not fit.
        """
        who = f"{task.name} is the gradient of {self.of} by {self.to}"
        of, shape = ("atom", (3,)) if self.to == "positions" else ("crystal", (3, 3))
        if task.kind != "regression":
            raise ValueError(f"{who}, so it is a regression, not {task.kind}")
        if task.minimum is not None:
            raise ValueError(f"{who}, so it has no minimum")
        if (task.of, task.shape) != (of, shape):
            raise ValueError(f"{who}, so it is of each {of} and its shape is {list(shape)}")
        if task.per in {"cell", "formula"}:
            raise ValueError(f"{who}, so it is divided by nothing; leave per out")
        if task.loss == "gaussian":
            raise ValueError(f"{who}, which has no spread of its own; its loss is l1, mse or huber")

    def check_energy(self, task: Declared, energy: Declared | None) -> None:
        """Refuse an energy that a task cannot be the gradient of.

        Args:
            task: the gradient.
            energy: the task of the same run that has the name; None where there is none.

        Raises:
            ValueError: there is none, it is no extensive regression with one number a crystal,
                or the unit of the gradient is not its unit per Å, or per Å^3.
        """
        who = f"{task.name} is the gradient of {self.of} by {self.to}"
        if energy is None:
            raise ValueError(f"{who}, and no task of this run is called {self.of}; add it")
        if energy.kind != "regression" or energy.shape or energy.of != "crystal":
            raise ValueError(f"{who}, so {self.of} is a regression of one number a crystal")
        if energy.per not in {"cell", "formula"}:
            raise ValueError(
                f"{who}, so {self.of} grows with the cell: say per: cell, or per: formula"
            )
        power = "" if self.to == "positions" else "^3"
        plain = energy.unit
        for ending in ("/cell", "/formula"):
            plain = plain.removesuffix(ending)
        fitting = {f"{plain}/{length}{end}" for length in _OF_A_VOLUME for end in
                   ((power, "³", "3", "**3") if power else ("",))}  # fmt: skip
        if not energy.unit or task.unit.replace(" ", "") not in fitting:
            raise ValueError(
                f"{who}, whose unit is {energy.unit or 'not said'}, so its own unit is "
                f"{plain or 'that energy'}/Å{power}, not {task.unit or 'none'}"
            )


WAYS: Final[Mapping[str, type[BaseModel]]] = MappingProxyType(
    {"head": ByHead, "law": ByLaw, "gradient": ByGradient}
)
"""The ways to predict a target, by name."""


def _with_how(value: Any) -> Any:
    """Add what a mapping is by, where its keys say it."""
    if not isinstance(value, dict):
        return value
    how = value.get("how")
    if how is None:
        how = "law" if "law" in value else "gradient" if {"of", "to"} & value.keys() else "head"
    pick(WAYS, str(how), "way to predict a target")
    return {**value, "how": how}


By = Annotated[
    Annotated[ByHead | ByLaw | ByGradient, Field(discriminator="how")], BeforeValidator(_with_how)
]
"""By what a task is predicted; ``how`` says which, and may be left out of a mapping."""
