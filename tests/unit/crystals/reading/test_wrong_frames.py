"""What is wrong with a frame is said of its row, in each format that holds frames."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stratus.corpora.tables.reading import read_labelled
from stratus.crystals.entry import Entry, Reject
from stratus.crystals.reading import read

PLACES = [0.0, 0.0, 0.0, 0.5, 0.5, 0.5]
RIGHT = {"places": PLACES, "forces": [1.0, 2, 3, 4, 5, 6], "stress": [1.0, 2, 3, 0, 0, 0]}
BAD_PLACES = {
    "nan": [*PLACES[:3], math.nan, 0.5, 0.5],
    "infinite": [*PLACES[:5], math.inf],
}
NO_THREE = "forces left out: it does not hold three numbers for each atom"
NO_VALUE = "forces left out: it does not have a value for each atom"
NO_STRESS = "stress left out: it holds neither six nor nine numbers"
NOT_FINITE = "{} left out: not all of its numbers are finite"
FORMATS = ("parquet", "csv", "jsonl", "extxyz", "ase")


def parquet(path, rows):
    columns = {
        "lattice": [(np.eye(3) * 4).ravel().tolist() for _ in rows],
        "species": [["Na", "Cl"] for _ in rows],
        "frac_coords": [row["places"] for row in rows],
        **{name: [row[name] for row in rows] for name in ("forces", "stress")},
        "energy": [-1.0 for _ in rows],
    }
    pq.write_table(pa.table(columns), path)
    return path


def comma_separated(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["lattice", "species", "frac_coords", "forces", "stress", "energy"])
        for row in rows:
            cell = (np.eye(3) * 4).ravel().tolist()
            lists = (cell, ["Na", "Cl"], row["places"], row["forces"], row["stress"])
            writer.writerow([*map(json.dumps, lists), -1])
    return path


def json_lines(path, rows):
    lines = []
    for row in rows:
        structure = {
            "lattice": (np.eye(3) * 4).tolist(),
            "species": ["Na", "Cl"],
            "frac_coords": np.reshape(row["places"], (2, 3)).tolist(),
        }
        values = {name: row[name] for name in ("forces", "stress")}
        lines.append(json.dumps({"structure": structure, "energy": -1, **values}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def extended_xyz(path, rows):
    text = ""
    for row in rows:
        stress = " ".join(map(str, row["stress"]))
        text += '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:forces:R:3 '
        text += f'energy=-1 stress="{stress}"\n'
        for k, symbol in enumerate(("Na", "Cl")):
            here = slice(3 * k, 3 * k + 3)
            numbers = [*(4 * place for place in row["places"][here]), *row["forces"][here]]
            text += " ".join([symbol, *map(str, numbers)]) + "\n"
    path.write_text(text, encoding="utf-8")
    return path


def ase_atoms(_, rows):
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    found = []
    for row in rows:
        positions = 4 * np.reshape(row["places"], (2, 3))
        atoms = Atoms(["Na", "Cl"], positions=positions, cell=np.eye(3) * 4, pbc=True)
        atoms.calc = SinglePointCalculator(atoms, energy=-1.0)
        forces = np.array(row["forces"])
        atoms.calc.results["forces"] = forces.reshape(2, 3) if forces.size == 6 else forces
        atoms.calc.results["stress"] = np.array(row["stress"])
        found.append(atoms)
    return found


WRITERS = {
    "parquet": parquet, "csv": comma_separated, "jsonl": json_lines, "extxyz": extended_xyz,
    "ase": ase_atoms,
}  # fmt: skip


def outcomes(tmp_path, kind, **wrong):
    """Read a right frame, and behind it one in which something is wrong."""
    source = WRITERS[kind](tmp_path / f"t.{kind}", [RIGHT, RIGHT | wrong])
    first, second = read(source, stress="ase")
    assert isinstance(first, Entry)
    assert first.notes == ()
    assert first.arrays["forces"].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert first.labels["stress"].tolist() == [[1, 0, 0], [0, 2, 0], [0, 0, 3]]
    row = "input 1" if kind == "ase" else f"{source}:1"
    assert second.source == row
    return second


@pytest.mark.parametrize("places", BAD_PLACES)
@pytest.mark.parametrize("kind", FORMATS)
def test_places_that_are_no_numbers_are_rejects_with_their_row(tmp_path, kind, places):
    reject = outcomes(tmp_path, kind, places=BAD_PLACES[places])
    assert isinstance(reject, Reject)
    assert reject.code == "bad-coordinates"


@pytest.mark.parametrize("count", [5, 3, 9])
@pytest.mark.parametrize("kind", FORMATS)
def test_forces_of_another_length_are_left_out_with_a_note_on_their_row(tmp_path, kind, count):
    forces = [float(k) for k in range(count)]
    found = outcomes(tmp_path, kind, forces=forces)
    if kind == "extxyz" and count < 6:  # the line of an atom is too short to be read
        assert isinstance(found, Reject)
        assert (found.code, found.detail[:18]) == ("unreadable", "the line of atom 1")
        return
    if kind == "extxyz":  # what is behind the columns of a line is none of them
        assert found.arrays["forces"].shape == (2, 3)
        return
    assert found.notes == (NO_VALUE if kind == "ase" else NO_THREE,)
    assert "forces" not in found.arrays
    assert "forces" not in found.labels


@pytest.mark.parametrize("count", [2, 3, 4, 5, 7, 8])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_stress_that_is_no_tensor_is_left_out_with_a_note_on_its_row(tmp_path, kind, count):
    found = outcomes(tmp_path, kind, stress=[0.5] * count)
    assert found.notes == (NO_STRESS,)
    assert "stress" not in found.labels


@pytest.mark.parametrize("name", ["forces", "stress"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_not_finite_is_left_out_with_a_note_on_its_row(tmp_path, kind, value, name):
    found = outcomes(tmp_path, kind, **{name: [*RIGHT[name][:5], value]})
    assert found.notes == (NOT_FINITE.format(name),)
    assert name not in {**found.arrays, **found.labels}


def test_the_warning_of_a_table_names_the_first_row_of_each_note(tmp_path, caplog):
    wrong = [RIGHT, RIGHT | {"stress": [1.0] * 5}, RIGHT | {"forces": [1.0] * 5}]
    path = parquet(tmp_path / "t.parquet", [*wrong, RIGHT | {"stress": [1.0] * 5}])
    read_labelled(path, ["energy"], facets=["atoms"], workers=0)
    said = [record.getMessage() for record in caplog.records]
    assert f"{path}:1: {NO_STRESS} (1 of 2 such rows)" in said
    assert f"{path}:2: {NO_THREE} (1 of 1 such rows)" in said
