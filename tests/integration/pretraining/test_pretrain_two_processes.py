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
    with (run / "logs" / log).open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["cloud", "orbit-set"])
def test_two_gloo_processes_give_the_losses_and_weights_of_one(table, tiny, tmp_path, encoder):
    # 64 rows a batch and a last batch of less: the processes get different numbers of tokens
    options = tiny | {"encoder": encoder, "model": tiny["model"] | {"dropout": 0.0}}
    pretrain(table, tmp_path / "one", make_options(options))
    config = tmp_path / "options.yaml"
    config.write_text(yaml.safe_dump(options))
    command = [sys.executable, "-m", "stratus", "pretrain", table, "-o", tmp_path / "two"]
    flags = ["--config", config, "--set", "devices=2", "--set", "strategy=ddp"]
    done = subprocess.run(
        [*map(str, command), *map(str, flags)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("parameters") == 1  # the second process prints nothing
    assert "2 x cpu" in done.stdout
    assert not done.stderr
    for log in ("train.csv", "validation.csv"):
        np.testing.assert_allclose(
            losses(tmp_path / "two", log), losses(tmp_path / "one", log), rtol=1e-6
        )
    one, two = (load_file(tmp_path / n / "bundle/weights.safetensors") for n in ("one", "two"))
    for name, expected in one.items():
        np.testing.assert_allclose(two[name], expected, atol=1e-5, err_msg=name)
    metrics = [json.loads((tmp_path / n / "metrics.json").read_text()) for n in ("one", "two")]
    assert metrics[0]["rows"] == metrics[1]["rows"]
    assert metrics[0]["baselines"] == metrics[1]["baselines"]
