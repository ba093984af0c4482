"""Sums over a density of states against closed forms, and over real ones against a known column."""

from __future__ import annotations

import math

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from stratus.errors import InputError
from stratus.physics import debye, einstein
from stratus.physics.quantities import GAS_CONSTANT, QUANTITIES, SECOND_RADIATION
from stratus.physics.spectrum import evaluate

DOUBLE = torch.float64
KELVIN = torch.tensor([0.0, 2.0, 20.0, 100.0, 300.0, 1000.0], dtype=DOUBLE)
COARSE = torch.arange(0.0, 1001.0, 20.0, dtype=DOUBLE)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_a_parabola_is_the_debye_model(quantity):
    grid = torch.linspace(0.0, 400.0, 4001, dtype=DOUBLE)
    found = evaluate(quantity, grid, 7 * grid**2, KELVIN, 3.0)
    expected = debye.evaluate(quantity, 400 * SECOND_RADIATION, KELVIN, 3.0)
    # Straight lines between the points hold a little more than the parabola.
    assert torch.allclose(found, expected, rtol=3e-5, atol=1e-7)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_a_narrow_peak_is_the_einstein_model(quantity):
    grid = torch.tensor([0.0, 100.0, 249.999, 250.0, 250.001, 800.0], dtype=DOUBLE)
    density = torch.tensor([0.0, 0.0, 0.0, 1.0, 0.0, 0.0], dtype=DOUBLE)
    found = evaluate(quantity, grid, density, KELVIN)
    expected = einstein.evaluate(quantity, 250 * SECOND_RADIATION, KELVIN)
    assert torch.allclose(found, expected, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_rule_is_exact_for_straight_lines(quantity):
    """A coarse grid and the same lines on a grid 40 times as fine give the same."""
    density = 1.5 + torch.sin(COARSE / 60)
    density[:2] = 0.0  # nothing below 20 1/cm, where there are no straight lines
    fine = torch.linspace(0.0, 1000.0, 2001, dtype=DOUBLE)
    lines = torch.as_tensor(np.interp(fine.numpy(), COARSE.numpy(), density.numpy()))
    found = evaluate(quantity, COARSE, density, KELVIN)
    assert torch.allclose(found, evaluate(quantity, fine, lines, KELVIN), rtol=1e-6, atol=1e-30)


def test_the_four_quantities_are_those_of_one_free_energy():
    density = torch.rand(3, 51, generator=torch.Generator().manual_seed(3), dtype=DOUBLE)
    cv, u, s, f = (evaluate(name, COARSE, density, KELVIN) for name in QUANTITIES)
    assert torch.allclose(f, u - KELVIN * s, rtol=1e-12)
    step = 1e-3
    for value, slope in (("u", cv), ("f", -s)):
        up, down = (evaluate(value, COARSE, density, KELVIN[2:] + d) for d in (step, -step))
        assert torch.allclose((up - down) / (2 * step), slope[:, 2:], rtol=1e-6)


def test_zero_kelvin_holds_the_zero_point_energy_alone():
    density = torch.ones(51, dtype=DOUBLE)
    modes = 20 / 3 + 980
    mean = (20 * 20 / 4 + (1000**2 - 20**2) / 2) / modes
    expected = 1.5 * GAS_CONSTANT * SECOND_RADIATION * mean
    assert float(evaluate("u", COARSE, density, 0.0)) == pytest.approx(expected, rel=1e-12)
    assert float(evaluate("f", COARSE, density, 0.0)) == pytest.approx(expected, rel=1e-12)
    assert float(evaluate("cv", COARSE, density, 0.0)) == 0.0
    assert float(evaluate("s", COARSE, density, 0.0)) == 0.0


def test_where_it_is_cold_heat_capacity_goes_with_the_cube():
    density = torch.ones(51, dtype=DOUBLE)
    cold = evaluate("cv", COARSE, density, torch.tensor([0.5, 1.0], dtype=DOUBLE))
    assert float(cold[1] / cold[0]) == pytest.approx(8.0, rel=1e-6)


def test_shapes_broadcast_and_atoms_multiply():
    density = torch.rand(2, 4, 51, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))
    atoms = torch.tensor([[1.0], [5.0]])
    found = evaluate("cv", COARSE, density, KELVIN, atoms)
    assert found.shape == (2, 4, 6)
    assert torch.allclose(found[1] / 5, evaluate("cv", COARSE, density[1], KELVIN), rtol=1e-14)
    assert evaluate("cv", COARSE, density, 300.0).shape == (2, 4)


@pytest.mark.parametrize(
    ("grid", "density", "kelvin", "told"),
    [
        ([0.0, 2.0, 1.0], [0.0, 1.0, 1.0], 300.0, "no rising list"),
        ([-1.0, 2.0, 3.0], [0.0, 1.0, 1.0], 300.0, "leave out imaginary modes"),
        ([0.0, 1.0, 2.0], [0.0, 1.0], 300.0, "3 wavenumbers"),
        ([0.0, 1.0, 2.0], [0.0, -1.0, 1.0], 300.0, "negative or no number"),
        ([0.0, 1.0, 2.0], [0.0, math.nan, 1.0], 300.0, "negative or no number"),
        ([0.0, 1.0, 2.0], [1.0, 0.0, 0.0], 300.0, "zero everywhere"),
        ([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], -1.0, "none below 0"),
    ],
)
def test_what_is_no_spectrum_is_refused(grid, density, kelvin, told):
    with pytest.raises(InputError, match=told):
        evaluate("cv", torch.tensor(grid), torch.tensor(density), kelvin)


def test_real_densities_give_the_heat_capacities_of_their_table(data_dir):
    """The column is a sum over the points: it has no straight lines, and no parabola below."""
    table = pq.read_table(data_dir / "phonon_dos" / "phdos_1521.parquet")
    density = torch.tensor(table.column("phdos").to_pylist(), dtype=DOUBLE)
    known = table.column("cv300_J_per_molatom_from_dos").to_numpy()
    found = evaluate("cv", COARSE, density, 300.0).numpy()
    ended = ((density[:, 0] == 0) & (density[:, -1] == 0)).numpy()
    error = np.abs(found - known)
    assert ended.sum() == 734
    assert error[ended].max() < 0.09
    assert error.mean() < 0.03
    assert error.max() < 0.4
    every = {name: evaluate(name, COARSE, density, KELVIN) for name in QUANTITIES}
    assert all(bool(torch.isfinite(each).all()) for each in every.values())
    assert bool((every["cv"].diff() >= 0).all())
    assert float(every["cv"].max()) <= 3 * GAS_CONSTANT
