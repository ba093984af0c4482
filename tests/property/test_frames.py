"""Values of atoms stay with their atoms, and a stress with its meaning, through every format."""

from __future__ import annotations

import json
import zlib
from io import StringIO

import numpy as np
import pyarrow as pa
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db.core import object_to_bytes
from ase.io import write
from ase.stress import full_3x3_to_voigt_6_stress
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from stratus.crystals.elements import SYMBOLS
from stratus.crystals.entry import Entry, Reject
from stratus.crystals.reading import ReadOptions, Record, parse, read
from stratus.crystals.reading.table_columns import find_columns
from stratus.crystals.reading.table_rows import TableSlice

ANYTHING_CLOSE = ReadOptions(min_distance=0, stress="ase")
CLOSE = 1e-7


@st.composite
def frames(draw) -> Atoms:
    """One to six atoms of any elements in any cell, left-handed ones too, with results."""
    count = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    cell = np.eye(3) * 4 + rng.uniform(-0.8, 0.8, (3, 3))
    if draw(st.booleans()):
        cell = cell[[1, 0, 2]]
    numbers = draw(st.lists(st.integers(1, 96), min_size=count, max_size=count))
    atoms = Atoms(numbers, scaled_positions=rng.random((count, 3)), cell=cell, pbc=True)
    stress = rng.normal(size=(3, 3))
    results = {
        "energy": float(rng.normal()),
        "forces": rng.normal(size=(count, 3)),
        "magmoms": rng.normal(size=count),
        "stress": full_3x3_to_voigt_6_stress(stress + stress.T),
    }
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def by_object(atoms: Atoms) -> Entry:
    return only(read([atoms], ANYTHING_CLOSE))


def by_extended_xyz(atoms: Atoms) -> Entry:
    text = StringIO()
    write(text, atoms, format="extxyz")
    return parsed("extxyz", text.getvalue())


def by_database(atoms: Atoms) -> Entry:
    results = atoms.calc.results
    row = {"id": 1, "numbers": atoms.numbers.astype("<i4").tobytes(), "pbc": 7}
    row |= {"cell": atoms.cell[:].tobytes(), "positions": atoms.positions.tobytes()}
    row |= {"energy": results["energy"], "key_value_pairs": "{}"}
    row |= {name: results[name].tobytes() for name in ("forces", "stress", "magmoms")}
    return parsed("ase_row", row)


def by_lmdb(atoms: Atoms) -> Entry:
    results = {n: np.asarray(v).tolist() for n, v in atoms.calc.results.items()}
    row = {"numbers": atoms.numbers.tolist(), "positions": atoms.positions.tolist()}
    row |= {"cell": atoms.cell[:].tolist(), "pbc": [True] * 3, **results}
    return parsed("lmdb_row", zlib.compress(json.dumps(row).encode()))


def by_pymatgen(atoms: Atoms) -> Entry:
    results = atoms.calc.results
    structure = Structure(
        Lattice(atoms.cell[:]),
        [SYMBOLS[z] for z in atoms.numbers],
        atoms.get_scaled_positions(wrap=False),
        site_properties={n: results[n].tolist() for n in ("forces", "magmoms")},
    )
    around = {"energy": results["energy"], "stress": results["stress"].tolist()}
    return parsed("mapping", {"structure": structure.as_dict(), **around})


def by_table(atoms: Atoms) -> Entry:
    results = atoms.calc.results
    batch = pa.RecordBatch.from_pydict({
        "species": [[SYMBOLS[z] for z in atoms.numbers]],
        "lattice": [atoms.cell[:].tolist()],
        "coords": [atoms.positions.tolist()],
        **{n: [np.asarray(v).tolist()] for n, v in results.items()},
    })  # fmt: skip
    columns = find_columns(batch.schema.names, "t", ReadOptions())
    return parsed("table", TableSlice(batch, columns, 0, "t"))


def only(outcomes) -> Entry:
    (found,) = outcomes
    assert isinstance(found, Entry), found
    return found


def parsed(format_: str, payload) -> Entry:
    return only(parse(Record("x", "x", format_, payload), ANYTHING_CLOSE))


WAYS = [by_object, by_extended_xyz, by_database, by_lmdb, by_pymatgen, by_table]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@given(frames(), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_values_stay_with_their_atoms_however_these_are_ordered(way, atoms, random) -> None:
    results = atoms.calc.results
    order = random.sample(range(len(atoms)), len(atoms))
    mixed = atoms[order]
    own = {n: v[order] if n in {"forces", "magmoms"} else v for n, v in results.items()}
    mixed.calc = SinglePointCalculator(mixed, **own)
    entry = way(mixed)
    inverse = np.linalg.inv(atoms.cell[:])
    for site in range(len(entry)):
        place = entry.frac_coords[site] @ entry.lattice
        apart = (atoms.positions - place) @ inverse
        apart = np.abs(apart - np.rint(apart)).max(axis=1)
        atom = int(apart.argmin())
        assert apart[atom] < 1e-6
        assert entry.numbers[site] == atoms.numbers[atom]
        assert np.allclose(entry.arrays["forces"][site], results["forces"][atom], atol=CLOSE)
        assert abs(entry.arrays["magmoms"][site] - results["magmoms"][atom]) < CLOSE
    assert abs(entry.labels["energy"] - results["energy"]) < CLOSE
    found = full_3x3_to_voigt_6_stress(entry.labels["stress"])
    assert np.allclose(found, results["stress"], atol=CLOSE)
    assert entry.notes == ()


def test_no_value_is_too_odd_to_be_read_or_refused() -> None:
    """Broken arrays, constraints and data of rows end in an entry with notes or a reject."""
    salt = {"numbers": [11, 17], "positions": [[0] * 3, [2] * 3], "cell": [[4, 0, 0], [0, 4, 0]]}
    salt["cell"].append([0, 0, 4])
    odd = [
        None, True, -1, 1e400, "x", [], [[]], [[1, 2, 3]], [None, None], {}, {"a": 1}, [1, [2]],
        {"__ndarray__": None}, {"__ndarray__": [[2, 3], "float64", 8]},
        {"__ndarray__": [[2], "object", [1, 2]]}, {"__ndarray__": [[9], "float64", [1, 2]]},
        {"__ndarray__": [[-1], "float64", [1, 2]]}, {"__complex__": [1, 2]},
        [{"name": "FixAtoms", "kwargs": {"indices": [7]}}], [{"name": "FixAtoms"}], [7],
        [{"name": "FixAtoms", "kwargs": {"indices": "x"}}], [[1e400] * 3] * 2,
    ]  # fmt: skip
    fields = ["forces", "stress", "energy", "dipole", "magmoms", "tags", "constraints", "data"]
    fields += ["key_value_pairs", "virial"]
    for field in fields:
        for value in odd:
            rows = [{field: value}, {"data": {field: value}}, {"key_value_pairs": {field: value}}]
            for row in rows:
                packed = zlib.compress(json.dumps(salt | row).encode())
                (found,) = parse(Record("x", "x", "lmdb_row", packed), ANYTHING_CLOSE)
                assert isinstance(found, Entry | Reject)
                if isinstance(found, Entry):
                    for array in found.arrays.values():
                        assert array.dtype == np.float64
                        assert len(array) == 2
                        assert np.isfinite(array).all()


@given(st.binary(max_size=80), st.integers(-9, 200))
@settings(max_examples=200)
def test_data_of_a_database_in_any_bytes_are_read_or_refused(noise, cut) -> None:
    whole = object_to_bytes({"sid": "a", "vector": np.arange(3.0), "nested": {"b": [1, 2]}})
    row = {"id": 1, "numbers": np.array([11, 17], "<i4").tobytes(), "pbc": 7}
    row |= {"cell": (np.eye(3) * 4).tobytes(), "key_value_pairs": None}
    row |= {"positions": np.array([[0.0] * 3, [2.0] * 3]).tobytes()}
    for data in (whole[:cut] + noise, noise, noise + whole, whole):
        (found,) = parse(Record("x", "x", "ase_row", row | {"data": data}), ANYTHING_CLOSE)
        assert isinstance(found, Entry | Reject)
    assert found.labels["vector"].tolist() == [0, 1, 2]
    assert found.labels["sid"] == "a"
