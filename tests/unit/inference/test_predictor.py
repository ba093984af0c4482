"""One call takes whatever holds crystals, and gives the rows that the command line writes."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk
from pymatgen.core import Composition, Structure
from typer.testing import CliRunner

import stratus
from stratus.cli.app import app
from stratus.crystals.entry import Code
from stratus.errors import InputError
from stratus.inference.inputs import PredictOptions
from stratus.scope import PaperScope

ROCK_SALT = "i1 aODD aDOD bOOO cOOO dOOO eOOO | Na 4a Cl 4b | Na 1 Cl 1 | 2"


@pytest.fixture
def salt(example_cifs) -> Path:
    return example_cifs / "rock-salt.cif"


@pytest.fixture
def structure(salt) -> Structure:
    return next(stratus.read(salt)).structure


def by_command(inputs, bundle, folder: Path, *flags: str) -> list[dict[str, str]]:
    """Return the rows that the command line writes."""
    output = folder / "by-command.csv"
    words = ["predict", *map(str, inputs), "-o", output, "--model", bundle, "-q", *flags]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code in {0, 1}, done.output
    with output.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def assert_same_rows(frame: pd.DataFrame, rows: list[dict[str, str]]) -> None:
    """Hold a table of Python against one of the command line, cell by cell."""
    assert [frame.index.name, *frame.columns] == list(rows[0])
    assert frame.index.tolist() == [row["id"] for row in rows]
    for name in frame.columns:
        cells = [row[name] for row in rows]
        if frame[name].dtype == np.float64:
            numbers = [float(cell) if cell else np.nan for cell in cells]
            np.testing.assert_allclose(frame[name].to_numpy(), numbers, rtol=1e-6, err_msg=name)
        else:
            assert ["" if value is pd.NA else str(value) for value in frame[name]] == cells, name


@pytest.mark.parametrize(
    "kind",
    ["file", "folder", "scope", "formula", "structures.csv", "scopes.parquet", "formulas.xlsx",
     "two.cif", "bad.cif"],
)  # fmt: skip
def test_python_and_the_command_line_give_the_same_rows(
    kind, model, bundle, salt, example_cifs, tmp_path
):
    if kind == "folder":
        given = example_cifs
    elif kind in {"scope", "formula"}:
        given = {"scope": ROCK_SALT, "formula": "Ca(NO3)2"}[kind]
    elif kind == "file":
        given = salt
    else:
        given = tmp_path / kind
        cif = salt.read_text()
        frames = {
            "structures.csv": {"id": ["a", "b", "c"], "cif": [cif, "nothing", cif]},
            "scopes.parquet": {"id": ["a", "b"], "scope": [ROCK_SALT, "nonsense"]},
            "formulas.xlsx": {"formula": ["NaCl", "Xx"], "space_group": ["225", "1"]},
        }
        if kind == "two.cif":
            given.write_text(f"{cif}\n{(example_cifs / 'diamond.cif').read_text()}")
        elif kind == "bad.cif":
            given.write_text("data_d\n_cell_length_a banana\n")
        elif kind.endswith(".csv"):
            pd.DataFrame(frames[kind]).to_csv(given, index=False)
        elif kind.endswith(".parquet"):
            pd.DataFrame(frames[kind]).to_parquet(given)
        else:
            pytest.importorskip("openpyxl")
            pd.DataFrame(frames[kind]).to_excel(given, index=False)
    found = model.predict(given, errors="coerce", interval=0.9)
    assert_same_rows(found.to_pandas(), by_command([given], bundle, tmp_path, "--workers", "0"))
    if kind in {"structures.csv", "bad.cif"}:
        options = PredictOptions(workers=1, timeout_s=30)
        again = model.predict(given, errors="coerce", interval=0.9, options=options)
        pd.testing.assert_frame_equal(again.to_pandas(), found.to_pandas(), rtol=1e-6)


def test_every_kind_of_input_goes_through_one_call(model, salt, structure, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "salt.cif").write_text(salt.read_text())
    pd.DataFrame({"id": ["t"], "scope": [ROCK_SALT]}).to_parquet(tmp_path / "t.parquet")
    whole = {
        "path": salt,
        "path as a text": str(salt),
        "folder": tmp_path / "folder",
        "SCOPE string": ROCK_SALT,
        "scope": stratus.Scope.parse(ROCK_SALT),
        "CIF text": salt.read_text(),
        "Structure": structure,
        "mapping": structure.as_dict(),
        "Atoms": bulk("NaCl", "rocksalt", a=5.64),
        "entry": next(stratus.read(salt)),
        "Series": pd.Series([structure]),
        "array": np.array([structure, None], dtype=object)[:1],
        "DataFrame of structures": pd.DataFrame({"structure": [structure]}),
        "DataFrame of arrays": pd.DataFrame(
            {
                "lattice": [structure.lattice.matrix],
                "species": [[str(one) for one in structure.species]],
                "frac_coords": [structure.frac_coords],
            }
        ),
        "DataFrame of strings": pd.DataFrame({"scope": [ROCK_SALT]}),
        "table": tmp_path / "t.parquet",
    }
    partial = {
        "formula": "NaCl",
        "Composition": Composition("NaCl"),
        "mapping of amounts": {"Na": 1, "Cl": 1.0},
        "DataFrame of formulas": pd.DataFrame({"formula": ["NaCl"]}),
    }
    for kinds, group in ((whole, 225), (partial, pd.NA)):
        expected = None
        for name, value in kinds.items():
            frame = model.predict(value).to_pandas()
            assert frame[["status", "formula"]].to_numpy().tolist() == [["ok", "NaCl"]], name
            assert (frame["space_group"].iloc[0] is group) or frame["space_group"].iloc[0] == group
            expected = frame["gap"].iloc[0] if expected is None else expected
            assert frame["gap"].iloc[0] == pytest.approx(expected, rel=1e-6), name
    mixed = [*list(whole.values())[:10], *list(partial.values())[:3]]
    assert len(model.predict(mixed).ids) == len(mixed)
    assert len(model.predict(iter(mixed)).ids) == len(mixed)


def test_rejects_keep_their_places_and_their_codes(model, salt, structure):
    bad = {
        "missing.cif": Code.UNREADABLE,
        "Xx2": Code.BAD_FORMULA,
        " ": Code.UNREADABLE,
        None: Code.UNREADABLE,
        float("nan"): Code.UNREADABLE,
        pd.NA: Code.UNREADABLE,
        pd.NaT: Code.UNREADABLE,
        b"NaCl": Code.NOT_A_STRUCTURE,
        7: Code.NOT_A_STRUCTURE,
        ROCK_SALT.replace("4b", "8c"): Code.UNREADABLE,
        PaperScope(225, ("4a",), (("Cu", "1.0"),)): Code.UNREADABLE,
    }
    values = [salt, *bad, {"a": 1}, [structure], structure]
    found = model.predict(values, errors="coerce", interval=0.5)
    codes = [*bad.values(), Code.NOT_A_STRUCTURE, Code.NOT_A_STRUCTURE]
    assert [reject.code for reject in found.rejects] == codes
    frame = found.to_pandas()
    assert frame["code"].tolist() == ["", *map(str, codes), ""]
    for one in (found["gap"].value, found["gap"].std, found["gap"].lo, frame["gap_hi"]):
        assert np.isfinite(one).tolist() == [True, *[False] * len(codes), True]
    assert np.isnan(found["use"].value[1:-1]).all()
    assert len(found["gap"].notes or found.ids) == len(found.notes) == len(values)
    assert all(reject.detail and "Error" not in reject.detail for reject in found.rejects)
    for value, code in zip(bad, codes, strict=False):
        with pytest.raises(InputError, match=rf"^crystal 1: .*\({code}\)$"):
            model.predict([salt, value])


def test_vectors_and_curves_take_the_same(model, salt, law_bundle):
    vectors = model.embed([salt, "Xx", "NaCl"], errors="coerce")
    assert np.isfinite(vectors).all(axis=1).tolist() == [True, False, True]
    np.testing.assert_allclose(vectors[2], model.embed("NaCl")[0], atol=1e-5)
    law = stratus.load(law_bundle)
    curves = law.curves([salt, "Xx", "NaCl"], [0, 300], errors="coerce", interval=0.9)
    assert curves.ids == ("rock-salt", "Xx", "NaCl")
    assert [reject.code for reject in curves.rejects] == [Code.BAD_FORMULA]
    assert np.isfinite(curves.cv.lo).all(axis=1).tolist() == [True, False, False]
    for part in (curves.cv.value, curves.theta_k[:, None]):
        assert np.isfinite(part).all(axis=1).tolist() == [True, False, True]
    with pytest.raises(InputError, match=r"^crystal 1: Xx: .*\(bad-formula\)$"):
        law.curves([salt, "Xx"], [300])


def test_a_table_of_curves_is_that_of_the_command_line(law_bundle, salt, tmp_path):
    inputs = [salt, salt.with_name("silicon-germanium.cif"), salt.with_name("corundum.cif")]
    law = stratus.load(law_bundle)
    curves = law.curves(inputs, [0, 100, 200], errors="coerce", interval=0.9, per="formula")
    words = ["thermo", *inputs, "-o", tmp_path / "out.csv", "--model", law_bundle, "-q"]
    words += ["--per", "formula", "--t-max", "200", "--step", "100", "--workers", "0"]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    frame = curves.to_pandas()
    assert_same_rows(frame, rows)
    assert len(frame) == 7
    assert (frame.attrs["per"], frame.attrs["units"]["cv_hi"]) == ("formula", "J/(mol K)")
    assert "cv_lo" not in law.curves(salt, [0]).to_pandas().columns
    assert law.curves([], [0]).to_pandas().empty


def test_a_file_that_is_called_like_a_formula_is_read_with_a_note(
    model, structure, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    structure.to(filename="POSCAR")
    Path("POSCAR").rename("KCl")
    found = model.predict(["KCl", "NaCl"])
    assert found.to_pandas()["space_group"].tolist() == [225, pd.NA]
    assert found.notes == ("KCl is read as the file of this name, not as a formula", "")


def test_a_series_and_a_table_give_their_index_as_ids(model, salt, structure):
    series = pd.Series([structure, "NaCl", str(salt), ROCK_SALT], index=["a", "b", "a", 7])
    assert model.predict(series).ids == ("a", "b", "a", "7")
    table = pd.DataFrame({"formula": ["NaCl", None, "MgO"]}, index=[3, 3, "x"])
    found = model.predict(table, errors="coerce")
    assert found.ids == ("3", "3", "x")
    assert [row.place for row in found.rows] == [0, 1, 2]
    table["material_id"] = ["mp-1", "mp-2", "mp-3"]
    assert model.predict(table, errors="coerce").ids == ("mp-1", "mp-2", "mp-3")
    with pytest.raises(InputError, match="crystal 1: mp-2: "):
        model.predict(table)
    assert model.predict(table[["formula"]].iloc[:0]).to_pandas().empty


def test_numpy_takes_predictions_for_their_values(model):
    found = model.predict(["NaCl", "MgO"])
    assert list(found) == list(model.tasks)
    np.testing.assert_array_equal(np.asarray(found["gap"]), found["gap"].value)
    assert np.asarray(found["gap"], dtype=np.float32).dtype == np.float32
    assert np.shape(found["use"]) == (2, 3)
    assert found["gap"][1] == found["gap"].value[1]
    np.testing.assert_array_equal(found["gap"] - found["gap"].value, [0, 0])


def test_the_table_says_units_and_functionals_and_leaves_out_what_was_not_asked():
    bundled = stratus.load("bundled")
    frame = bundled.predict("NaCl").to_pandas()
    assert not [name for name in frame.columns if name.endswith(("_lo", "_hi"))]
    assert frame.attrs["units"]["log10_bulk_modulus"] == "log10(GPa)"
    assert frame.attrs["functionals"]["cv@300K"] == "PBEsol"
    assert frame.attrs["model"] == "stratus-bundled"
    plain = bundled.predict("NaCl", interval=0.9).to_pandas(units=True)
    assert plain.attrs["units"]["bulk_modulus_hi"] == "GPa"
    assert plain["bulk_modulus"].iloc[0] == pytest.approx(10 ** frame["log10_bulk_modulus"].iloc[0])


def test_the_face_in_a_notebook_is_small_and_escaped(model):
    many = pd.Series(["NaCl"] * 40 + ["Xx"], index=["<script>"] + ["x" * 5000] * 39 + ["bad"])
    page = model.predict(many[::-1], errors="coerce")._repr_html_()
    assert len(page) < 4000
    assert "gap<br><small>eV</small>" in page
    assert "31 more crystals" in page
    assert "bad-formula" in page
    page = model.predict(many[:1])._repr_html_()
    assert "&lt;script&gt;" in page
    assert re.findall(r"<(?!/?(?:table|caption|tr|th|td|br|small|em|p)\b)", page) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"inputs": 3}, "a int is no crystal and holds none"),
        ({"inputs": None}, "a NoneType is no crystal and holds none"),
        ({"inputs": np.zeros((2, 3))}, r"an array of shape \[2, 3\]"),
        ({"inputs": "NaCl", "errors": "ignore"}, "no value of errors 'ignore'"),
        ({"inputs": "NaCl", "interval": 90}, "between 0 and 1, not 90"),
        ({"inputs": "NaCl", "batch_size": 0}, "batch_size is at least 1"),
    ],
)
def test_what_can_not_be_is_one_sentence(model, arguments, said):
    with pytest.raises(InputError, match=said):
        model.predict(**arguments)


@pytest.mark.parametrize("word", ["missing.cif", "no/where", "rutil"])
def test_the_command_line_finds_a_mistyped_name_before_it_begins(word, bundle, salt, tmp_path):
    words = ["predict", str(salt), word, "-o", tmp_path / "out.csv", "--model", bundle]
    done = CliRunner().invoke(app, [str(one) for one in words])
    assert done.exit_code == 2, done.output
    assert not (tmp_path / "out.csv").exists()
