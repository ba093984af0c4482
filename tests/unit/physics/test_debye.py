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
