"""What is read from structures of pymatgen, tables and POSCAR; what is not periodic."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from ase.io import write
from frames_of_salt import CELL, FORCES, MAGMOMS, PLACES, SAY, STRESS, VOIGT, finished, one, parsed
from pymatgen.core import Lattice, Structure

from stratus.crystals.entry import Code, Reject
from stratus.crystals.reading import ReadOptions, Record, parse, read

# --- pymatgen ---------------------------------------------------------------------------------


def structure(**properties) -> Structure:
    return Structure(Lattice(CELL), ["Na", "Cl", "O"], PLACES, site_properties=properties)


def test_properties_of_sites_of_objects_and_json() -> None:
    given = structure(
        magmom=MAGMOMS.tolist(),
        forces=FORCES.tolist(),
        selective_dynamics=[[True] * 3, [False] * 3, [True, False, True]],
        wyckoff=["a", "b", "c"],
        velocities=[None, [0.0] * 3, [0.0] * 3],
    )
    given.properties = {"energy": -7.5}
    for source in ([given], None):
        if source is None:
            record = Record("x", "x", "mapping", json.loads(given.to_json()))
            (entry,) = parse(record, ReadOptions())
        else:
            entry = one(source)
        assert entry.arrays["forces"].tolist() == FORCES.tolist()
        assert entry.arrays["magmoms"].tolist() == MAGMOMS.tolist()
        assert entry.arrays["fixed"].tolist() == [[0] * 3, [1] * 3, [0, 1, 0]]
        assert entry.labels["energy"] == -7.5
        assert sorted(note.split()[0] for note in entry.notes) == ["velocities", "wyckoff"]


def test_labels_around_a_structure_as_mptrj_has_them() -> None:
    row = {
        "structure": structure().as_dict(),
        "force": FORCES.tolist(),
        "magmom": MAGMOMS.tolist(),
        "stress": (-STRESS * 1602.176634).tolist(),
        "uncorrected_total_energy": -7.5,
    }
    entry = parsed(Record("x", "x", "mapping", row))
    assert entry.arrays["forces"].tolist() == FORCES.tolist()
    assert entry.arrays["magmoms"].tolist() == MAGMOMS.tolist()
    assert set(entry.labels) == {"uncorrected_total_energy"}
    assert len(entry.notes) == 1
    assert entry.notes[0].startswith("stress left out: its unit and sign are not known")
    assert SAY in entry.notes[0]
    declared = parsed(Record("x", "x", "mapping", row), stress="vasp")
    np.testing.assert_allclose(declared.labels["stress"], STRESS)
    assert declared.notes == ()


def test_frames_of_several_materials_as_mptrj_has_them(tmp_path) -> None:
    row = {"structure": structure().as_dict(), "force": FORCES.tolist()}
    content = {"mp-1": {"mp-1-0-0": row, "mp-1-0-1": row}, "mp-2": {"0": row}}
    (tmp_path / "MPtrj.json").write_text(json.dumps(content))
    found = list(read(tmp_path / "MPtrj.json"))
    assert [entry.id for entry in found] == ["mp-1-0-0", "mp-1-0-1", "mp-2:0"]
    assert all(entry.arrays["forces"].tolist() == FORCES.tolist() for entry in found)


def test_where_the_cell_has_no_directions_vectors_are_left_out() -> None:
    given = structure(forces=FORCES.tolist(), magmom=MAGMOMS.tolist()).as_dict()
    given["lattice"].pop("matrix")
    entry = parsed(Record("x", "x", "mapping", {"structure": given, "stress": STRESS.tolist()}))
    assert set(entry.arrays) == {"magmoms"}
    assert {note.split()[0] for note in entry.notes} == {"stress", "forces"}
    assert all("its directions in space are not known" in note for note in entry.notes)


# --- tables -----------------------------------------------------------------------------------


def table(tmp_path, **columns):
    content = {"lattice": [CELL.tolist()], "frac_coords": [PLACES.tolist()]}
    content |= {"species": [["Na", "Cl", "O"]], **columns}
    names = {name: value for name, value in content.items() if value is not None}
    pq.write_table(pa.table(names), tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def test_columns_of_parquet(tmp_path) -> None:
    path = table(
        tmp_path,
        energy=[-7.5],
        forces=pa.array([FORCES.tolist()], pa.list_(pa.list_(pa.float32()))),
        magmoms=[MAGMOMS.tolist()],
        stress=[STRESS.tolist()],
        fixed=[[True, False, True]],
        spectrum=[[1.0, 2.0]],
    )
    entry = one(path)
    assert np.allclose(entry.arrays["forces"], FORCES, atol=1e-6)
    assert entry.arrays["magmoms"].tolist() == MAGMOMS.tolist()
    assert entry.arrays["fixed"].tolist() == [[1] * 3, [0] * 3, [1] * 3]
    assert entry.labels == {"energy": -7.5, "spectrum": [1.0, 2.0]}
    assert SAY in entry.notes[0]
    assert len(entry.notes) == 1
    np.testing.assert_allclose(one(path, stress="eV/A^3 tension").labels["stress"], STRESS)


@pytest.mark.parametrize("shape", ["nested", "flat", "fixed"])
def test_a_table_with_nulls_and_every_shape_of_lists(tmp_path, shape) -> None:
    value = FORCES.ravel().tolist() if shape == "flat" else FORCES.tolist()
    kind = pa.list_(pa.float64()) if shape == "flat" else pa.list_(pa.list_(pa.float64()))
    if shape == "fixed":
        kind = pa.list_(pa.list_(pa.float64(), 3))
    columns = {
        "lattice": [CELL.tolist()] * 4,
        "frac_coords": [PLACES.tolist()] * 4,
        "species": [["Na", "Cl", "O"]] * 4,
        "forces": pa.array([value, None, value[:2], value], kind),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    first, absent, short, last = read(tmp_path / "t.parquet")
    assert first.arrays["forces"].tolist() == last.arrays["forces"].tolist() == FORCES.tolist()
    assert (dict(absent.arrays), absent.notes) == ({}, ())
    assert short.notes == ("forces left out: it does not hold three numbers for each atom",)


def test_columns_of_csv_in_brackets(tmp_path) -> None:
    row = {
        "structure": structure().to_json(),
        "forces": json.dumps(FORCES.tolist()),
        "stress": json.dumps(VOIGT.tolist()),
        "yield_stress": "3.5",
        "force_source": "dft",
    }
    cells = ['"' + value.replace('"', '""') + '"' for value in row.values()]
    (tmp_path / "t.csv").write_text(",".join(row) + "\n" + ",".join(cells) + "\n")
    entry = one(tmp_path / "t.csv", stress="ase")
    assert np.allclose(entry.arrays["forces"], FORCES)
    assert np.allclose(entry.labels["stress"], STRESS)
    assert (entry.labels["yield_stress"], entry.labels["force_source"]) == (3.5, "dft")


def test_forces_beside_a_cif_or_a_cell_of_angles_are_left_out(tmp_path) -> None:
    cif = structure().to(fmt="cif")
    pq.write_table(
        pa.table({"cif": [cif], "forces": [FORCES.tolist()], "stress": [STRESS.tolist()]}),
        tmp_path / "cif.parquet",
    )
    entry = one(tmp_path / "cif.parquet", stress="ase")
    assert not entry.arrays
    assert "stress" not in entry.labels
    assert set(entry.notes) == {
        "stress left out: a CIF does not say how its cell lies in space",
        "forces left out: the atoms of a CIF are made from sites and sorted",
    }
    cell = [[4.0, 4.2, 4.4, 90.0, 91.0, 92.0]]
    path = table(tmp_path, lattice=None, cell=cell, forces=[FORCES.tolist()], magmoms=[[1, 2, 3]])
    entry = one(path)
    assert set(entry.arrays) == {"magmoms"}
    assert "its directions in space are not known" in entry.notes[0]


def test_a_left_handed_cell_keeps_its_vectors(tmp_path) -> None:
    atoms = finished()
    left = atoms.copy()
    left.set_cell(atoms.cell[:][[1, 0, 2]])
    left.calc = SinglePointCalculator(left, energy=-7.5, forces=FORCES, stress=VOIGT)
    write(tmp_path / "left.extxyz", left)
    entry = one(tmp_path / "left.extxyz")
    assert np.linalg.det(entry.lattice) > 0
    moved = (entry.frac_coords @ entry.lattice - atoms.positions) @ np.linalg.inv(entry.lattice)
    assert np.allclose(moved, np.rint(moved), atol=1e-6)
    assert np.allclose(entry.arrays["forces"], FORCES, atol=1e-7)
    assert np.allclose(entry.labels["stress"], STRESS, atol=1e-12)


# --- POSCAR -----------------------------------------------------------------------------------

POSCAR = """salt
1.0
4 0 0
0 4 0
0 0 4
Na Cl
1 1
Selective dynamics
Direct
0 0 0 T F T
0.5 0.5 0.5 F F F
"""


def test_selective_dynamics_of_a_poscar() -> None:
    (entry,) = parse(Record("x", "x", "poscar", POSCAR.encode()), ReadOptions())
    assert entry.arrays["fixed"].tolist() == [[0, 1, 0], [1, 1, 1]]
    assert entry.notes == ()
    zeros = POSCAR + "\n  0 0 0\n  0 0 0\n"
    (entry,) = parse(Record("x", "x", "poscar", zeros.encode()), ReadOptions())
    assert entry.notes == ()
    (entry,) = parse(
        Record("x", "x", "poscar", zeros.replace("  0 0 0\n", "  0 0 0.1\n").encode()),
        ReadOptions(),
    )
    assert entry.notes == ("velocities left out: they are not read from a POSCAR",)
    (entry,) = parse(
        Record("x", "x", "poscar", POSCAR.replace("T F T", "").encode()), ReadOptions()
    )
    assert not entry.arrays
    assert entry.notes == ("selective_dynamics left out: it does not have a value for each atom",)


# --- periodicity ------------------------------------------------------------------------------


def test_what_is_not_periodic_is_kept_with_a_note_or_rejected(tmp_path) -> None:
    slab = finished()
    slab.pbc = (True, True, False)
    slab.calc.atoms.pbc = slab.pbc
    write(tmp_path / "a.extxyz", slab)
    with connect(tmp_path / "a.db") as database:
        database.write(slab)
    given = Structure(Lattice(CELL, pbc=(True, True, False)), ["Na", "Cl", "O"], PLACES)
    (tmp_path / "a.json").write_text(given.to_json())
    sources = [[slab], [given], *(tmp_path / f"a.{kind}" for kind in ("extxyz", "db", "json"))]
    sources.append(table(tmp_path, pbc=["T T F"]))
    for source in sources:
        entry = one(source)
        assert entry.pbc == (True, True, False)
        assert entry.notes == (
            "periodic along a and b alone; read as a crystal in all three directions",
        )
        (found,) = read(source, not_periodic="reject")
        assert isinstance(found, Reject)
        assert found.code is Code.NOT_PERIODIC
        assert "--not-periodic" in found.detail


def test_optimade_says_how_many_axes_or_which() -> None:
    entry = {
        "lattice_vectors": CELL.tolist(),
        "cartesian_site_positions": (PLACES @ CELL).tolist(),
        "species_at_sites": ["Na", "Cl", "O"],
        "nperiodic_dimensions": 2,
    }
    found = parsed(Record("x", "x", "mapping", entry))
    assert found.pbc is None
    (reject,) = parse(Record("x", "x", "mapping", entry), ReadOptions(not_periodic="reject"))
    assert reject.code is Code.NOT_PERIODIC
    found = parsed(Record("x", "x", "mapping", entry | {"dimension_types": [1, 0, 1]}))
    assert found.pbc == (True, False, True)
