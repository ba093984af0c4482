"""The Debye model: modes as of sound, up to a highest frequency that is given as a temperature.

With x = theta / T and D(x) = 3 / x^3 times the integral of t^3 / (e^t - 1) from 0 to x, per mole of
cells of n atoms, 3 n modes (Debye, Ann. Phys. 344, 789, 1912):

    U = 9/8 n R theta + 3 n R T D
    C_v = 3 n R (4 D - 3 x / (e^x - 1))
    S = 3 n R (4/3 D - ln(1 - e^-x))
    F = 9/8 n R theta + n R T (3 ln(1 - e^-x) - D)

D is not integrated: for x up to 3 by the series of :mod:`stratus.physics.series`, above by its
expansion in e^-x (Abramowitz and Stegun 1972, 27.1.2), both to rounding.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from stratus.errors import InputError
from stratus.physics import einstein
from stratus.physics.arguments import as_tensors, evaluate_mode
from stratus.physics.polynomial import polynomial
from stratus.physics.quantities import GAS_CONSTANT
from stratus.physics.series import LARGEST_X

if TYPE_CHECKING:
    from torch import Tensor

    from stratus.physics.arguments import Cold
    from stratus.physics.quantities import Quantity

_CUBE: Final = math.pi**4 / 5
"""D(x) = pi^4 / (5 x^3) where e^-x is nothing."""


def heat_capacity(
    theta_k: Tensor | float,
    temperature_k: Tensor | float,
    atoms: Tensor | float = 1.0,
    *,
    order: int | None = None,
) -> Tensor:
    """Return C_v in J/(mol K) per mole of cells.

    The relative error is below 1e-12 in float64 and 1e-5 in float32 for theta / T from 1e-3 to
    1e4. Gradients of any order are exact, and finite at T = 0.

    Args:
        theta_k: Debye temperature, positive, in K.
        temperature_k: not negative, in K; broadcasts against ``theta_k``.
        atoms: of a cell; broadcasts likewise.
        order: nodes of a Gauss-Legendre rule from 0 to theta / T to use instead, as CLOUD-DEBYE
            does with 20; it is wrong by 0.02 % at theta / T = 100 and 26 % at 600.

    Returns:
        the broadcast shape, in the widest float type of the arguments, float32 at least (float64
        where all are plain numbers). NaN where theta is not positive or the temperature negative.

    Raises:
        stratus.errors.InputError: the order is less than 1.
    """
    return evaluate("cv", theta_k, temperature_k, atoms, order=order)


def internal_energy(
    theta_k: Tensor | float,
    temperature_k: Tensor | float,
    atoms: Tensor | float = 1.0,
    *,
    order: int | None = None,
) -> Tensor:
    """Return U in J/mol, zero-point energy included; the arguments of :func:`heat_capacity`."""
    return evaluate("u", theta_k, temperature_k, atoms, order=order)


def entropy(
    theta_k: Tensor | float,
    temperature_k: Tensor | float,
    atoms: Tensor | float = 1.0,
    *,
    order: int | None = None,
) -> Tensor:
    """Return S in J/(mol K); the arguments of :func:`heat_capacity`."""
    return evaluate("s", theta_k, temperature_k, atoms, order=order)


def free_energy(
    theta_k: Tensor | float,
    temperature_k: Tensor | float,
    atoms: Tensor | float = 1.0,
    *,
    order: int | None = None,
) -> Tensor:
    """Return F = U - T S in J/mol; the arguments of :func:`heat_capacity`.

    F passes through zero near theta / T = 1.3; errors are relative to U + T S there.
    """
    return evaluate("f", theta_k, temperature_k, atoms, order=order)


def evaluate(
    quantity: Quantity,
    theta_k: Tensor | float,
    temperature_k: Tensor | float,
    atoms: Tensor | float = 1.0,
    *,
    order: int | None = None,
) -> Tensor:
    """Return a quantity by its name; the arguments of :func:`heat_capacity`."""
    theta, temperature, count = as_tensors(theta_k, temperature_k, atoms)
    if order is None:
        return 3 * GAS_CONSTANT * count * one_mode(quantity, theta, temperature)
    return 3 * GAS_CONSTANT * count * _by_rule(quantity, theta, temperature, order)


def one_mode(quantity: Quantity, theta_k: Tensor, temperature_k: Tensor) -> Tensor:
    """Return a quantity of one mode in the mean, in units of k_B (``u`` and ``f``: in K)."""
    return evaluate_mode("debye", quantity, theta_k, temperature_k, _cold)


def _cold(quantity: Quantity, at: Cold) -> Tensor:
    t = at.temperature / at.theta
    two, three, four = (_polylogarithm(s, at.q) for s in (2, 3, 4))
    integral = t * t * t * _CUBE - 3 * at.log - t * (9 * two + t * (18 * three + t * 18 * four))
    if quantity == "cv":
        return 4 * integral - 3 * at.x * at.q / (1 - at.q)
    if quantity == "u":
        return 0.375 * at.theta + at.temperature * integral
    if quantity == "s":
        return integral * (4 / 3) + at.log
    return 0.375 * at.theta - at.temperature * (at.log + integral / 3)


def _polylogarithm(s: int, q: Tensor) -> Tensor:
    """Return the sum of q^k / k^s for q up to exp(-LARGEST_X)."""
    return q * polynomial(q, _powers(s, q.dtype))


@cache
def _powers(s: int, dtype: torch.dtype) -> tuple[float, ...]:
    terms = math.ceil(-math.log(torch.finfo(dtype).eps / 8) / LARGEST_X)
    return tuple(k**-s for k in range(1, terms + 1))


def _by_rule(quantity: Quantity, theta: Tensor, temperature: Tensor, order: int) -> Tensor:
    """Return the mean of Einstein modes over 3 v^2 dv, v from 0 to 1, by a Gauss-Legendre rule.

    For U and C_v these are the integrals of the law with the rule mapped to 0 to theta / T.
    """
    if order < 1:
        raise InputError(f"a Gauss-Legendre rule has 1 node at least, not {order}")
    nodes, weights = np.polynomial.legendre.leggauss(order)
    share = torch.as_tensor((nodes + 1) / 2).to(theta)
    weight = torch.as_tensor(weights / 2).to(theta) * 3 * share * share
    values = einstein.one_mode(quantity, theta[..., None] * share, temperature[..., None])
    return (values * weight).sum(-1)
