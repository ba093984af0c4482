"""Compositions and their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Composition

from stratus.crystals.composition import reduce_composition, reduced_formula
from stratus.crystals.elements import NUMBERS

SYMBOLS = sorted(NUMBERS)


@pytest.mark.filterwarnings("ignore:No Pauling electronegativity")
def test_formulas_are_those_of_pymatgen():
    rng = np.random.default_rng(0)
    compositions = [{symbol: 1} for symbol in SYMBOLS]
    compositions += [{a: 1, "O": 1} for a in SYMBOLS if a != "O"]
    for _ in range(5000):
        symbols = rng.choice(SYMBOLS, int(rng.integers(1, 7)), replace=False).tolist()
        most = int(rng.choice([3, 5, 13, 400]))
        compositions.append(dict(zip(symbols, rng.integers(1, most, len(symbols)), strict=True)))
    for amounts in compositions:
        composition = reduce_composition({symbol: int(n) for symbol, n in amounts.items()})
        assert reduced_formula(composition) == Composition(dict(composition)).reduced_formula


@pytest.mark.parametrize(
    ("amounts", "formula"),
    [
        ({"Ca": 1, "N": 2, "O": 6}, "Ca(NO3)2"),
        ({"Li": 2, "O": 2}, "Li2O2"),
        ({"O": 4}, "O2"),
        ({"Ar": 3}, "Ar"),
        ({"Fe": 4, "O": 6}, "Fe2O3"),
    ],
)
def test_formulas_as_chemists_write_them(amounts, formula):
    assert reduced_formula(reduce_composition(amounts)) == formula
