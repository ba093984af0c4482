"""Einstein oscillators against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stratus.physics import einstein
from stratus.physics.quantities import GAS_CONSTANT, QUANTITIES

X = np.array([0.01, 0.5, 2.9, 3.1, 8.0, 40.0])


def closed_form(quantity: str, theta: np.ndarray, kelvin: float) -> np.ndarray:
    x = theta / kelvin
    number, log = 1 / np.expm1(x), np.log(-np.expm1(-x))
    return 3 * GAS_CONSTANT * {
        "cv": (x / 2 / np.sinh(x / 2)) ** 2,
        "u": theta * (0.5 + number),
        "s": x * number - log,
        "f": theta / 2 + kelvin * log,
    }[quantity]  # fmt: skip


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_values_are_those_of_the_closed_form(quantity):
    found = einstein.evaluate(quantity, torch.as_tensor(X) * 150, 150.0, 4)
    assert found.numpy() == pytest.approx(4 * closed_form(quantity, X * 150, 150.0), rel=1e-12)


def test_each_quantity_has_its_function():
    functions = {
        "cv": einstein.heat_capacity,
        "u": einstein.internal_energy,
        "s": einstein.entropy,
        "f": einstein.free_energy,
    }
    for quantity, function in functions.items():
        assert float(function(200.0, 300.0, 2.0)) == pytest.approx(
            2 * closed_form(quantity, np.array(200.0), 300.0), rel=1e-12
        )


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_zero_kelvin_is_a_number_with_finite_gradients(quantity):
    theta = torch.tensor([300.0], requires_grad=True)
    cold = torch.zeros(1, requires_grad=True)
    value = einstein.evaluate(quantity, theta, cold)
    expected = 1.5 * GAS_CONSTANT * 300 if quantity in {"u", "f"} else 0.0
    assert value.item() == pytest.approx(expected, rel=1e-6)
    for slope in torch.autograd.grad(value.sum(), (theta, cold)):
        assert bool(torch.isfinite(slope).all())


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_gradients_of_both_orders_agree_with_differences(quantity):
    theta = torch.tensor([60.0, 599.0, 601.0, 2000.0], dtype=torch.float64, requires_grad=True)
    kelvin = torch.tensor([200.0], dtype=torch.float64, requires_grad=True)

    def law(*values):
        return einstein.evaluate(quantity, *values)

    assert torch.autograd.gradcheck(law, (theta, kelvin), eps=1e-3, atol=1e-6, rtol=1e-6)
    assert torch.autograd.gradgradcheck(law, (theta, kelvin), eps=1e-3, atol=1e-6, rtol=1e-5)
