"""Tables: which columns, which rows, and what a row without a crystal becomes."""

from __future__ import annotations

import csv
import gzip
import json
import resource
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading import ReadOptions, read, records
from stratus.crystals.reading.table_rows import typed
from stratus.errors import InputError

LATTICE = [3.0, 0, 0, 0, 4.0, 0, 0, 0, 5.0]
ROW = {"id": "a", "lattice": LATTICE, "species": "Na Cl", "frac_coords": [0, 0, 0, 0.5, 0.5, 0.5]}


def parquet(path, rows: list[dict] | dict):
    table = pa.Table.from_pylist(rows) if isinstance(rows, list) else pa.table(rows)
    pq.write_table(table, path / "t.parquet")
    return path / "t.parquet"


def write_csv(path, rows: list[list], name="t.csv", delimiter=","):
    with (path / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path / name


def only(results) -> Entry | Reject:
    (result,) = list(results)
    return result


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"species": ["Na", "Cl"]},
        {"lattice": [LATTICE[:3], LATTICE[3:6], LATTICE[6:]]},
        {"frac_coords": [[0, 0, 0], [0.5, 0.5, 0.5]]},
        {"lattice": str(LATTICE), "frac_coords": "0 0 0 0.5 0.5 0.5"},
        {"lattice": None, "cell": [3, 4, 5, 90, 90, 90]},
        {"frac_coords": None, "coords": [0, 0, 0, 1.5, 2, 2.5], "cartesian": True},
        {"frac_coords": None, "coords": [0, 0, 0, 0.5, 0.5, 0.5], "cartesian": False},
    ],
)
def test_arrays_in_columns_make_a_crystal(tmp_path, change):
    row = {k: v for k, v in {**ROW, **change}.items() if v is not None}
    found = only(read(parquet(tmp_path, [{**row, "gap": 1.5, "tag": "t"}])))
    assert (found.id, found.numbers.tolist()) == ("a", [11, 17])
    assert np.allclose(sorted(np.linalg.norm(found.lattice, axis=1)), [3, 4, 5])
    assert np.allclose(found.frac_coords, [[0, 0, 0], [0.5] * 3])
    assert dict(found.labels) == {"gap": 1.5, "tag": "t"}


def test_charges_and_numbers_are_species_too(tmp_path):
    found = only(read(parquet(tmp_path, [{**ROW, "species": "Na+ Cl-"}])))
    assert found.species == ("Na+", "Cl-")
    found = only(read(parquet(tmp_path, [{**ROW, "species": [11, 17]}])))
    assert found.numbers.tolist() == [11, 17]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"frac_coords": [0.0, 0, 0]}, Code.UNREADABLE),
        ({"frac_coords": None}, Code.UNREADABLE),
        ({"frac_coords": [0, 0, 0, 0.5, None, 0.5]}, Code.BAD_COORDINATES),
        ({"lattice": LATTICE[:8]}, Code.BAD_LATTICE),
        ({"lattice": None}, Code.BAD_LATTICE),
        ({"lattice": [0.0] * 9}, Code.BAD_LATTICE),
        ({"species": None}, Code.UNREADABLE),
        ({"species": "Na X"}, Code.DUMMY_SPECIES),
        ({"species": "Na Nacl"}, Code.DUMMY_SPECIES),
        ({"species": "", "frac_coords": []}, Code.NO_ATOMS),
    ],
)
def test_a_row_that_does_not_fit_is_refused_and_its_neighbours_are_not(tmp_path, change, code):
    rows = [ROW, {**ROW, **change, "id": "bad"}, {**ROW, "id": "c"}]
    found = list(read(parquet(tmp_path, rows)))
    assert [r.id for r in found] == ["a", "bad", "c"]
    assert [type(r) for r in found] == [Entry, Reject, Entry]
    assert found[1].code is code
    assert found[1].source.endswith("t.parquet:1")


@pytest.mark.parametrize("column", ["cif", "structure", "poscar", "CIF"])
def test_a_column_of_structures_is_found_by_its_name(tmp_path, cif, column):
    found = only(read(parquet(tmp_path, [{"material_id": "m", column: cif("Na")}])))
    assert (found.id, len(found)) == ("m", 2)


def test_structures_as_text_or_mapping_of_any_kind_are_read(tmp_path, cif, structure):
    values = [cif("Na"), structure.to(fmt="poscar"), json.dumps(structure.as_dict())]
    found = list(read(parquet(tmp_path, {"structure": values})))
    assert [len(e) for e in found] == [2, 3, 3]
    assert [e.id for e in found] == ["t.parquet:0", "t.parquet:1", "t.parquet:2"]
    plain = json.loads(json.dumps(structure.as_dict()))
    plain.pop("properties")
    for site in plain["sites"]:
        site.pop("properties")
    assert len(only(read(parquet(tmp_path, [{"structure": plain}])))) == 3


def test_named_columns_win_and_a_missing_one_is_an_error_with_a_hint(tmp_path, cif):
    path = parquet(
        tmp_path, [{"id": "a", "name": "b", "cif": "nonsense", "relaxed_cif": cif("Na")}]
    )
    assert only(read(path, structure_column="relaxed_cif", id_column="name")).id == "b"
    with pytest.raises(InputError, match="did you mean relaxed_cif"):
        list(read(path, structure_column="relaxed_cfi"))
    with pytest.raises(InputError, match="no column 'zzz'"):
        list(read(path, id_column="zzz"))


def test_a_table_without_structures_is_one_reject(tmp_path):
    assert only(read(parquet(tmp_path, [{"formula": "NaCl"}] * 5))).code is Code.NOT_A_STRUCTURE
    assert only(read(write_csv(tmp_path, [["a", "b"]]))).code is Code.NOT_A_STRUCTURE
    assert list(read(write_csv(tmp_path, [["id", "cif"]]))) == []  # no rows, nothing lost


def test_rows_without_an_id_are_named_by_their_number_and_say_so(tmp_path, cif):
    rows = [["id", "cif"], ["", cif("Na")], ["  ", cif("K")], ["x", cif("Rb")], ["7", ""]]
    found = list(read(write_csv(tmp_path, rows)))
    assert [r.id for r in found] == ["t.csv:0", "t.csv:1", "x", "7"]
    assert "id" in found[0].notes[0]
    assert found[3].code is Code.NOT_A_STRUCTURE


def test_the_formula_nan_is_no_missing_value(tmp_path, cif):
    rows = [
        ["id", "cif", "formula", "gap", "n"],
        ["NaN", cif("Na"), "NaN", "1.5", "7"],
        ["NA", cif("Na"), "null", "", "-2e3"],
    ]
    first, second = read(write_csv(tmp_path, rows))
    assert (first.id, second.id) == ("NaN", "NA")
    assert dict(first.labels) == {"formula": "NaN", "gap": 1.5, "n": 7}
    assert dict(second.labels) == {"formula": "null", "gap": None, "n": -2000.0}


def test_an_id_that_looks_like_a_number_stays_as_written(tmp_path, cif):
    rows = [["id", "cif"], ["007", cif("Na")], ["1e3", cif("Na")]]
    assert [e.id for e in read(write_csv(tmp_path, rows))] == ["007", "1e3"]


def test_a_csv_may_be_compressed_tabbed_or_not_utf8(tmp_path, cif):
    rows = [["id", "cif", "who"], ["Å1", cif("Na"), "Müller"]]
    plain = write_csv(tmp_path, rows).read_bytes()
    (tmp_path / "z.csv.gz").write_bytes(gzip.compress(plain))
    (tmp_path / "l.csv").write_bytes(plain.decode().encode("latin-1"))
    (tmp_path / "b.csv").write_bytes(b"\xef\xbb\xbf" + plain)
    write_csv(tmp_path, rows, "t.tsv", "\t")
    for name in ("z.csv.gz", "l.csv", "b.csv", "t.tsv"):
        found = only(read(tmp_path / name))
        assert (found.id, found.labels["who"]) == ("Å1", "Müller")


def test_a_row_of_the_wrong_width_is_a_reject_even_if_it_is_not_text(tmp_path, cif):
    path = write_csv(tmp_path, [["id", "cif"], ["a", cif("Na")]])
    path.write_bytes(path.read_bytes() + b"b\xff\xfe,x,y\nc\n")
    found = list(read(path))
    assert sorted(type(r).__name__ for r in found) == ["Entry", "Reject", "Reject"]


def test_a_parquet_file_that_is_cut_off_is_a_reject(tmp_path):
    path = parquet(tmp_path, [ROW])
    path.write_bytes(path.read_bytes()[:-30])
    assert only(read(path)).code is Code.UNREADABLE


def test_several_crystals_in_one_cell_get_ids_of_their_own(tmp_path, cif):
    found = list(read(parquet(tmp_path, [{"id": "a", "cif": cif("Na") + cif("K")}])))
    assert [e.id for e in found] == ["a:Na", "a:K"]


def test_slices_are_small_and_know_their_rows(tmp_path):
    path = parquet(tmp_path, [{**ROW, "id": str(i)} for i in range(1300)])
    found = list(records(path, ReadOptions()))
    assert [r.rows for r in found] == [512, 512, 276]
    assert [e.id for e in read(path)] == [str(i) for i in range(1300)]


def test_a_slice_carries_its_own_rows_alone_to_another_process(tmp_path):
    import pickle

    path = parquet(tmp_path, [{**ROW, "id": str(i)} for i in range(20_000)])
    sizes = [len(pickle.dumps(r)) for r in records(path, ReadOptions())]
    assert max(sizes) < 200_000


SCRIPT = """
import resource, sys
from stratus.crystals.reading import read
count = 0
for outcome in read(sys.argv[1]):
    count += 1
    if count == int(sys.argv[2]):
        early = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - early)
"""


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl", "json"])
def test_memory_stays_flat_whatever_the_length(tmp_path, kind):
    count = 60_000 if kind == "parquet" else 20_000
    rows = [{**ROW, "id": f"row-{i}"} for i in range(count)]
    path = tmp_path / f"t.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=5_000)
    elif kind == "csv":
        write_csv(
            tmp_path,
            [list(ROW)]
            + [
                [" ".join(map(str, v)) if isinstance(v, list) else v for v in row.values()]
                for row in rows
            ],
        )
    elif kind == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        path.write_text(json.dumps(rows))
    out = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path), str(count // 3)],
        capture_output=True,
        text=True,
        check=True,
    )
    found, grown_kib = map(int, out.stdout.split())
    unit = 1024 if sys.platform == "darwin" else 1
    assert found == count
    assert grown_kib / unit < 40_000
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0


def test_a_cell_of_more_digits_than_python_counts_stays_text():
    assert typed("1" * 18) == int("1" * 18)
    assert typed("1" * 5000) == "1" * 5000
