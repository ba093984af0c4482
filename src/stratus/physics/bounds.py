"""What holds for every crystal that vibrates harmonically, whatever its frequencies are.

Classical vibrations bound the quantum ones: C_v is at most 3R for each atom and U at least 3RT.
A crystal whose highest frequency is known lies on one side of the Einstein solid of that frequency:
a mode of a lower frequency has more heat capacity and entropy and less energy.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import torch

from stratus.physics import einstein
from stratus.physics.quantities import GAS_CONSTANT, SECOND_RADIATION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from stratus.physics.quantities import Quantity

    Floats = NDArray[np.float64]

STIFFEST_IS: Final[Mapping[Quantity, Literal["lowest", "highest"]]] = MappingProxyType(
    {"cv": "lowest", "s": "lowest", "u": "highest", "f": "highest"}
)
"""Which end of a quantity a crystal has if all of its modes have the highest frequency."""


def harmonic_bounds(quantity: Quantity, temperature_k: Floats) -> tuple[Floats, Floats]:
    """Return the lowest and the highest that a quantity can be, per mole of atoms.

    Args:
        quantity: which.
        temperature_k: ``[t]``, in K.

    Returns:
        both ``[t]``, in J/(mol K) or J/mol; infinite where nothing bounds it.
    """
    at = np.asarray(temperature_k, np.float64)
    classical = 3 * GAS_CONSTANT
    factors = {"cv": 0.0, "s": 0.0, "u": classical}
    lowest = factors[quantity] * at if quantity in factors else np.full_like(at, -np.inf)
    highest = np.full_like(at, classical if quantity == "cv" else np.inf)
    return lowest, highest


def stiffest(quantity: Quantity, wavenumber_per_cm: Floats, temperature_k: Floats) -> Floats:
    """Return a quantity of crystals all of whose modes have one frequency, per mole of atoms.

    Args:
        quantity: which.
        wavenumber_per_cm: positive, in 1/cm; broadcasts against the temperatures.
        temperature_k: not negative, in K.

    Returns:
        the broadcast shape, in J/(mol K) or J/mol.
    """
    theta = torch.from_numpy(SECOND_RADIATION * np.asarray(wavenumber_per_cm, np.float64))
    at = torch.from_numpy(np.asarray(temperature_k, np.float64))
    found: Floats = einstein.evaluate(quantity, theta, at).numpy()
    return found
