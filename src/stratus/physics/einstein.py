"""The Einstein model: all modes have one frequency, given as a temperature.

With x = theta / T, per mole of cells of n atoms, 3 n modes (Einstein, Ann. Phys. 327, 180, 1907):

    U = 3 n R theta (1/2 + 1/(e^x - 1))
    C_v = 3 n R x^2 e^x / (e^x - 1)^2
    S = 3 n R (x / (e^x - 1) - ln(1 - e^-x))
    F = 3 n R (theta / 2 + T ln(1 - e^-x))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratus.physics.arguments import as_tensors, evaluate_mode
from stratus.physics.quantities import GAS_CONSTANT

if TYPE_CHECKING:
    from torch import Tensor

    from stratus.physics.arguments import Cold
    from stratus.physics.quantities import Quantity


def heat_capacity(
    theta_k: Tensor | float, temperature_k: Tensor | float, atoms: Tensor | float = 1.0
) -> Tensor:
    """Return C_v in J/(mol K) per mole of cells.

    Args:
        theta_k: Einstein temperature, positive, in K.
        temperature_k: not negative, in K; broadcasts against ``theta_k``.
        atoms: of a cell; broadcasts likewise.

    Returns:
        the broadcast shape, in the widest float type of the arguments, float32 at least (float64
        where all are plain numbers). NaN where theta is not positive or the temperature negative.
    """
    return evaluate("cv", theta_k, temperature_k, atoms)


def internal_energy(
    theta_k: Tensor | float, temperature_k: Tensor | float, atoms: Tensor | float = 1.0
) -> Tensor:
    """Return U in J/mol, zero-point energy included; the arguments of :func:`heat_capacity`."""
    return evaluate("u", theta_k, temperature_k, atoms)


def entropy(
    theta_k: Tensor | float, temperature_k: Tensor | float, atoms: Tensor | float = 1.0
) -> Tensor:
    """Return S in J/(mol K); the arguments of :func:`heat_capacity`."""
    return evaluate("s", theta_k, temperature_k, atoms)


def free_energy(
    theta_k: Tensor | float, temperature_k: Tensor | float, atoms: Tensor | float = 1.0
) -> Tensor:
    """Return F = U - T S in J/mol; the arguments of :func:`heat_capacity`."""
    return evaluate("f", theta_k, temperature_k, atoms)


def evaluate(
    quantity: Quantity,
    theta_k: Tensor | float,
    temperature_k: Tensor | float,
    atoms: Tensor | float = 1.0,
) -> Tensor:
    """Return a quantity by its name; the arguments of :func:`heat_capacity`."""
    theta, temperature, count = as_tensors(theta_k, temperature_k, atoms)
    return 3 * GAS_CONSTANT * count * one_mode(quantity, theta, temperature)


def one_mode(quantity: Quantity, theta_k: Tensor, temperature_k: Tensor) -> Tensor:
    """Return a quantity of one mode, in units of k_B (``u`` and ``f``: in K)."""
    return evaluate_mode("einstein", quantity, theta_k, temperature_k, _cold)


def _cold(quantity: Quantity, at: Cold) -> Tensor:
    number = at.q / (1 - at.q)  # of phonons in the mode
    if quantity == "cv":
        return at.x * at.x * number * (1 + number)
    if quantity == "u":
        return at.theta * (0.5 + number)
    if quantity == "s":
        return at.x * number + at.log
    return 0.5 * at.theta - at.temperature * at.log
