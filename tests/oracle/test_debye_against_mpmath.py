"""The laws and their first two derivatives against integrals in 22 digits.

The oracle knows neither series nor expansion: the Debye law is integrated as the mean of Einstein
oscillators over 3 v^2 dv, derivatives under the integral.
"""

from __future__ import annotations

from functools import cache

import mpmath
import numpy as np
import pytest
import torch

from stratus.physics import debye, einstein
from stratus.physics.quantities import GAS_CONSTANT, QUANTITIES

LAWS = {"debye": debye, "einstein": einstein}
TEMPERATURE = 250.0
X = (1e-3, 0.3, 1.0, 2.999, 3.001, 9.0, 60.0, 150.0, 600.0, 1e4)
"""Theta / T. The sign of F changes between 1 and 2.999."""


def oscillator(quantity: str, order: int, x: mpmath.mpf) -> mpmath.mpf:
    """A derivative in x of u/T, c, s or f/T of one Einstein oscillator, in units of k_B."""
    n = 1 / mpmath.expm1(x)  # phonons, and how they change with x
    first, second = -n * (1 + n), n * (1 + n) * (1 + 2 * n)
    third = first * (1 + 6 * n * (1 + n))
    u = (x / 2 + x * n, 0.5 + n + x * first, 2 * first + x * second)
    c = (
        -x * x * first,
        -2 * x * first - x * x * second,
        -2 * first - 4 * x * second - x * x * third,
    )
    s = (x * n + mpmath.log1p(n), -c[0] / x, c[0] / x**2 - c[1] / x)
    f = (x / 2 - mpmath.log1p(n), u[0] / x, first)
    return {"u": u, "cv": c, "s": s, "f": f}[quantity][order]


@cache
def exact(law: str, quantity: str, order: int, x: float) -> float:
    with mpmath.workdps(22):
        if law == "einstein":
            return float(oscillator(quantity, order, mpmath.mpf(x)))
        ends = [0.0, *(end for end in (1.0, 6.0, 25.0, 100.0) if end < x), x]
        total = mpmath.quad(lambda t: 3 * t ** (2 + order) * oscillator(quantity, order, t), ends)
        return float(total / mpmath.mpf(x) ** (3 + order))


def found(law: str, quantity: str, order: int, dtype: torch.dtype) -> np.ndarray:
    theta = torch.tensor(X, dtype=dtype) * TEMPERATURE
    theta.requires_grad_()
    value = LAWS[law].evaluate(quantity, theta, TEMPERATURE)
    for _ in range(order):
        (value,) = torch.autograd.grad(value.sum(), theta, create_graph=True)
    assert value.dtype == dtype
    scale = TEMPERATURE if quantity in {"u", "f"} else 1.0
    return value.detach().double().numpy() * TEMPERATURE**order / (3 * GAS_CONSTANT * scale)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_values_and_two_derivatives_are_exact_to_rounding(law, quantity, order):
    expected = np.array([exact(law, quantity, order, x) for x in X])
    assert found(law, quantity, order, torch.float64) == pytest.approx(expected, rel=1e-12)
    # In float32 theta is rounded, and an oscillator above x = 87 is below the least number there.
    single = found(law, quantity, order, torch.float32)
    assert single == pytest.approx(expected, rel=1e-5 if order < 2 else 3e-5, abs=1e-30)


@pytest.mark.parametrize(
    ("quantity", "percent"),
    [("cv", (0.00, 0.02, -0.41, 2.74, -25.67)), ("s", (0.00, -0.07, 0.00, -7.24, 17.19))],
)
def test_the_rule_of_the_paper_is_as_wrong_as_the_documentation_says(quantity, percent):
    """The table is in docs/explanation/thermodynamics.md."""
    for x, expected in zip((10.0, 100.0, 150.0, 300.0, 600.0), percent, strict=True):
        by_rule = debye.evaluate(quantity, x * TEMPERATURE, TEMPERATURE, order=20)
        error = float(by_rule) / (3 * GAS_CONSTANT * exact("debye", quantity, 0, x)) - 1
        assert 100 * error == pytest.approx(expected, abs=0.006)
        ours = debye.evaluate(quantity, x * TEMPERATURE, TEMPERATURE)
        assert float(ours) == pytest.approx(float(by_rule) / (1 + error), rel=1e-12)
