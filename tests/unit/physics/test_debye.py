"""The Debye law has its limits, agrees with itself, and can be derived everywhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from stratus.errors import InputError
from stratus.physics import debye
from stratus.physics.quantities import GAS_CONSTANT, QUANTITIES

DOUBLE = torch.float64


def spread(low: float, high: float, count: int = 40) -> torch.Tensor:
    return torch.logspace(math.log10(low), math.log10(high), count, dtype=DOUBLE)


def test_heat_capacity_is_3r_an_atom_where_it_is_hot():
    theta = spread(1.0, 1000.0)
    found = debye.heat_capacity(theta, 1e4 * theta, 7.0)
    assert found.numpy() == pytest.approx(7 * 3 * GAS_CONSTANT, rel=1e-9)


def test_heat_capacity_and_entropy_go_with_the_cube_of_temperature_where_it_is_cold():
    theta = spread(50.0, 2000.0)
    cube = 12 / 5 * math.pi**4 * GAS_CONSTANT * 0.01**3
    assert debye.heat_capacity(theta, 0.01 * theta).numpy() == pytest.approx(cube, rel=1e-12)
    assert debye.entropy(theta, 0.01 * theta).numpy() == pytest.approx(cube / 3, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_kelvin_is_a_number_with_finite_gradients(dtype):
    theta = torch.tensor([20.0, 500.0, 4000.0], dtype=dtype, requires_grad=True)
    cold = torch.zeros(3, dtype=dtype, requires_grad=True)
    zero_point = (9 / 8 * GAS_CONSTANT * theta).detach()
    for name in QUANTITIES:
        value = debye.evaluate(name, theta, cold)
        expected = zero_point if name in {"u", "f"} else torch.zeros_like(zero_point)
        assert torch.allclose(value, expected, rtol=1e-6, atol=0)
        by_theta, by_t = torch.autograd.grad(value.sum(), (theta, cold), create_graph=True)
        slope = 9 / 8 * GAS_CONSTANT if name in {"u", "f"} else 0.0
        assert by_theta.tolist() == pytest.approx([slope] * 3, rel=1e-6)
        assert by_t.tolist() == [0.0] * 3
        second = torch.autograd.grad(by_theta.sum() + by_t.sum(), (theta, cold))
        assert all(bool(torch.isfinite(each).all()) for each in second)


def test_gauss_legendre_needs_a_node():
    with pytest.raises(InputError, match="1 node at least, not 0"):
        debye.heat_capacity(300.0, 300.0, order=0)


def test_shapes_broadcast_and_atoms_multiply():
    theta, temperature = spread(100, 1000, 4)[:, None], spread(10, 1000, 6)
    atoms = torch.tensor([1, 2, 5, 40])[:, None]
    found = debye.entropy(theta, temperature, atoms)
    assert found.shape == (4, 6)
    assert found.dtype == DOUBLE
    assert np.allclose(found / atoms, debye.entropy(theta, temperature), rtol=1e-15)


@pytest.mark.parametrize("order", [None, 20])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_gradients_of_both_orders_agree_with_differences(quantity, order):
    theta = torch.tensor([60.0, 250.0, 599.0, 601.0, 2000.0], dtype=DOUBLE, requires_grad=True)
    kelvin = torch.tensor([200.0], dtype=DOUBLE, requires_grad=True)
    atoms = torch.tensor([2.0], dtype=DOUBLE, requires_grad=True)

    def law(*values):
        return debye.evaluate(quantity, *values, order=order)

    assert torch.autograd.gradcheck(law, (theta, kelvin, atoms), eps=1e-3, atol=1e-6, rtol=1e-6)
    assert torch.autograd.gradgradcheck(law, (theta, kelvin, atoms), eps=1e-3, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("order", [None, 20])
def test_the_four_quantities_are_those_of_one_free_energy(order):
    theta = spread(10.0, 3000.0)
    kelvin = torch.full_like(theta, 300.0, requires_grad=True)
    cv, u, s, f = (debye.evaluate(name, theta, kelvin, 3.0, order=order) for name in QUANTITIES)

    def by_t(value):
        (slope,) = torch.autograd.grad(value.sum(), kelvin, retain_graph=True)
        return slope

    assert torch.allclose(f, u - 300 * s, rtol=1e-12, atol=1e-9)
    assert torch.allclose(by_t(u), cv, rtol=1e-11)
    assert torch.allclose(by_t(s), cv / 300, rtol=1e-11)
    assert torch.allclose(by_t(f), -s, rtol=1e-11)


def test_entropy_is_the_integral_of_heat_capacity_over_temperature():
    kelvin = torch.linspace(0.0, 800.0, 8001, dtype=DOUBLE)
    integrand = debye.heat_capacity(450.0, kelvin)[1:] / kelvin[1:]
    integral = torch.trapezoid(torch.cat([torch.zeros(1), integrand]), kelvin)
    assert float(integral) == pytest.approx(float(debye.entropy(450.0, 800.0)), rel=1e-7)


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("cold", [True, False])
def test_float32_gives_no_nan_from_a_thousandth_to_infinity(quantity, cold):
    x = torch.logspace(-6, 30, 3000)
    theta = (torch.full_like(x, 300.0) if cold else 300 * x).requires_grad_()
    kelvin = (300 / x if cold else torch.full_like(x, 300.0)).requires_grad_()
    value = debye.evaluate(quantity, theta, kelvin)
    first = torch.autograd.grad(value.sum(), (theta, kelvin), create_graph=True)
    second = torch.autograd.grad(first[0].sum() + first[1].sum(), (theta, kelvin))
    for each in (value, *first, *second):
        assert not bool(torch.isnan(each).any())


def test_half_precision_is_worked_out_in_float32():
    theta = torch.tensor([100.0, 400.0], dtype=torch.bfloat16)
    found = debye.heat_capacity(theta, 300.0)
    assert found.dtype == torch.float32
    assert torch.equal(found, debye.heat_capacity(theta.float(), 300.0))


def test_what_is_no_temperature_gives_nan_and_spoils_nothing_beside_it():
    theta = torch.tensor([300.0, 0.0, -5.0, 300.0, math.nan], dtype=DOUBLE, requires_grad=True)
    kelvin = torch.tensor([300.0, 300.0, 300.0, -1.0, 300.0], dtype=DOUBLE)
    found = debye.heat_capacity(theta, kelvin)
    assert torch.isnan(found).tolist() == [False, True, True, True, True]
    (slope,) = torch.autograd.grad(found[:1].sum(), theta)
    assert slope[1:].tolist() == [0.0] * 4


def test_the_law_can_be_mapped_over_crystals():
    theta = spread(50, 2000, 5)

    def slope(each):
        return torch.func.grad(lambda t: debye.heat_capacity(t, 300.0))(each)

    (expected,) = torch.autograd.grad(
        debye.heat_capacity(leaf := theta.clone().requires_grad_(), 300.0).sum(), leaf
    )
    assert torch.allclose(torch.func.vmap(slope)(theta), expected, rtol=1e-12)


def test_the_rule_of_the_paper_is_right_where_theta_is_not_large():
    theta = spread(1.0, 3000.0)
    for quantity in ("cv", "u"):
        exact = debye.evaluate(quantity, theta, 300.0)
        assert torch.allclose(debye.evaluate(quantity, theta, 300.0, order=20), exact, rtol=1e-13)
