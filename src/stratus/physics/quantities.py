"""What the laws give: four quantities with their units, and the constants they rest on."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

GAS_CONSTANT: Final = 8.31446261815324
"""R, in J/(mol K), exact since 2019 (CODATA 2018)."""

SECOND_RADIATION: Final = 1.438776877
"""h c / k_B, in cm K: what a wavenumber in 1/cm is as a temperature (CODATA 2018)."""

Quantity = Literal["cv", "u", "s", "f"]


class QuantityInfo(NamedTuple):
    """What a quantity is.

    Attributes:
        unit: of what the functions of this room give.
        words: its name.
    """

    unit: str
    words: str


QUANTITIES: Final[Mapping[Quantity, QuantityInfo]] = MappingProxyType(
    {
        "cv": QuantityInfo("J/(mol K)", "heat capacity at constant volume"),
        "u": QuantityInfo("J/mol", "internal energy of the vibrations, zero-point energy included"),
        "s": QuantityInfo("J/(mol K)", "entropy of the vibrations"),
        "f": QuantityInfo("J/mol", "free energy of the vibrations, zero-point energy included"),
    }
)
