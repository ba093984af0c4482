"""What is read from frames of ASE: objects, extended XYZ, databases; what is left out."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms, FixCartesian, FixedPlane, FixScaled
from ase.db import connect
from ase.io import write
from frames_of_salt import (
    CELL,
    FORCES,
    MAGMOMS,
    PLACES,
    RNG,
    SAY,
    STRESS,
    VOIGT,
    VOLUME,
    assert_is_whole,
    finished,
    one,
    parsed,
)

from stratus.crystals.entry import Reject
from stratus.crystals.reading import ReadOptions, Record, parse, read

# --- ASE: objects, extended XYZ, databases ----------------------------------------------------


def test_atoms_give_the_results_of_their_calculator_their_arrays_and_info() -> None:
    atoms = finished(free_energy=-7.6, dipole=[1.0, 2.0, 3.0], magmom=-0.5)
    atoms.info |= {"source": "md", "REF_stress": STRESS * 2, "born": RNG.normal(size=(4, 4, 2))}
    atoms.arrays["charges"] = np.array([1.0, -1.0, 0.0])
    atoms.arrays["kinds"] = np.array(["a", "b", "c"])
    entry = one([atoms])
    assert_is_whole(entry)
    assert entry.labels["free_energy"] == -7.6
    assert entry.labels["magmom"] == -0.5
    assert entry.labels["dipole"].tolist() == [1, 2, 3]
    assert entry.labels["source"] == "md"
    np.testing.assert_allclose(entry.labels["REF_stress"], STRESS * 2)
    assert entry.arrays["charges"].tolist() == [1, -1, 0]
    assert entry.notes == (
        "born left out: it is no number, text, vector or tensor",
        "kinds left out: it does not hold a number for each atom",
    )


def test_results_of_other_atoms_are_left_out() -> None:
    atoms = finished()
    atoms.positions[0, 0] += 1e-3
    entry = one([atoms])
    assert not entry.arrays
    assert not entry.labels
    assert entry.notes == ("results of the calculator left out: they are not of these atoms",)


def test_no_calculator_is_run() -> None:
    from ase.calculators.emt import EMT

    atoms = Atoms("Cu", cell=np.eye(3) * 2.6, pbc=True, calculator=EMT())
    assert not one([atoms]).labels
    atoms.get_forces()
    assert set(one([atoms]).labels) >= {"energy"}
    assert one([atoms]).arrays["forces"].shape == (1, 3)


def test_two_different_energies_are_said() -> None:
    atoms = finished()
    atoms.info["energy"] = 3.0
    entry = one([atoms])
    assert entry.labels["energy"] == -7.5
    assert entry.notes == (
        "energy of the calculator is kept, which differs from that of the atoms",
    )


def test_extended_xyz_as_ase_writes_it(tmp_path) -> None:
    atoms = finished()
    atoms.info |= {"config": "md", "vector": np.arange(4.0), "REF_energy": -8.0}
    write(tmp_path / "a.extxyz", [atoms, atoms])
    for entry in read(tmp_path / "a.extxyz"):
        assert_is_whole(entry, places=2e-8)
        assert entry.labels["vector"].tolist() == [0, 1, 2, 3]
        assert (entry.labels["config"], entry.labels["REF_energy"]) == ("md", -8.0)
        assert entry.notes == ()


def frame(comment: str, properties: str = "", rows: tuple[str, ...] = ("", "", "")) -> Record:
    """A frame of :data:`CELL` with more in its comment and its lines."""
    lattice = " ".join(map(str, CELL.ravel()))
    head = f'3\nLattice="{lattice}" Properties=species:S:1:pos:R:3{properties} {comment}\n'
    lines = [
        f"{kind} {' '.join(map(str, place @ CELL))} {row}\n"
        for kind, place, row in zip(("Na", "Cl", "O"), PLACES, rows, strict=True)
    ]
    return Record("x", "x", "extxyz", head + "".join(lines))


def words(values) -> str:
    return " ".join(f"{value:.17g}" for value in np.ravel(values))


def test_a_virial_is_minus_the_stress_times_the_volume() -> None:
    for name, own in (("virial", "stress"), ("virials", "stress"), ("REF_virials", "REF_stress")):
        entry = parsed(frame(f'{name}="{words(-STRESS * VOLUME)}"'))
        np.testing.assert_allclose(entry.labels[own], STRESS)
        assert name not in entry.labels
        assert entry.notes == (f"{own} made from {name}",)


def test_a_virial_beside_its_stress_says_nothing_new_and_one_that_contradicts_it_is_said() -> None:
    both = f'stress="{words(VOIGT)}" virial="{words(-STRESS * VOLUME)}"'
    entry = parsed(frame(both))
    np.testing.assert_allclose(entry.labels["stress"], STRESS)
    assert set(entry.labels) == {"stress"}
    assert entry.notes == ()
    wrong = frame(f'stress="{words(VOIGT)}" virial="{words(STRESS * VOLUME)}"')
    entry = parsed(wrong)
    assert not entry.labels
    assert entry.notes[0].startswith("stress left out: virial contradicts it; say how")
    entry = parsed(wrong, stress="ase")
    np.testing.assert_allclose(entry.labels["stress"], STRESS)
    assert entry.notes == ("virial left out: it contradicts stress",)


def test_a_declared_convention_wins_over_that_of_the_format() -> None:
    entry = parsed(frame(f'stress="{words(-STRESS * 1602.176634)}"'), stress="kbar compression")
    np.testing.assert_allclose(entry.labels["stress"], STRESS)


def test_columns_of_every_kind_of_extended_xyz() -> None:
    rows = ("1 2 3 7 T a 0.5", "4 5 6 8 F b 0.25", "7 8 9 9 T c -1")
    properties = ":REF_forces:R:3:id:I:1:mobile:L:1:kind:S:1:charge:R:1"
    entry = parsed(frame("", properties, rows))
    assert entry.arrays["REF_forces"].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert entry.arrays["id"].tolist() == [7, 8, 9]
    assert entry.arrays["mobile"].tolist() == [1, 0, 1]
    assert entry.arrays["charges"].tolist() == [0.5, 0.25, -1]
    assert entry.notes == ("kind left out: it does not hold a number for each atom",)


def test_masks_of_cartesian_axes_are_read_where_they_hold_whole_atoms() -> None:
    whole = parsed(frame("", ":move_mask:L:3", ("T T T", "F F F", "T T T")))
    assert whole.arrays["fixed"].tolist() == [[0] * 3, [1] * 3, [0] * 3]
    part = parsed(frame("", ":move_mask:L:3", ("T T T", "F T F", "T T T")))
    assert not part.arrays
    assert part.notes == ("move_mask left out: it holds atoms along Cartesian axes",)


@pytest.mark.parametrize("row", ["1 2", "1 2 x", ""])
def test_a_line_without_its_forces_is_refused(row) -> None:
    (found,) = parse(frame("", ":forces:R:3", ("1 2 3", row, "1 2 3")), ReadOptions())
    assert isinstance(found, Reject)
    assert "the line of atom 1 does not hold species:S:1:pos:R:3:forces:R:3" in found.detail


def test_forces_that_are_not_finite_are_left_out() -> None:
    entry = parsed(frame("", ":forces:R:3", ("1 2 3", "nan 0 0", "1 2 3")))
    assert not entry.arrays
    assert entry.notes == ("forces left out: not all of its numbers are finite",)


def test_values_of_the_comment_line() -> None:
    entry = parsed(frame('a="1 2 3" b=[1,2.5] c=[1 2] d="007" e="x 1" f="_JSON [[1,2],[3,4]]" g=T'))
    assert entry.labels["a"].tolist() == [1, 2, 3]
    assert entry.labels["b"].tolist() == [1, 2.5]
    assert entry.labels["c"].tolist() == [1, 2]
    assert entry.labels["f"].tolist() == [[1, 2], [3, 4]]
    assert {key: entry.labels[key] for key in "deg"} == {"d": "007", "e": "x 1", "g": "T"}


def test_a_database_as_ase_writes_it(tmp_path) -> None:
    atoms = finished(free_energy=-7.6, dipole=[1.0, 2.0, 3.0])
    atoms.set_constraint(FixAtoms([2]))
    atoms.set_initial_magnetic_moments([3.0, 2.0, 1.0])
    atoms.calc.atoms.set_initial_magnetic_moments([3.0, 2.0, 1.0])
    atoms.set_tags([0, 1, 2])
    data = {"tensor": np.eye(3), "gaps": [1.0, 2.0], "sid": "s-1", "nested": {"a": 1}}
    with connect(tmp_path / "a.db") as database:
        database.write(atoms, bandgap=1.5, data=data)
    entry = one(tmp_path / "a.db")
    assert_is_whole(entry)
    assert (entry.labels["free_energy"], entry.labels["bandgap"]) == (-7.6, 1.5)
    assert entry.labels["dipole"].tolist() == [1, 2, 3]
    assert entry.labels["tensor"].tolist() == np.eye(3).tolist()
    assert entry.labels["gaps"].tolist() == [1, 2]
    assert entry.labels["sid"] == "s-1"
    assert entry.arrays["initial_magmoms"].tolist() == [3, 2, 1]
    assert entry.arrays["tags"].tolist() == [0, 1, 2]
    assert entry.arrays["fixed"].tolist() == [[0] * 3, [0] * 3, [1] * 3]
    assert entry.notes == ("nested left out: it is no number, text, vector or tensor",)


def test_a_stress_in_the_data_of_a_database_has_to_be_declared(tmp_path) -> None:
    atoms = Atoms("NaClO", scaled_positions=PLACES, cell=CELL, pbc=True)
    with connect(tmp_path / "a.db") as database:
        database.write(atoms, data={"stress": -STRESS * 1602.176634})
    entry = one(tmp_path / "a.db")
    assert "stress" not in entry.labels
    assert SAY in entry.notes[0]
    np.testing.assert_allclose(one(tmp_path / "a.db", stress="vasp").labels["stress"], STRESS)


def lmdb_row(**more) -> Record:
    """A row as ``aselmdb`` stores it: JSON under zlib, arrays as lists."""
    row = {
        "numbers": [11, 17, 8],
        "positions": (PLACES @ CELL).tolist(),
        "cell": CELL.tolist(),
        "pbc": [True] * 3,
        "ctime": 24.5,
        "mtime": 24.5,
        "user": None,
        "calculator": "unknown",
        "calculator_parameters": {},
        "energy": -7.5,
        "forces": FORCES.tolist(),
        "stress": VOIGT.tolist(),
        "magmoms": MAGMOMS.tolist(),
        "constraints": [{"name": "FixAtoms", "kwargs": {"indices": [0]}}],
        "key_value_pairs": {},
        "data": {"sid": "omat-1", "calc_id": 3},
    }
    return Record("x", "x", "lmdb_row", zlib.compress(json.dumps({**row, **more}).encode()))


def test_a_row_of_omat24() -> None:
    entry = parsed(lmdb_row())
    assert_is_whole(entry)
    assert entry.id == "omat-1"
    assert entry.labels["calc_id"] == 3
    assert entry.arrays["fixed"].tolist() == [[1] * 3, [0] * 3, [0] * 3]
    assert entry.notes == ()
    tensor = parsed(lmdb_row(stress=STRESS.tolist(), free_energy=-7.6))
    assert_is_whole(tensor)
    assert tensor.labels["free_energy"] == -7.6


def test_forces_of_another_length_are_left_out() -> None:
    entry = parsed(lmdb_row(forces=FORCES[:2].tolist()))
    assert "forces" not in entry.arrays
    assert entry.notes == ("forces left out: it does not have a value for each atom",)


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        (FixAtoms([0]), [[1] * 3, [0] * 3, [0] * 3]),
        (FixCartesian([1]), [[0] * 3, [1] * 3, [0] * 3]),
        (FixScaled([1], mask=(True, False, False)), [[0] * 3, [1, 0, 0], [0] * 3]),
        (FixCartesian([1], mask=(True, False, False)), None),
        (FixedPlane(1, (1, 0, 0)), None),
    ],
)
def test_constraints_hold_atoms_along_lattice_vectors_or_are_said(constraint, expected) -> None:
    atoms = Atoms("NaClO", scaled_positions=PLACES, cell=CELL, pbc=True, constraint=constraint)
    entry = one([atoms])
    if expected is None:
        assert not entry.arrays
        assert entry.notes == (
            f"the constraint {type(constraint).__name__} left out: it does not hold atoms alone",
        )
    else:
        assert entry.arrays["fixed"].tolist() == expected


def test_where_labels_are_not_wanted_nothing_is_said_of_them(tmp_path) -> None:
    atoms = finished()
    atoms.info["odd"] = {"a": 1}
    write(tmp_path / "a.extxyz", atoms)
    for source in ([atoms], tmp_path / "a.extxyz"):
        entry = one(source, labels=False)
        assert (dict(entry.labels), dict(entry.arrays), entry.notes) == ({}, {}, ())
    entry = parsed(lmdb_row(forces=[], constraints=[{"name": "Odd"}]), labels=False)
    assert (dict(entry.labels), dict(entry.arrays), entry.notes) == ({}, {}, ())
