"""``stratus model score`` measures what predict predicts, and a checkpoint as its model."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import stratus
from stratus.cli.app import app
from stratus.corpora import read_labelled
from stratus.errors import InputError
from stratus.inference.labelled_scores import _labels, read_for_scores, score_labels
from stratus.inference.predictor import load
from stratus.tasks.task import make_task
from stratus.training.options import make_options
from stratus.training.pretrain import pretrain

PAIRS = [(a, b) for a in ("Ti", "Sn", "Pb", "Ge", "Mn", "V", "Cr") for b in ("O", "F", "S")]
TEXTS = [f"i1 bOOO gDDD cDDD | {a} 2a {b} 4f | {b} 2 {a} 1 | 6" for a, b in PAIRS]


def score(*words):
    return CliRunner().invoke(app, ["model", "score", *map(str, words)], env={"COLUMNS": "120"})


@pytest.fixture
def table(tmp_path):
    rows = len(TEXTS)
    columns = {
        "id": [f"c{k}" for k in range(rows)],
        "scope": TEXTS,
        "band_gap": np.linspace(0, 4, rows),
        "cp_of_nobody": 1.0,
    }
    frame = pd.DataFrame(columns)
    frame.loc[2, "band_gap"] = np.nan
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def test_a_model_is_measured_on_what_predict_predicts(table, tmp_path):
    done = score("bundled", table, "-o", tmp_path / "out.json")
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "out.json").read_text())
    gap = found["targets"]["band_gap"]
    assert list(found["targets"]) == ["band_gap"]
    assert (found["rows"], found["rejects"], gap["rows"]) == (21, {}, 20)
    frame = pd.read_csv(table)
    values = stratus.load("bundled").predict(TEXTS)["band_gap"].value
    errors = (values - frame.band_gap).dropna()
    assert gap["model"]["mae"] == pytest.approx(errors.abs().mean())
    assert gap["model"]["rmse"] == pytest.approx(np.sqrt((errors**2).mean()))
    constant = (frame.band_gap - frame.band_gap.mean()).abs().mean()
    assert gap["constant"]["mae"] == pytest.approx(constant)
    assert gap["constant"]["r2"] == pytest.approx(0)
    assert f"{gap['model']['mae']:.4g}" in done.output
    assert "best constant guess" in done.output


def test_crystals_that_cannot_be_predicted_are_counted(table, tmp_path):
    frame = pd.read_csv(table)
    frame.loc[0, "scope"] = "no string"
    frame.to_csv(table, index=False)
    done = score("bundled", table, "-o", tmp_path / "out.json")
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["rows"], sum(found["rejects"].values())) == (21, 1)
    assert found["targets"]["band_gap"]["rows"] == 19


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--target", "band_gip"], "did you mean band_gap"),
        (["--target", "volume_per_atom"], "volume_per_atom"),
    ],
)
def test_a_mistake_is_one_sentence(table, flags, sentence):
    done = score("bundled", table, *flags)
    assert done.exit_code == 2
    assert done.output.count("Error:") == 1
    assert sentence in done.output


def test_a_table_of_nothing_that_is_predicted_is_refused(table):
    frame = pd.read_csv(table).drop(columns="band_gap")
    frame.to_csv(table, index=False)
    done = score("bundled", table)
    assert done.exit_code == 2
    assert "has no column that the model predicts; it predicts" in done.output


def test_classes_are_those_of_the_model_in_its_order(tmp_path):
    path = tmp_path / "classes.csv"
    names = ["metal", "wide", "metal", "narrow"]
    pd.DataFrame({"id": list("abcd"), "scope": TEXTS[:4], "kind": names}).to_csv(path, index=False)
    read = read_labelled(path, targets=["kind"], kinds={"kind": "multiclass"})
    task = make_task(
        {"column": "kind", "kind": "multiclass", "classes": ("wide", "metal", "narrow")}
    )
    assert _labels(read, task).tolist() == [1, 0, 1, 2]
    fewer = make_task(
        {"column": "kind", "kind": "multiclass", "classes": ("wide", "metal", "thin")}
    )
    with pytest.raises(InputError, match="class of kind"):
        _labels(read, fewer)


def test_python_gives_what_the_command_line_gives(table, tmp_path):
    score("bundled", table, "-o", tmp_path / "out.json", "--not-imposed", "-q")
    predictor = load("bundled")
    read = read_for_scores(predictor, [table], ["band_gap"])
    found = score_labels(predictor, read, imposed=False)
    assert json.loads((tmp_path / "out.json").read_text()) == found.model_dump(mode="json")


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "strings.parquet"
    columns = {"id": list(map(str, range(21))), "scope": TEXTS, "dialect": ["orbit"] * 21}
    pq.write_table(pa.table(columns), path)
    sizes = {"hidden": 16, "layers": 1, "heads": 2, "feed_forward": 16}
    options = make_options(
        {"model": sizes, "epochs": 2, "batch_size": 4, "accelerator": "cpu", "keep": 9},
        {"fractions": [0.6, 0.2, 0.2], "masking": {"ratio": 0.15}, "learning_rate": 0.01},
    )
    summary = pretrain(path, tmp_path / "run", options)
    return path, tmp_path / "run", summary


def test_a_checkpoint_is_measured_as_the_model_of_its_step(run, tmp_path):
    table, folder, summary = run
    best = folder / "checkpoints" / f"step-{summary.best_step:06d}"
    outputs = []
    for where in (best, folder / "bundle"):
        done = score(where, table, "-o", tmp_path / "out.json")
        assert done.exit_code == 0, done.output
        outputs.append(json.loads((tmp_path / "out.json").read_text()))
    assert outputs[0]["step"] == summary.best_step
    assert outputs[0]["crystals"] == 21
    assert outputs[0]["model_score"] == outputs[1]["model_score"]
    assert outputs[0]["model_score"]["places"] > 20
    others = [path for path in (folder / "checkpoints").glob("step-*") if path != best]
    assert others
    done = score(others[0], table, "-o", tmp_path / "out.json", "-q")
    other = json.loads((tmp_path / "out.json").read_text())
    assert other["model_score"]["loss"] != outputs[0]["model_score"]["loss"]
    tensors = others[0] / "tensors.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-1])
    done = score(others[0], table)
    assert done.exit_code == 2
    assert "tensors.safetensors" in done.output
