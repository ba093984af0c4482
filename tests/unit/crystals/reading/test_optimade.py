"""OPTIMADE structures: what makes a crystal, and what each gap in one becomes."""

from __future__ import annotations

import bz2
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading import read

SALT = {
    "lattice_vectors": [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]],
    "cartesian_site_positions": [[0.0, 0, 0], [2.0, 2.0, 2.0]],
    "species_at_sites": ["Na1", "Cl"],
    "species": [
        {"name": "Na1", "chemical_symbols": ["Na"], "concentration": [1.0]},
        {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1.0]},
    ],
    "nperiodic_dimensions": 3,
    "structure_features": [],
    "_exmpl_gap": 8.5,
}


def only(path) -> Entry | Reject:
    (result,) = read(path)
    return result


def write(path, value) -> str:
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)


def test_an_entry_is_a_crystal_and_its_other_properties_are_labels(tmp_path):
    given = {"type": "structures", "id": "x-1", "attributes": SALT}
    found = only(write(tmp_path / "s.jsonl", given))
    assert (found.id, found.numbers.tolist()) == ("x-1", [11, 17])
    assert np.allclose(found.frac_coords, [[0, 0, 0], [0.5] * 3])
    assert dict(found.labels) == {"_exmpl_gap": 8.5}


def species(**changes):
    return [{**SALT["species"][0], **changes}, SALT["species"][1]]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lattice_vectors": None}, Code.BAD_LATTICE),
        ({"lattice_vectors": [[4, 0, 0], [0, 4, 0], [None, None, None]]}, Code.BAD_LATTICE),
        ({"lattice_vectors": [[4, 0, 0], [0, 4, 0]]}, Code.BAD_LATTICE),
        ({"cartesian_site_positions": None}, Code.BAD_COORDINATES),
        ({"cartesian_site_positions": [[0, 0, 0], [None] * 3]}, Code.BAD_COORDINATES),
        ({"cartesian_site_positions": [[0, 0, 0]]}, Code.UNREADABLE),
        ({"species_at_sites": None}, Code.NOT_A_STRUCTURE),
        ({"species": species(concentration=[0.5])}, Code.PARTIAL_OCCUPANCY),
        (
            {"species": species(chemical_symbols=["Na", "vacancy"], concentration=[0.9, 0.1])},
            Code.PARTIAL_OCCUPANCY,
        ),
        ({"species": species(chemical_symbols=["X"])}, Code.DUMMY_SPECIES),
        ({"species": species(attached=["H"], nattached=[3])}, Code.DUMMY_SPECIES),
        ({"species": ["Na", "Cl"]}, Code.UNREADABLE),
        ({"species": None}, Code.DUMMY_SPECIES),
    ],
)
def test_what_is_not_known_whole_is_refused(tmp_path, change, code):
    found = only(write(tmp_path / "s.json", {"type": "structures", "attributes": SALT | change}))
    assert isinstance(found, Reject)
    assert found.code == code


def test_elements_at_the_sites_need_no_species(tmp_path):
    given = {**SALT, "species_at_sites": ["Na", "Cl"], "species": None}
    assert only(write(tmp_path / "s.json", given)).numbers.tolist() == [11, 17]


def test_a_slab_is_read_with_a_note(tmp_path):
    found = only(write(tmp_path / "s.json", SALT | {"nperiodic_dimensions": 2}))
    assert found.notes == ("periodic along 2 axes; read as a crystal in all three directions",)


def test_columns_of_these_names_are_a_table_of_crystals(tmp_path):
    row = {name: SALT[name] for name in ("lattice_vectors", "cartesian_site_positions")}
    row |= {"species_at_sites": ["Na", "Cl"], "species": "[]", "immutable_id": "agm1", "energy": -2}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "lemat.parquet")
    found = only(tmp_path / "lemat.parquet")
    assert (found.id, found.numbers.tolist(), dict(found.labels)) == (
        "agm1",
        [11, 17],
        {"energy": -2},
    )
    assert np.allclose(found.frac_coords, [[0, 0, 0], [0.5] * 3])


def test_pymatgen_entries_are_read_one_by_one(tmp_path, structure):
    entry = {"@class": "ComputedStructureEntry", "energy": -3.5, "entry_id": None}
    entry |= {"data": {"mat_id": "agm7", "e_form": -0.1}, "structure": structure.as_dict()}
    text = json.dumps({"@class": "x", "entries": [entry, {"energy": 1.0}]})
    (tmp_path / "alexandria_000.json.bz2").write_bytes(bz2.compress(text.encode()))
    good, bad = read(tmp_path / "alexandria_000.json.bz2")
    assert (good.id, len(good), good.labels["e_form"]) == ("agm7", 3, -0.1)
    assert bad.code == Code.NOT_A_STRUCTURE
