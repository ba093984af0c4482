"""Small crystals to write into files of every kind."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

sys.path.insert(0, str(Path(__file__).parent))  # so that tests find `frames_of_salt`

CIF = """data_{name}
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
{name}1 0 0 0
Cl1 0.5 0.5 0.5
"""


@pytest.fixture
def cif():
    """CIF text of a caesium chloride of the element given."""
    return lambda name="Cs": CIF.format(name=name)


@pytest.fixture
def structure():
    """A triclinic structure with three elements, out of pymatgen's order."""
    lattice = Lattice.from_parameters(5.1, 6.2, 7.3, 81, 94, 107)
    return Structure(lattice, ["O", "Na", "Fe"], np.array([[0.1, 0.2, 0.3], [0, 0, 0], [0.5] * 3]))


@pytest.fixture
def same():
    """Whether an entry is that structure, atom by atom."""
    return _same


def _same(entry, structure) -> bool:
    """Whether an entry is that structure, atom by atom."""
    delta = entry.structure.frac_coords - structure.frac_coords
    delta -= np.rint(delta)
    return (
        entry.numbers.tolist() == [site.specie.Z for site in structure]
        and np.abs(delta).max() < 1e-6
        and np.allclose(entry.structure.lattice.parameters, structure.lattice.parameters, atol=1e-5)
    )
