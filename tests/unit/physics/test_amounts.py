"""Amounts and units are converted by what they say."""

from __future__ import annotations

import numpy as np
import pytest

from stratus.errors import InputError
from stratus.physics.amounts import UNITS, atoms_in, formula_atoms, unit_in_si


@pytest.mark.parametrize(
    ("counts", "atoms"), [([4, 6], 5), ([2, 2], 2), ([8], 1), ([1, 1, 3], 5), ([12, 24, 48], 7)]
)
def test_a_formula_unit_has_the_smallest_whole_numbers(counts, atoms):
    assert formula_atoms(counts) == atoms


@pytest.mark.parametrize("counts", [[], [0], [2, -1]])
def test_a_formula_of_nothing_is_refused(counts):
    with pytest.raises(InputError, match="at least one atom"):
        formula_atoms(counts)


def test_amounts_hold_their_atoms():
    cell, formula = np.array([10.0, 8.0]), np.array([5.0, 2.0])
    assert atoms_in("cell", cell, formula).tolist() == [10, 8]
    assert atoms_in("formula", cell, formula).tolist() == [5, 2]
    assert atoms_in("atom", cell, formula).tolist() == [1, 1]
    with pytest.raises(InputError, match="no amount 'mole'; there are atom, formula, cell"):
        atoms_in("mole", cell, formula)


@pytest.mark.parametrize(
    ("quantity", "unit", "si"),
    [
        ("cv", "J/mol/K", 1.0), ("s", "J/(mol K)", 1.0), ("s", "J/(mol·K)", 1.0),
        ("u", "kJ/mol", 1000.0), ("f", "J/mol", 1.0), ("f", "eV", 96485.33212331001),
        ("s", "meV/K", 96.48533212331001),
    ],
)  # fmt: skip
def test_units_are_what_they_are_in_joules(quantity, unit, si):
    assert unit_in_si(quantity, unit) == pytest.approx(si, rel=1e-15)


def test_an_electronvolt_is_23_kilocalories():
    assert UNITS["eV"].si / 4184 == pytest.approx(23.0605, abs=1e-4)


@pytest.mark.parametrize(
    ("quantity", "unit", "told"),
    [("cv", "kJ/mol", "'kJ/mol' is no unit of cv; give one of J/mol/K"),
     ("u", "J/mol/K", "give one of J/mol, kJ/mol, eV, meV"),
     ("u", "cal", "'cal' is no unit of u"),
     ("cp", "J/mol/K", "no quantity 'cp'")],
)  # fmt: skip
def test_a_unit_of_something_else_is_refused(quantity, unit, told):
    with pytest.raises(InputError, match=told):
        unit_in_si(quantity, unit)
