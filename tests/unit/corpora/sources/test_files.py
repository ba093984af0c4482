"""Published files as tables, and the catalogue that knows them."""

from __future__ import annotations

import gzip
import json
import zipfile

import pyarrow.parquet as pq
import pytest
from pymatgen.core import Lattice, Structure

from stratus.corpora.sources.catalogue import catalogue, find_files, find_set
from stratus.corpora.sources.collect import CollectOptions, collect
from stratus.corpora.sources.files import Files, LocalFile
from stratus.crystals.reading import ReadOptions, read
from stratus.crystals.stress import GPA
from stratus.errors import InputError, StratusError


def structures(count: int) -> list[dict]:
    return [
        Structure(Lattice.cubic(3 + n / 100), ["Cs", "Cl"], [[0] * 3, [0.5] * 3]).as_dict()
        for n in range(count)
    ]


def matbench(path, count=600):
    """Write a file in the form of MatBench."""
    rows = [[structure, n / 2] for n, structure in enumerate(structures(count))]
    table = {"index": list(range(count)), "columns": ["structure", "n"], "data": rows}
    path.write_bytes(gzip.compress(json.dumps(table).encode(), mtime=0))
    return path


def local(path, **more) -> LocalFile:
    return LocalFile(path, f"https://example.org/{path.name}", "MIT", "0" * 64, **more)


def test_matbench_rows_have_their_official_ids(tmp_path):
    path = matbench(tmp_path / "matbench_dielectric.json.gz", 3)
    ids = find_files("matbench", ["dielectric"])[0].ids
    done = collect(Files("matbench", "here", [local(path, ids=ids)]), tmp_path / "out")
    assert (done.rows_in, done.rows_out) == (3, 3)
    row = pq.read_table(tmp_path / "out/crystals.parquet").to_pylist()[2]
    assert (row["id"], row["n"], row["licence"]) == ("mb-dielectric-0003", 1.0, "MIT")
    assert row["origin"] == "https://example.org/matbench_dielectric.json.gz:2"
    assert row["database"] == "https://example.org/matbench_dielectric.json.gz"


def test_a_row_says_by_which_keys_it_is_read(tmp_path):
    lines = [
        json.dumps({"material_id": f"wbm-1-{n}", "initial_structure": s, "structure": None})
        for n, s in enumerate(structures(2))
    ]
    (tmp_path / "wbm.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    file = local(tmp_path / "wbm.jsonl.gz", id="material_id", structure="initial_structure")
    collect(Files("wbm", "here", [file]), tmp_path / "out")
    found = pq.read_table(tmp_path / "out/crystals.parquet")
    assert found["id"].to_pylist() == ["wbm-1-0", "wbm-1-1"]


def test_jarvis_rows_in_a_zip_are_read(tmp_path):
    atoms = {"lattice_mat": [[3, 0, 0], [0, 3, 0], [0, 0, 3]], "elements": ["Cs"]}
    atoms |= {"coords": [[0, 0, 0]], "cartesian": False}
    rows = [{"jid": "JVASP-1", "atoms": atoms, "exfoliation_energy": "na"}]
    with zipfile.ZipFile(tmp_path / "j.json.zip", "w") as archive:
        archive.writestr("j.json", json.dumps(rows))
    collect(Files("jarvis", "h", [local(tmp_path / "j.json.zip", id="jid")]), tmp_path / "out")
    row = pq.read_table(tmp_path / "out/crystals.parquet").to_pylist()[0]
    assert (row["id"], row["origin"]) == ("JVASP-1", "https://example.org/j.json.zip!j.json:0")


def test_an_interrupted_run_goes_on_in_the_middle_of_a_file(tmp_path):
    files = [local(matbench(tmp_path / f"matbench_{n}.json.gz")) for n in "ab"]
    options = CollectOptions(part_rows=100)

    def stop(progress):
        if progress.rows_in > 800:
            raise StratusError("stopped")

    with pytest.raises(StratusError, match="stopped"):
        collect(Files("m", "here", files), tmp_path / "b", options, on_progress=stop)
    done = collect(Files("m", "here", files), tmp_path / "b", CollectOptions(resume=True))
    collect(Files("m", "here", files), tmp_path / "a")
    assert (done.rows_out, done.resumed > 600) == (1200, True)
    tables = [(tmp_path / n / "crystals.parquet").read_bytes() for n in "ab"]
    assert tables[0] == tables[1]


@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        ([1, None, 2], "int64", [1, None, 2]),
        ([1, 2.5], "double", [1.0, 2.5]),
        ([True, None], "bool", [True, None]),
        ([1, "x"], "string", ["1", "x"]),
        ([[1], [2.5], []], "list<element: double>", [[1.0], [2.5], []]),
        ([{"a": 1}, None], "string", ['{"a": 1}', None]),
        ([2**70, 1], "string", [str(2**70), "1"]),
        ([None, None], "null", [None, None]),
        ([[1, "x"], [2]], "string", ['[1, "x"]', "[2]"]),
    ],
)
def test_a_label_has_the_type_that_all_of_its_values_have(tmp_path, values, kind, read):
    made = zip(structures(len(values)), values, strict=True)
    rows = [{"id": str(n), "structure": s, "label": v} for n, (s, v) in enumerate(made)]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    collect(Files("t", "here", [local(tmp_path / "t.json")]), tmp_path, CollectOptions(part_rows=1))
    table = pq.read_table(tmp_path / "crystals.parquet")
    assert (str(table.schema.field("label").type), table["label"].to_pylist()) == (kind, read)


def test_a_label_never_takes_the_place_of_a_column(tmp_path):
    rows = [{"id": "a", "structure": structures(1)[0], "origin": "mars", "CIF": "x", "notes": 1}]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    collect(Files("t", "here", [local(tmp_path / "t.json")]), tmp_path)
    row = pq.read_table(tmp_path / "crystals.parquet").to_pylist()[0]
    assert (row["label_origin"], row["label_CIF"], row["label_notes"]) == ("mars", "x", 1)
    assert row["origin"] == "https://example.org/t.json:0"


def test_values_of_atoms_are_columns_of_lists(tmp_path):
    forces = [[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]]
    crystal = structures(1)[0]
    for site, force in zip(crystal["sites"], forces, strict=False):
        site["properties"] = {"forces": force}
    forces = forces[: len(crystal["sites"])]
    row = {"id": "a", "structure": crystal, "stress": [[-10.0, 0, 0], [0, 0, 0], [0, 0, 0]]}
    (tmp_path / "t.json").write_text(json.dumps([row]))
    source = Files("t", "here", [local(tmp_path / "t.json")], ReadOptions(stress="vasp"))
    collect(source, tmp_path)
    row = pq.read_table(tmp_path / "crystals.parquet").to_pylist()[0]
    assert row["forces"] == forces
    (again,) = read(tmp_path / "crystals.parquet")  # the column says how it writes stress
    assert again.arrays["forces"].tolist() == forces
    assert again.labels["stress"][0, 0] == pytest.approx(GPA)
    assert again.notes == ()


def test_the_catalogue_is_complete():
    sets = catalogue().sets
    assert set(sets) == {"matbench", "matbench-discovery", "jarvis", "alexandria", "lemat-bulk"}
    for name, known in sets.items():
        for file in known.files.values():
            assert (file.digest is None) == (known.digests == ""), name
            names = [remote.file for remote in file.remote()]
            assert len(set(names)) == len(names) == (file.many or 1)
    assert sum(file.rows or 0 for file in sets["matbench"].files.values()) == 408_062


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: find_set("matbensh"), "did you mean matbench"),
        (lambda: find_files("matbench", ["fonons"]), "did you mean phonons"),
        (lambda: find_files("matbench", []), "it has dielectric, expt_gap"),
    ],
)
def test_an_unknown_name_is_refused_with_those_that_are_near(ask, said):
    with pytest.raises(InputError, match=said):
        ask()
