"""``stratus.encode``: what it takes, what it refuses, what it must not depend on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from pymatgen.core import Lattice, Structure

import stratus
from stratus.crystals.entry import Entry
from stratus.crystals.symmetry import Backend, Symmetry, count_orbits
from stratus.errors import InputError, SymmetryError
from stratus.scope import ScopeOptions, provenance

PLACES = [[0, 0, 0], [0.5, 0.5, 0.5]]


def caesium_chloride() -> Structure:
    return Structure(Lattice.cubic(4.12), ["Cs", "Cl"], PLACES)


def test_a_structure_atoms_an_entry_and_a_file_give_one_string(example_cifs: Path) -> None:
    structure = caesium_chloride()
    atoms = Atoms("CsCl", scaled_positions=PLACES, cell=[4.12] * 3, pbc=True)
    given = [structure, atoms, *stratus.read(structure)]
    given += [example_cifs / "caesium-chloride.cif", str(example_cifs / "caesium-chloride.cif")]
    assert len({str(stratus.encode(crystal)) for crystal in given}) == 1


def test_a_file_of_several_crystals_is_refused(example_cifs: Path) -> None:
    with pytest.raises(InputError, match="several crystals"):
        stratus.encode(example_cifs)


def test_a_disordered_structure_is_refused() -> None:
    structure = Structure(Lattice.cubic(5.5), [{"Si": 0.5, "Ge": 0.5}], [[0, 0, 0]])
    with pytest.raises(InputError, match="partial-occupancy"):
        stratus.encode(structure)


def test_overlapping_atoms_are_refused() -> None:
    with pytest.raises(InputError, match="overlapping-atoms"):
        stratus.encode(Structure(Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0.01, 0, 0]]))


def test_oxidation_states_do_not_change_the_orbit_string() -> None:
    magnetite = caesium_chloride()
    charged = magnetite.copy()
    charged.add_oxidation_state_by_element({"Cs": 1, "Cl": -1})
    assert stratus.encode(charged) == stratus.encode(magnetite)


def test_a_left_handed_cell_is_the_same_crystal() -> None:
    structure = Structure.from_spacegroup(
        "P3_221", Lattice.hexagonal(4.9, 5.4), ["Si"], [[0.47, 0, 2 / 3]]
    )
    mirrored = Structure(
        Lattice(structure.lattice.matrix[[1, 0, 2]]),
        structure.species,
        structure.frac_coords[:, [1, 0, 2]],
    )
    assert np.linalg.det(mirrored.lattice.matrix) < 0
    assert stratus.encode(mirrored) == stratus.encode(structure)


def test_axes_of_nearly_equal_length_have_no_order() -> None:
    # a chain along a, in a cell whose a and b differ by less than any tolerance
    texts = set()
    for excess in (-1e-7, 0.0, 1e-7):
        lattice = np.diag([4.0 + excess, 4.0, 6.0])
        for order in ([0, 1, 2], [1, 0, 2], [2, 0, 1]):
            places = np.array([[0, 0, 0], [0.5, 0, 0], [0, 0.31, 0], [0, -0.31, 0]])
            cell = lattice[order][:, order]
            structure = Structure(cell, ["K", "Br", "O", "O"], places[:, order])
            texts.add(str(stratus.encode(structure)))
    assert len(texts) == 1


def test_overrides_add_to_the_options() -> None:
    loose = ScopeOptions(symprec=0.3)
    structure = caesium_chloride()
    structure.translate_sites([1], [0.02, 0, 0])
    assert stratus.encode(structure).space_group != 221
    assert stratus.encode(structure, loose).space_group == 221
    assert stratus.encode(structure, loose, symprec=0.01).space_group != 221
    with pytest.raises(ValueError, match="symprecision"):
        stratus.encode(structure, symprecision=0.1)


def test_provenance_names_backend_version_and_tolerances() -> None:
    facts = provenance(ScopeOptions(symprec=0.05))
    assert facts["backend"] == "moyopy"
    assert facts["backend_version"] == Backend.MOYOPY.version
    assert (facts["symprec"], facts["angle_tolerance"], facts["scope_version"]) == (0.05, None, 1)


def test_orbits_that_do_not_add_up_are_a_symmetry_error() -> None:
    with pytest.raises(SymmetryError, match="no whole number of orbits"):
        count_orbits(Symmetry(225, ("a", "b", "b"), 3), np.array([11, 17, 17]))
    with pytest.raises(SymmetryError, match="does not have"):
        count_orbits(Symmetry(1, ("q",), 1), np.array([11]))


@pytest.mark.parametrize("backend", Backend)
def test_a_crystal_without_a_group_is_a_symmetry_error(backend: Backend) -> None:
    lattice = np.array([[np.nan, 0, 0], [0, 3, 0], [0, 0, 3]])
    entry = Entry("broken", lattice, np.array([11]), np.zeros((1, 3)))
    with pytest.raises(SymmetryError, match="found no space group at symprec"):
        stratus.encode(entry, backend=backend)
