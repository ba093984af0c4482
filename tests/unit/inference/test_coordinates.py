"""Crystals in memory are told to have coordinates before any of them is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Composition, Lattice, Structure

import stratus
from stratus.crystals.facets import Crystal
from stratus.inference.coordinates import have_coordinates

RUTILE = Path(stratus.__file__).parent / "crystals" / "examples" / "rutile.cif"
TEXT = "i1 bOOO gDDD cDDD | Ti 2a O 4f | O 2 Ti 1 | 6"
SALT = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
ARRAYS = {
    "lattice": [np.eye(3).ravel()] * 2,
    "species": [["Na"]] * 2,
    "frac_coords": [[0, 0, 0]] * 2,
}


@pytest.mark.parametrize(
    "crystals",
    [
        [SALT, RUTILE, str(RUTILE)],
        [RUTILE.read_text(), SALT.as_dict()],
        [next(iter(stratus.read(RUTILE)))],
        np.array([RUTILE, RUTILE]),
        pd.Series([SALT, SALT]),
        pd.DataFrame(ARRAYS),
        pd.DataFrame(ARRAYS | {"scope": [TEXT] * 2, "formula": ["NaCl"] * 2}),
        pd.DataFrame({"structure": [SALT], "formula": ["NaCl"]}),
        pd.DataFrame({"crystal": [SALT]}),
    ],
)
def test_structures_have_coordinates(crystals):
    assert have_coordinates(crystals)


@pytest.mark.parametrize(
    "crystals",
    [
        [SALT, "NaCl"],
        [SALT, TEXT],
        [stratus.encode(SALT)],
        [Composition("NaCl"), {"Na": 1, "Cl": 1}],
        [Crystal({"Na": 1})],
        pd.DataFrame({"scope": [TEXT]}),
        pd.DataFrame({"formula": ["NaCl"], "space_group": [225]}),
        pd.DataFrame({"structure": [TEXT]}),
    ],
)
def test_strings_and_formulas_have_none(crystals):
    assert not have_coordinates(crystals)
