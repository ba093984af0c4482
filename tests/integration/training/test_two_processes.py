"""Two processes that share the batches learn what one process learns."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from stratus.training.options import make_options
from stratus.training.pretrain import pretrain


def losses(run: Path, log: str) -> list[float]:
    folder = run / "logs" if (run / "logs").exists() else run
    with (folder / log).open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def run(*command) -> str:
    """Run a command of stratus; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "stratus", *map(str, command)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def assert_close(one: Path, two: Path) -> None:
    """Compare the weights of two bundles."""
    tensors = load_file(two / "weights.safetensors")
    for name, expected in load_file(one / "weights.safetensors").items():
        np.testing.assert_allclose(tensors[name], expected, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_two_gloo_processes_pre_train_as_one(table, tiny, tmp_path):
    # 64 rows a batch and a last batch of less: the processes get different numbers of tokens
    options = tiny | {"encoder": "orbit-set", "model": tiny["model"] | {"dropout": 0.0}}
    pretrain(table, tmp_path / "one", make_options(options))
    config = tmp_path / "options.yaml"
    config.write_text(yaml.safe_dump(options | {"devices": 2, "strategy": "ddp"}))
    said = run("pretrain", table, "-o", tmp_path / "two", "--config", config)
    assert said.count("parameters") == 1  # the second process prints nothing
    assert "2 x cpu" in said
    for log in ("train.csv", "validation.csv"):
        np.testing.assert_allclose(
            losses(tmp_path / "two", log), losses(tmp_path / "one", log), rtol=1e-6
        )
    assert_close(tmp_path / "one/bundle", tmp_path / "two/bundle")
    metrics = [json.loads((tmp_path / n / "metrics.json").read_text()) for n in ("one", "two")]
    assert metrics[0]["rows"] == metrics[1]["rows"]
    assert metrics[0]["baselines"] == metrics[1]["baselines"]


@pytest.mark.slow
def test_two_gloo_processes_fine_tune_as_one(labels, tiny, tmp_path):
    task = {"column": "size", "loss": "mse", "by": {"dropout": 0.0}}
    sizes = {"model": tiny["model"] | {"dropout": 0.0}, "batch_size": 15, "epochs": 3}
    how = {"members": 2, "hide": 0.3, "ema": 0.8, "freeze_epochs": 1, "log_every": 1}
    options = {"tasks": [task], "accelerator": "cpu"} | sizes | how
    config = tmp_path / "options.yaml"
    for name, more in (("one", {}), ("two", {"devices": 2, "strategy": "ddp"})):
        config.write_text(yaml.safe_dump(options | more))
        flags = ("--config", config, "--model", "none", "--folds", 2, "--target", "size")
        said = run("finetune", labels, "-o", tmp_path / name, *flags)
        assert said.count("fold 1 net 1 epoch   3 of 3: loss ") == 1
    for net in ("0-0", "0-1", "1-0", "1-1"):
        for log in ("train.csv", "validation.csv"):
            found = [losses(tmp_path / f"{name}.logs" / net, log) for name in ("one", "two")]
            assert len(found[0]) >= 3
            np.testing.assert_allclose(found[1], found[0], rtol=1e-6)
    assert_close(tmp_path / "one", tmp_path / "two")
    lines = [
        (tmp_path / name / "predictions.csv").read_text().count("\n") for name in ("one", "two")
    ]
    assert lines[0] == lines[1]
