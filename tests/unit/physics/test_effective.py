"""A heat capacity read back as a Debye temperature."""

from __future__ import annotations

import pytest
import torch

from stratus.physics import debye
from stratus.physics.effective import debye_temperature


def test_the_theta_of_a_debye_solid_is_found_again():
    theta = torch.tensor([[20.0], [300.0], [1846.0], [9000.0]], dtype=torch.float64)
    kelvin = torch.tensor([20.0, 300.0], dtype=torch.float64)
    found = debye_temperature(debye.heat_capacity(theta, kelvin, 7), kelvin, 7)
    assert found.numpy() == pytest.approx(theta.expand(4, 2).numpy(), rel=1e-9)


@pytest.mark.parametrize(
    ("cp", "kelvin", "atoms", "theta"),
    [
        (12.855, 100.0, 5, 895), (51.120, 200.0, 5, 933), (79.015, 298.15, 5, 947),
        (37.02, 298.15, 2, 753), (19.99, 298.15, 1, 643), (37.41, 320.0, 2, 793),
    ],
    ids=["Al2O3-100", "Al2O3-200", "Al2O3", "MgO", "Si", "GaN"],
)  # fmt: skip
def test_measured_heat_capacities_amount_to_known_thetas(cp, kelvin, atoms, theta):
    """C_p taken for C_v; the thetas were worked out apart from this code."""
    assert float(debye_temperature(cp, kelvin, atoms)) == pytest.approx(theta, abs=1)


def test_where_no_theta_fits_there_is_nan():
    found = debye_temperature(torch.tensor([24.95, 0.0, -1.0, 12.0]), 300.0)
    assert torch.isnan(found).tolist() == [True, True, True, False]
    assert torch.isnan(debye_temperature(12.0, 0.0))
