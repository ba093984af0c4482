"""A law between the network and the label: what is learned does not depend on temperature."""

from __future__ import annotations

import math
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from stratus.errors import InputError
from stratus.physics.amounts import unit_in_si
from stratus.physics.quantities import GAS_CONSTANT, QUANTITIES, Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

_TARGET: Final = re.compile(r"(\w+)@(\d+(?:\.\d*)?)K")

_FLOOR_PER_3R: Final[Mapping[Quantity, float]] = MappingProxyType(
    {"cv": 0.02, "s": 0.02, "u": 10.0, "f": 10.0}
)


class Physics(BaseModel):
    """Which quantity a label is, at which temperature, and by which law it is predicted.

    The tasks of one law share one head, which predicts the parameters of the law; so one label at
    one temperature says something of all quantities at all temperatures.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    law: str = Field(description="Name in the table of laws, such as debye or mixture.")
    quantity: Quantity = Field(description="cv, u, s or f.")
    temperature_k: float = Field(ge=0, allow_inf_nan=False, description="Of the label, in K.")

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


def read_physics(column: str, law: str) -> Physics | None:
    """Read what a column such as ``cv@300K`` holds; None where it is called otherwise.

    Args:
        column: the name of a target.
        law: by which it is to be predicted.

    Raises:
        stratus.errors.InputError: there is no such law, or the name is of a quantity that there
            is not.
    """
    found = _TARGET.fullmatch(column.strip())
    if found is None:
        return None
    from stratus.physics.laws import law_named  # as above

    law = law_named(law).name
    quantity, temperature = found[1], float(found[2])
    for name in QUANTITIES:
        if name == quantity and math.isfinite(temperature):
            return Physics(law=law, quantity=name, temperature_k=temperature)
    raise InputError(
        f"{column} is no quantity at a temperature; write {', '.join(QUANTITIES)} and then such as "
        "@300K"
    )
