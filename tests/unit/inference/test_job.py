"""One row for each crystal, in order, wherever it comes from; the file is whole or not there."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import stratus
from stratus.corpora.encoding.job import encode_corpus
from stratus.corpora.encoding.options import EncodeOptions
from stratus.errors import InputError, StratusError
from stratus.inference.columns import Column, own_cells
from stratus.inference.inputs import PredictOptions
from stratus.inference.jobs.predict import predict_corpus, predict_formulas
from stratus.inference.row import Row
from stratus.inference.writing import WriteOptions, write_windows

HERE = PredictOptions(workers=0)
COLUMNS = [
    "id", "status", "code", "detail", "source", "formula", "space_group", "notes", "gap", "gap_std",
    "gap_lo", "gap_hi", "energy", "energy_std", "energy_lo", "energy_hi",
    "magnetic", "magnetic_std", "use", "use_p",
]  # fmt: skip


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def predicted(inputs, model, folder: Path, **settings) -> list[dict[str, str]]:
    predict_corpus(inputs, folder / "out.csv", model, **{"options": HERE, **settings})
    return table(folder / "out.csv")


@pytest.fixture
def mixed(tmp_path, example_cifs) -> Path:
    """Five crystals with a broken file, an empty one, and one of no known kind between them."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    for number, path in enumerate(sorted(example_cifs.glob("*.cif"))[:5]):
        (folder / f"c{number}.cif").write_bytes(path.read_bytes())
    (folder / "c2b.cif").write_text("data_d\n_cell_length_a banana\n")
    (folder / "c3b.cif").write_text("")
    (folder / "readme.txt").write_text("hello")
    return folder


def test_the_columns_are_those_of_the_documents(model, mixed, tmp_path):
    assert list(predicted([mixed], model, tmp_path)[0]) == COLUMNS


@pytest.mark.parametrize("workers", [0, 2])
def test_a_reject_keeps_its_place_and_is_marked_with_its_code(model, mixed, tmp_path, workers):
    rows = predicted([mixed], model, tmp_path, options=PredictOptions(workers=workers))
    assert [(row["id"], row["status"]) for row in rows] == [
        ("c0", "ok"), ("c1", "ok"), ("c2", "ok"), ("c2b", "reject"), ("c3", "ok"),
        ("c3b", "reject"), ("c4", "ok"), ("readme.txt", "reject"),
    ]  # fmt: skip
    for row in rows:
        assert bool(row["code"]) == (row["status"] == "reject")
        assert all(bool(row[name]) != bool(row["code"]) for name in ("gap", "gap_std", "use"))


def test_each_row_says_where_it_comes_from_and_what_it_is(model, mixed, tmp_path):
    rows = {row["id"]: row for row in predicted([mixed], model, tmp_path)}
    assert rows["c2b"]["source"] == str(mixed / "c2b.cif")
    assert rows["readme.txt"]["detail"] == "the file is of no kind that holds crystals"
    for name, row in rows.items():
        if row["status"] == "ok":
            scope = stratus.encode(next(stratus.read(mixed / f"{name}.cif")))
            assert (row["formula"], row["space_group"]) == (scope.formula, str(scope.space_group))
            assert not row["detail"]
        else:
            assert row["detail"]
            assert not row["space_group"]


def test_notes_of_a_row_and_of_its_predictions_stand_behind_each_other():
    row = Row("a", None, notes=("Read so.", "And so."))
    assert own_cells(row, ("Likelier a metal.",))[-1] == "Read so. And so. Likelier a metal."
    assert own_cells(row)[-1] == "Read so. And so."


def test_the_table_holds_what_python_gives(model, mixed, tmp_path):
    good = [row for row in predicted([mixed], model, tmp_path) if row["status"] == "ok"]
    found = model.predict([mixed / f"{row['id']}.cif" for row in good], interval=0.9)
    for name in ("gap", "energy", "magnetic"):
        values = [float(row[name]) for row in good]
        np.testing.assert_allclose(values, found[name].value, rtol=1e-5)
        stds = [float(row[f"{name}_std"]) for row in good]
        np.testing.assert_allclose(stds, found[name].std, rtol=1e-3)
    for end in ("lo", "hi"):
        ends = [float(row[f"gap_{end}"]) for row in good]
        np.testing.assert_allclose(ends, getattr(found["gap"], end), rtol=1e-5)
    assert all(row["energy_lo"] == "" for row in good), "nothing is calibrated for it"
    best = found["use"].value.argmax(axis=1)
    assert [row["use"] for row in good] == [("glass", "metal", "salt")[k] for k in best]
    shares = [float(row["use_p"]) for row in good]
    np.testing.assert_allclose(shares, found["use"].value.max(axis=1), rtol=1e-5)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_table_of_strings_gives_what_its_crystals_give(model, mixed, tmp_path, suffix):
    scopes = tmp_path / f"scopes{suffix}"
    encode_corpus([mixed], scopes, EncodeOptions(workers=0))
    direct = [row for row in predicted([mixed], model, tmp_path) if row["status"] == "ok"]
    again = predicted([scopes], model, tmp_path)
    assert [row["id"] for row in again] == [row["id"] for row in direct]
    for one, other in zip(again, direct, strict=True):
        for name in ("gap", "energy", "gap_hi", "use_p"):
            assert float(one[name]) == pytest.approx(float(other[name]), rel=1e-4)


def test_a_table_of_formulas_is_one_of_partial_crystals(model, tmp_path):
    source = tmp_path / "formulas.csv"
    source.write_text("id,formula,space_group\na,NaCl,225\nb,Ca(NO3)2,\nc,Xx,1\nd,NaN,nonsense\n")
    rows = predicted([source], model, tmp_path)
    assert [(row["id"], row["code"]) for row in rows] == [
        ("a", ""), ("b", ""), ("c", "bad-formula"), ("d", "bad-space-group"),
    ]  # fmt: skip
    from stratus.scope.partial import partial_scope

    gap = model.predict([partial_scope("NaCl", 225), partial_scope("Ca(NO3)2")])["gap"]
    np.testing.assert_allclose([float(row["gap"]) for row in rows[:2]], gap, rtol=1e-5)
    assert rows[0]["energy"] == "", "the atoms of the cell are unknown"


def test_what_was_joined_in_a_formula_stands_in_the_notes(model, tmp_path):
    source = tmp_path / "formulas.csv"
    source.write_text("formula\nNa2S.9H2O\nNa2S·9H2O\nNa2S(H2O)9\nNa2.9H2O\n", encoding="utf-8")
    rows = predicted([source], model, tmp_path)
    assert [row["code"] for row in rows] == ["", "", "", "bad-formula"]
    assert [row["notes"] for row in rows[:3]] == [
        *["units joined by a dot: read as Na2S + 9 H2O"] * 2,
        "",
    ]
    assert len({row["formula"] for row in rows[:3]}) == 1
    gaps = [float(row["gap"]) for row in rows[:3]]
    np.testing.assert_allclose(gaps, gaps[0], rtol=1e-6)  # rows of a batch round apart
    assert "write Na2·9H2O" in rows[3]["detail"]


KEEP = PredictOptions(workers=0, keep_columns=True)


def test_the_users_own_columns_are_kept_also_of_rejects(model, example_cifs, tmp_path):
    cif = (example_cifs / "rock-salt.cif").read_text()
    with (tmp_path / "s.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "cif", "gap", "batch", "notes"])
        writer.writerow(["a", cif, 1.5, "007", "mine"])
        writer.writerow(["b", "no cif", 2.5, "x", ""])
    (tmp_path / "f.csv").write_text("ID,Formula,price\nc,Na4Cl4,1.50\nd,Xx,=2+3\n")
    inputs = [tmp_path / "s.csv", tmp_path / "f.csv"]
    rows = predicted(inputs, model, tmp_path, options=KEEP)
    names = list(rows[0])
    assert names[7:13] == ["notes", "label_gap", "batch", "label_notes", "Formula", "price"]
    kept = [[row[name] for name in names[8:13]] for row in rows]
    assert kept == [
        ["1.5", "007", "mine", "", ""],
        ["2.5", "x", "", "", ""],
        ["", "", "", "Na4Cl4", "1.50"],
        ["", "", "", "Xx", "=2+3"],
    ]
    assert [row["formula"] for row in rows] == ["NaCl", "", "NaCl", "Xx"]
    safe = predicted(inputs, model, tmp_path, options=KEEP, write=WriteOptions(safe_cells=True))
    assert safe[-1]["price"] == "'=2+3"


def test_a_logarithm_has_columns_in_its_unit_beside_it_and_the_file_says_so(tmp_path):
    bundled = stratus.load("bundled")
    write = WriteOptions(units=True, digits=4)
    predict_formulas(["MgO"], tmp_path / "o.parquet", bundled, write=write)
    [row] = pq.read_table(tmp_path / "o.parquet").to_pylist()
    for end in ("", "_lo", "_hi"):
        found = row[f"bulk_modulus{end}"]
        assert found == pytest.approx(10 ** row[f"log10_bulk_modulus{end}"], rel=5e-3)
        assert found == float(f"{found:.4g}")
    schema = pq.read_schema(tmp_path / "o.parquet")
    assert schema.field("bulk_modulus_hi").metadata == {b"unit": b"GPa", b"functional": b"PBE"}
    assert schema.field("cv@300K").metadata[b"functional"] == b"PBEsol"
    assert "bulk_modulus" not in predict_and_read(bundled, tmp_path)


def predict_and_read(model, folder: Path) -> list[str]:
    predict_formulas(["MgO"], folder / "plain.parquet", model)
    return pq.read_schema(folder / "plain.parquet").names


def test_inputs_of_all_kinds_follow_each_other(model, mixed, tmp_path, monkeypatch):
    scopes, formulas = tmp_path / "scopes.csv", tmp_path / "formulas.tsv"
    encode_corpus([mixed / "c0.cif"], scopes, EncodeOptions(workers=0))
    formulas.write_text("id\tformula\nf\tNaCl\n")
    text = (mixed / "c1.cif").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    inputs = [mixed / "c1.cif", str(scopes), scopes, "-", formulas, mixed / "c2.cif"]
    rows = predicted(inputs, model, tmp_path)
    assert [row["id"] for row in rows] == ["c1", "c0", "c0", "stdin", "f", "c2"]
    assert rows[0]["gap"][:7] == rows[3]["gap"][:7]


def test_a_wrong_string_is_a_reject_of_its_row(model, tmp_path):
    source = tmp_path / "scopes.csv"
    good = str(stratus.Scope.from_orbits(225, [("Na", "a"), ("Cl", "b")]))
    source.write_text(f"scope\n{good}\n{good} 7\n\nnonsense\n{good}\n")
    rows = predicted([source], model, tmp_path)
    codes = [row["code"] for row in rows]
    assert codes[0] == codes[-1] == ""
    assert set(codes[1:-1]) == {"unreadable"}
    assert [row["id"] for row in rows][:2] == ["scopes.csv:0", "scopes.csv:1"]


def test_a_crystal_too_long_for_the_model_is_a_reject(make_bundle, tmp_path):
    short = stratus.load(make_bundle(tmp_path / "short", max_length=8))
    source = tmp_path / "formulas.csv"
    source.write_text("id,formula\nshort,NaCl\nlong,LiNaKRbCsBeMgO\n")
    rows = predicted([source], short, tmp_path)
    assert [row["code"] for row in rows] == ["", "too-long"]


def test_strings_of_another_dialect_are_refused(model, tmp_path):
    pq.write_table(pa.table({"scope": ["x"], "dialect": ["paper"]}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"row 0 .*t\.parquet is of dialect 'paper'"):
        predicted([tmp_path / "t.parquet"], model, tmp_path)


def test_windows_hold_all_rows_whatever_their_size(model, mixed):
    whole = list(model.stream([mixed], options=HERE))
    small = list(model.stream([mixed], options=HERE, batch_size=1))
    assert [len(window.rows) for window in small] == [4, 4]
    [one] = whole
    gap = np.concatenate([window.predicted["gap"].value for window in small])
    np.testing.assert_allclose(gap, one.predicted["gap"].value, rtol=1e-5)
    assert one.where.tolist() == [0, 1, 2, -1, 3, -1, 4, -1]


def test_an_older_table_stays_until_the_new_one_is_whole(model, mixed, tmp_path):
    output = tmp_path / "out.csv"
    output.write_text("old")

    def stop(_window) -> None:
        assert output.read_text() == "old"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_corpus([mixed], output, model, options=HERE, on_window=stop)
    assert output.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mixed", "out.csv"]


@pytest.mark.parametrize(
    ("inputs", "output", "message"),
    [
        ([], "out.csv", "No input was given"),
        (["nowhere.cif"], "out.csv", "nowhere.cif does not exist"),
        (["mixed"], "out.txt", r"out.txt must end in .csv or .parquet"),
        (["mixed"], "nowhere/out.csv", "nowhere does not exist; make it first"),
        (["mixed"], "mixed/out.csv", "lies in the input folder"),
    ],
)
@pytest.mark.usefixtures("mixed")
def test_what_can_not_work_is_refused_at_once(model, tmp_path, inputs, output, message):
    paths = [tmp_path / name for name in inputs]
    with pytest.raises(InputError, match=message):
        predict_corpus(paths, tmp_path / output, model, options=HERE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mixed"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_full_disk_is_one_sentence(model, mixed, tmp_path, monkeypatch):
    def full(_path):
        (tmp_path / "draft").symlink_to("/dev/full")
        return tmp_path / "draft"

    monkeypatch.setattr("stratus.files.whole._new_beside", full)
    with pytest.raises(StratusError, match=r"predictions cannot be written.*No space left"):
        predict_corpus([mixed], tmp_path / "out.csv", model, options=HERE)


def test_the_summary_counts_what_the_table_holds(model, mixed, tmp_path):
    summary = predict_corpus([mixed], tmp_path / "out.csv", model, options=HERE)
    rows = table(tmp_path / "out.csv")
    assert summary.rows == len(rows) == 8
    assert sum(summary.rejects.values()) == sum(row["status"] == "reject" for row in rows) == 3
    assert len(summary.first_rejects) == 3
    assert "c2b.cif" in summary.first_rejects[0]


def test_torch_has_its_threads_again_after_a_job_that_fails(tmp_path, monkeypatch):
    seen = []
    before = torch.get_num_threads()
    monkeypatch.setattr(torch, "set_num_threads", seen.append)

    def windows():
        raise StratusError("stop")
        yield

    with pytest.raises(StratusError, match="stop"):
        write_windows(tmp_path / "out.csv", [Column("id")], windows(), lambda _: [])
    assert seen == [max(1, before // 2), before]
