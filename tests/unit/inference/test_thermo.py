"""A line for each crystal and temperature, in order; and the curves are those of Python."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import stratus
from stratus.errors import InputError
from stratus.inference import predictor
from stratus.inference.inputs import PredictOptions
from stratus.inference.jobs.thermo import temperature_range, thermo_corpus
from stratus.inference.predictor import Predictor
from stratus.models.net import Net
from stratus.physics.quantities import GAS_CONSTANT

HERE = PredictOptions(workers=0)
KELVIN = [0.0, 50.0, 300.0, 1000.0]
COLUMNS = [
    "id", "status", "code", "detail", "source", "formula", "space_group", "notes",
    "temperature_k", "cv", "cv_lo", "cv_hi", "u", "u_lo", "u_hi", "s", "s_lo", "s_hi",
    "f", "f_lo", "f_hi", "theta_k",
]  # fmt: skip


@pytest.fixture(scope="module")
def model(law_bundle):
    return stratus.load(law_bundle)


@pytest.fixture
def mixed(tmp_path, example_cifs) -> Path:
    """Four crystals with a broken file between them."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    for number, path in enumerate(sorted(example_cifs.glob("*.cif"))[:4]):
        (folder / f"c{number}.cif").write_bytes(path.read_bytes())
    (folder / "c1b.cif").write_text("data_d\n_cell_length_a banana\n")
    return folder


def table(inputs, model, folder: Path, **settings) -> list[dict[str, str]]:
    thermo_corpus(inputs, folder / "out.csv", model, KELVIN, **{"options": HERE, **settings})
    with (folder / "out.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_crystal_has_a_line_for_each_temperature_and_a_reject_has_one(model, mixed, tmp_path):
    rows = table([mixed], model, tmp_path)
    assert list(rows[0]) == COLUMNS
    expected = [
        (name, "reject" if name == "c1b" else "ok", kelvin)
        for name in ("c0", "c1", "c1b", "c2", "c3")
        for kelvin in ([""] if name == "c1b" else ["0", "50", "300", "1000"])
    ]
    assert [(row["id"], row["status"], row["temperature_k"]) for row in rows] == expected
    [reject] = [row for row in rows if row["status"] == "reject"]
    assert reject["code"]
    assert reject["detail"]
    assert reject["source"] == str(mixed / "c1b.cif")
    assert not any(reject[name] for name in COLUMNS[5:])


@pytest.mark.parametrize("per", ["atom", "formula", "cell"])
def test_the_table_holds_what_python_gives(model, mixed, tmp_path, per):
    rows = [row for row in table([mixed], model, tmp_path, per=per) if row["status"] == "ok"]
    names = [mixed / f"c{number}.cif" for number in range(4)]
    curves = model.curves(names, KELVIN, per=per, interval=0.9)
    for name, curve in curves.curves.items():
        values = np.array([float(row[name]) for row in rows]).reshape(4, 4)
        np.testing.assert_allclose(values, curve.value, rtol=1e-5, atol=1e-9)
    for end in ("lo", "hi"):
        ends = np.array([float(row[f"cv_{end}"]) for row in rows]).reshape(4, 4)
        np.testing.assert_allclose(ends, getattr(curves.cv, end), rtol=1e-5, atol=1e-6)
        assert all(row[f"u_{end}"] == "" for row in rows), "nothing is calibrated for it"
    thetas = np.array([float(row["theta_k"]) for row in rows]).reshape(4, 4)
    np.testing.assert_allclose(thetas, np.repeat(curves.theta_k[:, None], 4, axis=1), rtol=1e-5)
    assert len(set(thetas[:, 0])) > 1


def test_amounts_differ_by_the_atoms_that_they_are_of(model, tmp_path, example_cifs):
    salt = example_cifs / "rock-salt.cif"
    cv = {per: float(table([salt], model, tmp_path, per=per)[-1]["cv"])
          for per in ("atom", "formula", "cell")}  # fmt: skip
    assert cv["formula"] == pytest.approx(2 * cv["atom"], rel=1e-6)
    assert cv["cell"] == pytest.approx(2 * cv["atom"], rel=1e-6)
    assert 0.8 * 3 * GAS_CONSTANT < cv["atom"] < 3 * GAS_CONSTANT


def test_no_interval_leaves_its_cells_empty(model, mixed, tmp_path):
    rows = table([mixed], model, tmp_path, interval=None)
    assert all(row["cv"] and not row["cv_lo"] and not row["cv_hi"] for row in rows if row["cv"])


def test_windows_hold_all_rows_whatever_their_size(model, mixed, monkeypatch):
    def seen(**settings):
        windows = list(model.stream_curves([mixed], KELVIN, options=HERE, **settings))
        ids = [row.id for window in windows for row in window.rows]
        return len(windows), ids, np.concatenate([window.curves.s.value for window in windows])

    one, ids, whole = seen()
    several, again, parts = seen(batch_size=1)
    monkeypatch.setattr(predictor, "_POINTS", 2)  # many temperatures make windows small
    *_, least = seen()
    assert (one, several) == (1, 2)
    assert ids == again == ["c0", "c1", "c1b", "c2", "c3"]
    np.testing.assert_allclose(parts, whole, rtol=1e-5)
    np.testing.assert_allclose(least, whole, rtol=1e-5)


def test_a_window_of_rejects_alone_is_no_trouble(model, tmp_path):
    (tmp_path / "bad.cif").write_text("data_d\n_cell_length_a banana\n")
    rows = table([tmp_path / "bad.cif"], model, tmp_path)
    assert [row["status"] for row in rows] == ["reject"]


def test_a_table_of_formulas_has_curves_per_atom_and_formula_but_not_per_cell(model, tmp_path):
    formulas = tmp_path / "formulas.csv"
    formulas.write_text("id,formula\nsalt,NaCl\n")
    assert table([formulas], model, tmp_path)[2]["cv"]
    assert table([formulas], model, tmp_path, per="formula")[2]["cv"]
    [*_, last] = table([formulas], model, tmp_path, per="cell")
    assert (last["status"], last["cv"], last["cv_lo"]) == ("ok", "", "")
    assert last["theta_k"]


def test_the_summary_counts_what_the_table_holds(model, mixed, tmp_path):
    summary = thermo_corpus([mixed], tmp_path / "out.csv", model, KELVIN, options=HERE)
    assert (summary.crystals, summary.temperatures, summary.lines) == (5, 4, 17)
    assert sum(summary.rejects.values()) == 1
    assert len(summary.first_rejects) == 1
    assert summary.rate > 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"per": "mole"}, "no value of per 'mole'"),
        ({"interval": 1.5}, "1.5"),
        ({"batch_size": 0}, "batch_size is at least 1"),
        ({"temperatures_k": []}, "no temperature"),
        ({"temperatures_k": [-1.0]}, "-1"),
    ],
)
def test_what_can_not_be_is_refused_before_anything_is_read(model, mixed, settings, said):
    with pytest.raises(InputError, match=said):
        model.stream_curves([mixed], **{"temperatures_k": KELVIN, **settings})


def test_a_model_without_a_law_is_refused(model, mixed, tmp_path):
    bare = tuple(Net(each.encoder) for each in model.model.members)
    lawless = Predictor(replace(model.model, members=bare))
    with pytest.raises(InputError, match="no head of a thermodynamic law"):
        thermo_corpus([mixed], tmp_path / "out.csv", lawless, KELVIN)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((0, 30, 10), [0, 10, 20, 30]), ((0, 35, 10), [0, 10, 20, 30]),
        ((300, 300, 10), [300]), ((0, 0.3, 0.1), [0, 0.1, 0.2, 0.3]),
    ],
)  # fmt: skip
def test_temperatures_go_up_to_the_highest(ends, expected):
    assert temperature_range(*ends).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((-5, 10, 1), "not from -5 to 10"), ((20, 10, 1), "not from 20 to 10"),
        ((0, 10, 0), "above 0 K, not 0"), ((0, float("inf"), 1), "to inf"),
        ((0, 1e6, 1), "more than 100,000"), ((0, 10, float("nan")), "not nan"),
    ],
)  # fmt: skip
def test_what_is_no_range_is_refused(ends, said):
    with pytest.raises(InputError, match=said):
        temperature_range(*ends)


def test_a_quantity_without_calibration_is_named_once_for_all_groups(model, mixed, caplog):
    from stratus.tasks import curves

    curves._say_uncalibrated.cache_clear()
    list(model.stream_curves([mixed], KELVIN, interval=0.9, options=HERE, batch_size=1))
    said = [line.getMessage() for line in caplog.records if "no intervals" in line.getMessage()]
    assert sorted(text[0] for text in said) == ["f", "s", "u"]


def test_no_more_of_a_stream_is_held_than_a_window(model, monkeypatch):
    monkeypatch.setattr(predictor, "_POINTS", 2 * len(KELVIN))
    taken = 0

    def stream():
        nonlocal taken
        for _ in range(100):
            taken += 1
            text = "i1 bOOO gDDD cDDD | Ti 2a O 4f | O 2 Ti 1 | 6"
            yield text

    windows = model.stream_curves(stream(), KELVIN)
    assert len(next(windows).rows) == taken == 8
    assert len(next(windows).curves) == 8
    assert taken == 16
