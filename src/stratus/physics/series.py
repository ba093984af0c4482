"""The four quantities at high temperature, for any law whose energy is even in theta / T.

With x = theta / T and the numbers of Bernoulli B_2k, the energy of one mode is

    u = k_B T (1 + sum_k u_k x^2k),    u_k = w_k B_2k / (2k)!

zero-point energy included, which is what makes it even. For an Einstein mode w_k = 1; for the
Debye law, the mean of Einstein modes over 3 v^2 dv with v from 0 to 1, w_k = 3 / (2k + 3). The
other quantities follow from c = du/dT, ds/dT = c/T and f = u - T s:

    c_k = (1 - 2k) u_k,    s = s_0 - ln x + sum_k s_k x^2k,    s_k = (2k - 1) / (2k) u_k

with s_0 = 1 and 4/3. The series converge for x < 2 pi (Abramowitz and Stegun 1972, 27.1.1).
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

import torch

from stratus.physics.polynomial import polynomial

if TYPE_CHECKING:
    from torch import Tensor

    from stratus.physics.quantities import Quantity

Mode = Literal["debye", "einstein"]

LARGEST_X: Final = 3.0
"""Up to here the series are used; above it, what a law is at low temperature."""


def high_temperature(mode: Mode, quantity: Quantity, x: Tensor) -> Tensor:
    """Return a quantity of one mode by its series.

    Args:
        mode: which law.
        quantity: which quantity.
        x: theta / T, positive and at most :data:`LARGEST_X`.

    Returns:
        the shape of ``x``: ``cv`` and ``s`` in units of k_B, ``u`` and ``f`` in units of k_B T.
    """
    value = polynomial(x * x, _coefficients(mode, quantity, _terms(x.dtype)))
    if quantity == "s":
        return value - torch.log(x)
    if quantity == "f":
        return value + torch.log(x)
    return value


def _terms(dtype: torch.dtype) -> int:
    """Return how many terms make the second derivative exact to rounding at LARGEST_X."""
    share = (LARGEST_X / (2 * math.pi)) ** 2
    terms = 2
    while terms**2 * share**terms > torch.finfo(dtype).eps / 8:
        terms += 1
    return terms


@cache
def _coefficients(mode: Mode, quantity: Quantity, terms: int) -> tuple[float, ...]:
    bernoulli = _bernoulli(2 * terms)
    energy = [
        bernoulli[2 * k]
        / math.factorial(2 * k)
        * (Fraction(3, 2 * k + 3) if mode == "debye" else 1)
        for k in range(terms)
    ]
    start = Fraction(4, 3) if mode == "debye" else Fraction(1)
    entropy = [start] + [Fraction(2 * k - 1, 2 * k) * energy[k] for k in range(1, terms)]
    exact = {
        "u": energy,
        "cv": [(1 - 2 * k) * each for k, each in enumerate(energy)],
        "s": entropy,
        "f": [u - s for u, s in zip(energy, entropy, strict=True)],
    }[quantity]
    return tuple(map(float, exact))


def _bernoulli(count: int) -> list[Fraction]:
    """Return B_0 to B_(count - 1), with B_1 = -1/2."""
    numbers: list[Fraction] = []
    for m in range(count):
        known = sum((math.comb(m + 1, k) * numbers[k] for k in range(m)), Fraction(0))
        numbers.append(Fraction(1) if m == 0 else -known / (m + 1))
    return numbers
