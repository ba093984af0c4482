"""Labels reach training as they were written, or the row is named; no row is lost silently."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from stratus.corpora.encoding.job import encode_corpus
from stratus.corpora.encoding.options import EncodeOptions
from stratus.corpora.encoding.rows import ChunkRows
from stratus.corpora.tables.crystal_file import CrystalFile
from stratus.corpora.tables.reading import read_labelled
from stratus.corpora.tables.table import Kind
from stratus.corpora.tables.values import as_numbers
from stratus.crystals.reading import ReadOptions
from stratus.errors import InputError
from stratus.scope import Dialect, Scope

ROCK_SALT = str(Scope.from_orbits(225, [("Na", "a"), ("Cl", "b")]))
QUARTZ = str(Scope.from_orbits(154, [("Si", "a"), ("O", "c")]))
CAESIUM = str(Scope.from_orbits(221, [("Cs", "a"), ("I", "b")]))


def strings(path: Path, rows: str, header: str = "id,scope,dialect,gap") -> Path:
    """Write a CSV; R, Q and C stand for three strings."""
    names = {"R": ROCK_SALT, "Q": QUARTZ, "C": CAESIUM}
    lines = [",".join(names.get(cell, cell) for cell in row.split(",")) for row in rows.split()]
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def structures(path: Path, **labels: object) -> Path:
    """Write four cubic crystals; the third has no volume, the fourth repeats an id."""
    edges = (4.0, 5.0, 0.0, 6.0)
    table = {
        "mp_id": ["a", "b", "flat", "a"],
        "lattice": pa.array([(np.eye(3) * e).ravel().tolist() for e in edges]),
        "species": ["Na Cl", "Cs I", "K Br", "K Br"],
        "frac_coords": pa.array([[0.0, 0, 0, 0.5, 0.5, 0.5]] * 4),
        **labels,
    }
    pq.write_table(pa.table(table), path)
    return path


def test_strings_and_their_labels_are_read_in_order(tmp_path):
    path = strings(tmp_path / "t.csv", "a,R,orbit,1.5 b,Q,orbit,-2e-1 c,C,orbit,7")
    table = read_labelled(path, ["gap"])
    assert table.ids == ("a", "b", "c")
    assert table.scopes == (ROCK_SALT, QUARTZ, CAESIUM)
    assert table.n_atoms.tolist() == [2, 9, 2]
    assert table.labels[:, 0].tolist() == [1.5, -0.2, 7.0]
    assert table.labels.dtype == np.float64
    assert (table.rows_in, table.rejects, table.splits) == (3, (), None)


def test_fractions_come_from_the_string(tmp_path):
    table = read_labelled(strings(tmp_path / "t.csv", "a,R,orbit,1 b,Q,orbit,2"), ["gap"])
    fractions = table.fractions()
    assert fractions.shape == (2, 118)
    assert fractions[0, [10, 16]].tolist() == [0.5, 0.5]
    np.testing.assert_allclose(fractions[1, [13, 7]], [1 / 3, 2 / 3])
    np.testing.assert_allclose(fractions.sum(axis=1), 1)
    assert table.compositions == ("Na 1 Cl 1", "O 2 Si 1")


def test_amounts_above_a_hundred_are_read():
    from stratus.scope.partial import read_amounts

    assert read_amounts("H 1_ 37 U 2") == {"H": 137, "U": 2}


@pytest.mark.parametrize("cell", ["", "nan", "NaN"])
def test_an_empty_cell_and_a_written_nan_are_absent_labels(tmp_path, cell):
    path = strings(tmp_path / "t.csv", f"a,R,orbit,{cell} b,Q,orbit,2")
    table = read_labelled(path, ["gap"])
    assert math.isnan(table.labels[0, 0])
    assert table.labelled == {"gap": 1}


@pytest.mark.parametrize("cell", ["abc", '"1,5"', "inf", "-Infinity", "null", "NA", "1e999", "1_0"])
def test_any_other_text_names_row_line_and_column(tmp_path, cell):
    path = strings(tmp_path / "t.csv", "")
    text = f"id,scope,dialect,gap\na,{ROCK_SALT},orbit,1\nmp-7,{QUARTZ},orbit,{cell}\n"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as raised:
        read_labelled(path, ["gap"])
    said = str(raised.value)
    assert "row 1 " in said
    assert "line 3" in said
    assert "'mp-7'" in said
    assert "'gap'" in said
    assert cell.strip('"') in said


def test_the_line_is_right_behind_cells_with_line_breaks_and_rows_of_the_wrong_width(tmp_path):
    path = tmp_path / "t.csv"
    text = (
        f'id,scope,note,gap\na,{ROCK_SALT},"two\nlines",1\ntoo,few\n'
        f"b,{QUARTZ},x,2\nc,{CAESIUM},x,oops\n"
    )
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"row 2 \(counted from 0; id 'c', line 6\)"):
        read_labelled(path, ["gap"])


def test_a_row_of_the_wrong_width_is_a_reject(tmp_path):
    path = strings(tmp_path / "t.csv", "a,R,orbit,1 b,Q,orbit c,C,orbit,3")
    table = read_labelled(path, ["gap"])
    assert (len(table), table.rows_in) == (2, 3)
    assert "cells" in table.rejects[0].detail


def test_sodium_nitride_stays_a_text_in_other_columns(tmp_path):
    rows = "NaN,R,orbit,1,NaN b,Q,orbit,2,NaN"
    path = strings(tmp_path / "t.csv", rows, "id,scope,dialect,gap,formula")
    assert read_labelled(path, ["gap"]).ids == ("NaN", "b")


def test_what_can_not_be_a_crystal_is_a_reject_with_its_reason(tmp_path):
    path = strings(tmp_path / "t.csv", "a,R,orbit,1 b,nonsense,orbit,2 a,Q,orbit,3 d,,orbit,4")
    table = read_labelled(path, ["gap"])
    assert table.ids == ("a",)
    assert [(r.id, r.code.value) for r in table.rejects] == [
        ("b", "unreadable"), ("a", "duplicate-id"), ("d", "unreadable"),
    ]  # fmt: skip
    assert table.rows_in == 4


def test_no_usable_row_is_an_error_with_the_first_reason(tmp_path):
    path = strings(tmp_path / "t.csv", "a,nonsense,orbit,1")
    with pytest.raises(InputError, match=r"no row of .*nonsense"):
        read_labelled(path, ["gap"])


def test_files_without_rows_or_that_are_not_there_are_errors(tmp_path):
    path = tmp_path / "t.csv"
    for text in ("id,scope,gap\n", "", "id,cif,gap\n"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="no row of"):
            read_labelled(path, ["gap"], workers=0)
    with pytest.raises(InputError, match="does not exist"):
        read_labelled(tmp_path / "none.csv", ["gap"])


@pytest.mark.parametrize("name", ["gpa", "scope"])
def test_an_unknown_target_is_an_error_with_the_close_ones(tmp_path, name):
    path = strings(tmp_path / "t.csv", "a,R,orbit,1")
    with pytest.raises(InputError, match=f"no label column '{name}'") as raised:
        read_labelled(path, [name])
    assert ("did you mean gap" in str(raised.value)) == (name == "gpa")
    with pytest.raises(InputError, match="no label column 'flod'"):
        read_labelled(path, ["gap"], fold_column="flod")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"targets": []}, "at least one column"),
        ({"targets": "gap"}, "at least one column"),
        ({"targets": ["gap", "gap"]}, "named twice"),
        ({"targets": ["gap"], "fold_column": "gap"}, "named twice"),
        ({"targets": ["gap"], "kinds": {"gpa": "binary"}}, "no target; did you mean gap"),
        ({"targets": ["gap"], "kinds": {"gap": "binery"}}, "did you mean binary"),
    ],
)
def test_what_is_asked_for_must_make_sense(tmp_path, arguments, said):
    path = strings(tmp_path / "t.csv", "a,R,orbit,1")
    with pytest.raises(InputError, match=said):
        read_labelled(path, **arguments)


def test_a_target_without_any_label_is_refused(tmp_path):
    path = strings(tmp_path / "t.csv", "a,R,orbit, b,Q,orbit,nan")
    with pytest.raises(InputError, match="has a label in 'gap'"):
        read_labelled(path, ["gap"])


def test_classes_are_numbered_in_order(tmp_path):
    header = "id,scope,metal,phase,size"
    rows = "a,R,True,beta,10 b,Q,False,alpha,2 c,C,,gamma,2.0"
    table = read_labelled(
        strings(tmp_path / "t.csv", rows, header),
        ["metal", "phase", "size"],
        kinds={"metal": "binary", "phase": "multiclass", "size": "binary"},
    )
    assert table.kinds == (Kind.BINARY, Kind.MULTICLASS, Kind.BINARY)
    assert table.classes == {
        "metal": ("False", "True"), "phase": ("alpha", "beta", "gamma"), "size": ("2", "10"),
    }  # fmt: skip
    np.testing.assert_array_equal(table.labels, [[1, 1, 1], [0, 0, 0], [np.nan, 2, 0]])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a,R,orbit,x b,Q,orbit,x", "needs two classes but has 1: x"),
        ("a,R,orbit,x b,Q,orbit,y c,C,orbit,z", "needs two classes but has 3: x, y, z"),
        ("a,R,orbit,0 b,Q,orbit,0.5", "must be whole"),
    ],
)
def test_a_binary_target_has_two_classes(tmp_path, rows, said):
    with pytest.raises(InputError, match=said):
        read_labelled(strings(tmp_path / "t.csv", rows), ["gap"], kinds={"gap": "binary"})


def test_structures_are_encoded_and_rejects_told(tmp_path):
    gaps = pa.array([1.5, None, 2.0, 3.0])
    path = structures(tmp_path / "t.parquet", gap=gaps, fold=pa.array([0, 1, 0, 1]))
    table = read_labelled(path, ["gap"], fold_column="fold", workers=0)
    assert table.ids == ("a", "b")
    assert table.scopes[1] == CAESIUM
    np.testing.assert_array_equal(table.labels[:, 0], [1.5, np.nan])
    assert table.splits == ("0", "1")
    assert sorted(r.code.value for r in table.rejects) == ["bad-lattice", "duplicate-id"]
    assert table.rows_in == 4


def test_a_label_that_is_called_like_one_of_our_columns_is_the_label(tmp_path):
    path = structures(tmp_path / "t.parquet", n_atoms=pa.array([70.0, 80.0, 1.0, 1.0]))
    table = read_labelled(path, ["n_atoms"], workers=0)
    assert table.labels[:, 0].tolist() == [70.0, 80.0]
    assert table.n_atoms.tolist() == [2, 2]


def test_two_labels_that_encoding_would_call_alike_are_refused(tmp_path):
    ones = pa.array([1.0] * 4)
    path = structures(tmp_path / "t.parquet", n_atoms=ones, label_n_atoms=ones)
    with pytest.raises(InputError, match="rename one"):
        read_labelled(path, ["n_atoms"], workers=0)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (pa.array(["1", "2", "x", "4"]), "row 2 .*id 'flat'.*'x' in 'gap'"),
        (pa.array([1.0, math.inf, 2.0, 3.0]), "row 1 .*id 'b'.*inf in 'gap'"),
        (pa.array([True, False, None, True]), "row 0 .*id 'a'.*True in 'gap'.*kinds"),
    ],
)
def test_a_mistake_in_parquet_is_found_before_anything_is_encoded(
    tmp_path, labels, said, monkeypatch
):
    def never(*_: object, **__: object) -> None:
        pytest.fail("encoded before the labels were looked at")

    monkeypatch.setattr("stratus.corpora.encoding.workers.encode_chunk", never)
    path = structures(tmp_path / "t.parquet", gap=labels)
    with pytest.raises(InputError, match=said):
        read_labelled(path, ["gap"], workers=0)
    with pytest.raises(InputError, match="did you mean gap"):
        read_labelled(path, ["gapp"], workers=0)


@pytest.mark.parametrize(("ahead", "encoded"), [(256 << 20, 0), (1, 1024)])
def test_labels_are_looked_at_ahead_of_the_encoding(tmp_path, ahead, encoded, monkeypatch):
    rows, done = 1100, []

    def count(chunk: object, *_: object) -> None:
        done.append(sum(item.rows for item in chunk.items))
        return ChunkRows().result()

    monkeypatch.setattr("stratus.corpora.encoding.workers.encode_chunk", count)
    monkeypatch.setattr("stratus.corpora.tables.structures.LOOK_AHEAD", ahead)
    table = {"id": range(rows), "cif": ["data_x"] * rows, "gap": ["1"] * (rows - 1) + ["oops"]}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"row 1099 .*'oops' in 'gap'"):
        read_labelled(tmp_path / "t.parquet", ["gap"], workers=0)
    assert sum(done) == encoded


def test_labels_of_one_crystal_may_be_of_another_type_or_absent(tmp_path):
    frame = (
        '1\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 pbc="T T T"{}\n{} 0 0 0\n'
    )
    labels = [" gap=1 kind=7", " kind=red", " GAP=2.5 other=x"]
    symbols = ("Cu", "Ag", "Au")
    text = "".join(frame.format(one, symbol) for one, symbol in zip(labels, symbols, strict=True))
    (tmp_path / "t.extxyz").write_text(text, encoding="utf-8")
    kinds = {"kind": "multiclass"}
    table = read_labelled(tmp_path / "t.extxyz", ["gap", "kind"], kinds=kinds, workers=0)
    np.testing.assert_array_equal(table.labels, [[1, 0], [np.nan, 1], [np.nan, np.nan]])
    assert table.classes == {"kind": ("7", "red")}


def test_a_file_is_read_once(tmp_path):
    file = CrystalFile(strings(tmp_path / "t.csv", "a,R,orbit,1"), ReadOptions())
    assert file.columns == ("id", "scope", "dialect", "gap")
    assert len(list(file.records("scope"))) == 1
    with pytest.raises(InputError, match="read already"):
        file.records("scope")


def test_null_and_nan_in_parquet_are_absent(tmp_path):
    path = structures(tmp_path / "t.parquet", gap=pa.array([math.nan, 2.0, 1.0, None]))
    table = read_labelled(path, ["gap"], workers=0)
    np.testing.assert_array_equal(table.labels[:, 0], [np.nan, 2.0])


def test_structures_and_the_strings_encode_writes_of_them_give_one_table(tmp_path):
    path = structures(
        tmp_path / "t.parquet",
        gap=pa.array([0.1, None, 2.0, 3.0]),
        metal=pa.array([True, False, True, True]),
    )
    ask = {"targets": ["gap", "metal"], "kinds": {"metal": "binary"}}
    direct = read_labelled(path, **ask, workers=0)
    for suffix in (".parquet", ".csv"):
        scopes = tmp_path / f"scopes{suffix}"
        encode_corpus([path], scopes, EncodeOptions(workers=0))
        table = read_labelled(scopes, **ask)
        assert (table.ids, table.scopes) == (direct.ids, direct.scopes)
        assert table.n_atoms.tolist() == direct.n_atoms.tolist()
        np.testing.assert_array_equal(table.labels, direct.labels)


def test_naming_a_structure_column_says_that_it_is_structures(tmp_path):
    cif = (Path(__file__).parents[4] / "src/stratus/crystals/examples").glob("*.cif")
    texts = [path.read_text(encoding="utf-8") for path in sorted(cif)[:2]]
    path = tmp_path / "t.csv"
    table = {"scope": ["old", "old"], "text": texts, "gap": ["1", "2"]}
    pa_csv.write_csv(pa.table(table), path)
    table = read_labelled(path, ["gap"], structure_column="text", workers=0)
    assert table.labels[:, 0].tolist() == [1.0, 2.0]
    assert "old" not in table.scopes


def test_labels_beside_crystals_of_other_files_are_read(tmp_path):
    path = tmp_path / "t.extxyz"
    path.write_text(
        "2\n"
        'Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 pbc="T T T" gap=1.25\n'
        "Cs 0 0 0\nI 2 2 2\n",
        encoding="utf-8",
    )
    assert read_labelled(path, ["gap"], workers=0).labels.tolist() == [[1.25]]
    with pytest.raises(InputError, match="no label 'gpa'; did you mean gap"):
        read_labelled(path, ["gpa"], workers=0)


def test_energies_of_frames_are_labels_and_what_a_table_cannot_hold_is_said(tmp_path, caplog):
    frame = (
        "2\n"
        'Lattice="4 0 0 0 4 0 0 0 4.{n}" Properties=species:S:1:pos:R:3:forces:R:3:kind:S:1 '
        'energy=-{n}.5 stress="1 0 0 0 1 0 0 0 1"\n'
        "Cs 0 0 0 1 2 3 a\nI 2 2 2 -1 -2 -3 b\n"
    )
    path = tmp_path / "t.extxyz"
    path.write_text("".join(frame.format(n=n) for n in (1, 2, 3)), encoding="utf-8")
    table = read_labelled(path, ["energy"], workers=0)
    assert table.labels.tolist() == [[-1.5], [-2.5], [-3.5]]
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}:0: kind left out: it does not hold a number for each atom (1 of 3 such rows)",
        f"{path}:0: values of each atom are not in the table: forces (1 of 3 such rows)",
    ]
    with pytest.raises(InputError, match=r"t:0.* in 'stress', which is no finite number"):
        read_labelled(path, ["stress"], workers=0)


def test_a_table_that_does_not_fit_together_is_refused():
    from stratus.corpora.tables.table import Table

    crystals = Dialect.ORBIT.crystals([ROCK_SALT], [2])
    labels = np.zeros((2, 1))
    with pytest.raises(InputError, match="crystals of size 2, not 1"):
        Table(("a", "b"), crystals, ("gap",), (Kind.REGRESSION,), labels)
    with pytest.raises(InputError, match="materials of size 2, not 1"):
        Table(("a", "b"), crystals * 2, ("gap",), (Kind.REGRESSION,), labels, materials=("salt",))


def test_a_cell_of_endless_digits_is_refused_at_once():
    column = pa.array(["1" * 30_000 + "x"])
    started = time.process_time()
    with pytest.raises(InputError):
        as_numbers(column, "gap", lambda row: f"t.csv:{row}")
    assert time.process_time() - started < 1
