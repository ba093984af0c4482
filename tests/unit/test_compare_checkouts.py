"""The script that holds two checkouts against each other finds what differs."""

from __future__ import annotations

import importlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

PREDICTIONS = pd.DataFrame(
    {"id": ["a", "b"], "notes": ["", "seen"], "gap": [1.25, np.nan], "seconds": [0.5, 0.25]}
)
WEIGHTS = {"one": np.arange(6.0).reshape(2, 3), "other": np.zeros(2)}


@pytest.fixture
def script(repo_root, monkeypatch):
    monkeypatch.syspath_prepend(repo_root / "scripts")
    return importlib.import_module("compare_checkouts")


@pytest.fixture
def sides(tmp_path):
    before = tmp_path / "before" / "run"
    before.mkdir(parents=True)
    PREDICTIONS.to_csv(before / "predictions.csv", index=False)
    PREDICTIONS.to_parquet(before / "predictions.parquet")
    (before / "metrics.json").write_text(json.dumps({"gap": {"mae": [0.5, 0.25]}, "rate": 3}))
    save_file(WEIGHTS, before / "weights.safetensors")
    np.savez(before / "python.npz", gap=[1.25, 2.5])
    shutil.copytree(tmp_path / "before", tmp_path / "after")
    return tmp_path / "before", tmp_path / "after"


def test_equal_outputs_are_the_same_bits(script, sides, capsys):
    before, after = sides
    renamed = {"net.one": WEIGHTS["one"], "net.other": WEIGHTS["other"]}
    save_file(renamed, after / "run" / "weights.safetensors")
    other = PREDICTIONS.assign(seconds=[9, 9], notes=["new", "seen"])
    other.to_parquet(after / "run" / "predictions.parquet")
    (after / "run" / "metrics.json").write_text(
        json.dumps({"gap": {"mae": [0.5, 0.25]}, "rate": 4, "more": 1})
    )
    assert script.report(before, after, ["run"]) == 0
    said = capsys.readouterr().out
    assert said.count("same bits") == 5
    assert "remark: predictions.parquet, notes: 1 of 2 differ, first '', now 'new'" in said


CHANGES = {
    "a number": lambda at: PREDICTIONS.assign(gap=[1.25001, np.nan]).to_csv(at / "predictions.csv"),
    "a number for none": lambda at: PREDICTIONS.assign(gap=[1.25, 1]).to_csv(
        at / "predictions.csv"
    ),
    "an id": lambda at: PREDICTIONS.assign(id=["a", "c"]).to_parquet(at / "predictions.parquet"),
    "a column": lambda at: PREDICTIONS[["id"]].to_parquet(at / "predictions.parquet"),
    "rows": lambda at: PREDICTIONS[:1].to_parquet(at / "predictions.parquet"),
    "a metric": lambda at: (at / "metrics.json").write_text('{"gap": {"mae": [0.5, 0.26]}}'),
    "a metric that is gone": lambda at: (at / "metrics.json").write_text('{"gap": {"mae": [0.5]}}'),
    "a weight": lambda at: save_file(WEIGHTS | {"other": np.ones(2)}, at / "weights.safetensors"),
    "an array": lambda at: np.savez(at / "python.npz", gap=[1.25, 2.6]),
    "a shape": lambda at: np.savez(at / "python.npz", gap=[1.25]),
    "a file that is gone": lambda at: (at / "python.npz").unlink(),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_differs_is_found(script, sides, what):
    before, after = sides
    CHANGES[what](after / "run")
    assert script.report(before, after, ["run"]) == 1


def test_differences_of_batches_composed_anew_are_said_and_allowed(script, sides, capsys):
    before, after = sides
    np.savez(after / "run" / "python.npz", gap=[1.25, 2.5 * (1 + 1e-7)])
    assert script.report(before, after, ["run"]) == 0
    assert "max relative difference 1.0e-07, at gap" in capsys.readouterr().out
