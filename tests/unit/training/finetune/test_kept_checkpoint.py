"""A net of a fine-tuning that is not finished can be opened, and is measured as a model is."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from stratus.cli.app import app
from stratus.corpora.tables.folds import kfold
from stratus.errors import InputError, ResumeError
from stratus.inference.predictor import Predictor, load
from stratus.tasks.task import make_task
from stratus.training.finetune.events import EpochEnded
from stratus.training.finetune.kept import kept_nets
from stratus.training.finetune.kept_checkpoint import is_kept, open_kept
from stratus.training.finetune.options import make_finetune_options
from stratus.training.finetune.run import finetune

SIZES = {"layers": 1, "hidden": 16, "heads": 2, "feed_forward": 16}
OPTIONS = make_finetune_options(
    {"model": SIZES, "epochs": 2, "batch_size": 16, "checkpoint_every": 1, "checkpoint_seconds": 0}
)
TASKS = (
    make_task({"column": "gap", "unit": "eV"}),
    make_task({"column": "metal", "kind": "binary"}),
)
STOP_AT = 4


class Stopped(BaseException):
    """As a signal raises it in the command."""


@pytest.fixture(scope="module")
def runs(made, tmp_path_factory):
    """A run that was stopped while its second net learned, and the model of the whole run."""
    folder = tmp_path_factory.mktemp("runs")

    def learn(out, stop_at=None):
        ended = []

        def count(event):
            if isinstance(event, EpochEnded):
                ended.append(event)
                if len(ended) == stop_at:
                    raise Stopped

        with kept_nets(out, resume=False) as kept:
            folds = kfold(made, 2, 0)
            finetune(made, folds, TASKS, OPTIONS, on_progress=count, kept=kept).save(out)

    with pytest.raises(Stopped):
        learn(folder / "stopped", STOP_AT)
    learn(folder / "whole")
    return folder


def only(folder, pattern):
    found = sorted(folder.glob(pattern))
    assert found
    return found[-1]


def test_a_finished_net_is_that_of_the_model_to_be(runs, made):
    net = only(runs / "stopped.parts", "net-*")
    assert is_kept(net)
    opened = open_kept(net)
    first = load(runs / "whole").model.members[0]
    for name, tensor in first.state_dict().items():
        assert torch.equal(opened.members[0].state_dict()[name], tensor)
    found = Predictor(opened).predict(list(made.scopes[:5]))
    assert np.isfinite(found["gap"].value).all()
    assert opened.tasks == load(runs / "whole").tasks


def test_the_command_measures_a_net_that_is_still_learning(runs, made, tmp_path):
    checkpoint = only(runs / "stopped.parts", "fit-*/step-*")
    lines = [f"{s},{y}" for s, y in zip(made.scopes, made.labels[:, 0].tolist(), strict=True)]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["scope,gap", *lines]).replace("nan", "") + "\n")
    output = tmp_path / "scores.json"
    words = ["model", "score", str(checkpoint), str(table), "-o", str(output)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    scores = json.loads(output.read_text())["targets"]["gap"]
    values = Predictor(open_kept(checkpoint)).predict(list(made.scopes))["gap"].value
    mae = np.nanmean(np.abs(values - made.labels[:, 0]))
    assert scores["model"]["mae"] == pytest.approx(mae)
    assert scores["rows"] == np.isfinite(made.labels[:, 0]).sum()


def test_what_is_missing_or_damaged_is_said(runs, tmp_path):
    net = only(runs / "stopped.parts", "net-*")
    alone = tmp_path / net.name
    alone.mkdir()
    with pytest.raises(InputError, match="no unfinished run"):
        open_kept(alone)
    tensors = net / "tensors.safetensors"
    whole = tensors.read_bytes()
    tensors.write_bytes(whole[:-1])
    try:
        with pytest.raises(ResumeError, match="tensors"):
            open_kept(net)
    finally:
        tensors.write_bytes(whole)
    model = next((runs / "stopped.parts" / "models").glob(f"{net.name.removeprefix('net-')}.json"))
    text = model.read_text()
    model.write_text(text.replace('"hidden": 16', '"hidden": 8'))
    try:
        with pytest.raises(InputError):
            open_kept(net)
    finally:
        model.write_text(text)
