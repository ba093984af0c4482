"""Stress means dE/dstrain over volume, tension positive, whatever the source writes."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.lj import LennardJones
from ase.stress import full_3x3_to_voigt_6_stress
from pydantic import ValidationError

from stratus.crystals.reading import ReadOptions, read
from stratus.crystals.stress import ASE, GPA, VASP, VIRIAL, StressConvention

RNG = np.random.default_rng(5)
STEP = 1e-5


def crystal(scale: float = 1.0) -> Atoms:
    """A sheared cell of argon under no symmetry at all."""
    cell = np.array([[5.3, 0.2, -0.1], [0.4, 5.1, 0.3], [-0.2, 0.1, 5.6]])
    places = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.52], [0.03, 0.5, 0.5]])
    atoms = Atoms("Ar4", scaled_positions=places, cell=cell * scale, pbc=True)
    atoms.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=8.0, smooth=True)
    return atoms


def energy(atoms: Atoms, strain: np.ndarray) -> float:
    strained = atoms.copy()
    strained.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
    strained.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=8.0, smooth=True)
    return float(strained.get_potential_energy())


def by_differences(atoms: Atoms) -> np.ndarray:
    """dE/dstrain over volume for a symmetric strain, shape (3, 3), eV/Å³."""
    stress = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            strain = np.zeros((3, 3))
            strain[i, j] += STEP / 2
            strain[j, i] += STEP / 2
            rise = energy(atoms, strain) - energy(atoms, -strain)
            stress[i, j] = rise / (2 * STEP) / atoms.get_volume()
    return stress


def test_the_stress_of_an_entry_is_the_derivative_of_the_energy() -> None:
    atoms = crystal()
    atoms.get_stress()
    (entry,) = read([atoms])
    expected = by_differences(atoms)
    assert np.abs(expected).min() > 1e-5  # each part is told apart from the others
    np.testing.assert_allclose(entry.labels["stress"], expected, rtol=1e-5, atol=1e-9)
    assert entry.labels["stress"].shape == (3, 3)


@pytest.mark.parametrize(("scale", "sign"), [(0.9, -1), (1.1, 1)])
def test_what_is_compressed_has_negative_stress(scale, sign) -> None:
    atoms = crystal(scale)
    atoms.get_stress()
    (entry,) = read([atoms])
    assert sign * np.trace(entry.labels["stress"]) > 0


def as_vasp(stress: np.ndarray) -> list[float]:
    """What VASP writes: kbar, compression positive, in the order xx yy zz xy yz zx."""
    pressure = -stress / (units.GPa / 10)
    return [pressure[i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0))]


def test_the_same_stress_written_in_every_way_is_read_as_one() -> None:
    stress = RNG.normal(size=(3, 3))
    stress += stress.T
    volume = 123.4
    ways = {
        "ase": full_3x3_to_voigt_6_stress(stress),
        "vasp": as_vasp(stress),
        "virial": full_3x3_to_voigt_6_stress(-stress * volume),
        "GPa tension": stress / units.GPa,
        "mpa compression": -stress / units.GPa * 1e3,
        "tension Pa": stress / units.Pascal,
        "bar compression voigt": full_3x3_to_voigt_6_stress(-stress / units.bar),
        "kB, compression, vasp": as_vasp(stress),
        "Ha/Bohr^3 tension": stress / (units.Hartree / units.Bohr**3),
        "Ry/Bohr^3 tension": stress / (units.Rydberg / units.Bohr**3),
        "eV/Å^3 tension": stress,
    }
    for words, values in ways.items():
        convention = StressConvention.model_validate(words)
        np.testing.assert_allclose(
            convention.tensor(np.array(values), volume), stress, rtol=2e-7, err_msg=words
        )


def test_the_named_conventions_are_those_of_the_words() -> None:
    assert StressConvention.model_validate("VASP") == VASP
    assert StressConvention.model_validate("kbar compression vasp") == VASP
    assert StressConvention.model_validate("ase") == ASE
    assert StressConvention.model_validate("eV compression") == VIRIAL
    assert pytest.approx(units.GPa, rel=1e-7) == GPA
    options = ReadOptions(stress="vasp")
    assert ReadOptions(**options.model_dump()) == options


@pytest.mark.parametrize("words", ["kilobar tension", "GPa", "tension", "vasp GPa", "", "GPa up"])
def test_what_does_not_say_unit_and_sign_is_refused_with_what_to_write(words) -> None:
    with pytest.raises(ValidationError, match="write ase, vasp or virial, or a unit"):
        ReadOptions(stress=words)
