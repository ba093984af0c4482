"""``stratus pretrain``: flags win over the file, mistakes are one sentence, Ctrl-C says how on."""

from __future__ import annotations

import json
import os
import re
import signal
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from stratus.cli.app import app
from stratus.training import pretrain as training

TITANIA = "i1 bOOO gDDD cDDD | {} 2a {} 4f | {} 2 {} 1 | 6"
ELEMENTS = ("Ti", "Sn", "Pb", "Ge", "Mn", "V", "Cr", "Ru", "Ir", "Os", "Mo", "W", "Nb", "Ta", "Re")


@pytest.fixture
def table(tmp_path):
    pairs = [(a, b) for a in ELEMENTS for b in ("O", "F", "S") if a != b]
    texts = [TITANIA.format(a, b, b, a) for a, b in pairs]
    columns = {
        "id": list(map(str, range(len(texts)))),
        "scope": texts,
        "dialect": ["orbit"] * len(texts),
    }
    path = tmp_path / "corpus.parquet"
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "options.yaml"
    values = {
        "model": {"hidden": 16, "layers": 1, "heads": 2, "feed_forward": 16},
        "epochs": 2,
        "batch_size": 8,
        "fractions": [0.6, 0.2, 0.2],
        "accelerator": "cpu",
    }
    path.write_text(yaml.safe_dump(values))
    return path


def stratus(*words):
    return CliRunner().invoke(app, ["pretrain", *map(str, words)])


def test_flags_win_over_the_file_and_the_file_over_defaults(table, config, tmp_path):
    run = tmp_path / "run"
    flags = ["--config", config, "--epochs", 1, "--lr", 0.01]
    flags += ["--set", "masking.ratio=0.3", "--set", "masking.whole_orbits=true"]
    done = stratus(table, "-o", run, *flags)
    assert done.exit_code == 0, done.output
    written = yaml.safe_load((run / "options.yaml").read_text())
    assert (written["epochs"], written["batch_size"], written["seed"]) == (1, 8, 0)
    assert (written["masking"]["ratio"], written["masking"]["whole_orbits"]) == (0.3, True)
    assert written["learning_rate"] == 0.01
    sizes = "feed_forward 16, heads 2, hidden 16, layers 1"
    assert done.output.startswith(f"encoder     orbit-set, nano with {sizes}, from scratch\n")
    for said in ("45 crystals, 0 duplicates", "parameters", "device      cpu", "validation loss"):
        assert said in done.output
    for row in ("model, step", "unigram", "same position", "copied element"):
        assert row in done.output


def test_quiet_prints_nothing(table, config, tmp_path):
    done = stratus(table, "-o", tmp_path / "run", "--config", config, "--set", "steps=1", "-q")
    assert (done.exit_code, done.output) == (0, "")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--encoder", "clod"], "there is no architecture 'clod'; did you mean cloud"),
        (["--preset", "huge"], "there is no preset of orbit-set 'huge'; choose nano, small, base"),
        (["--set", "precision=fp8"], "precision cannot be 'fp8'"),
        (["--set", "strategy=fsdp"], "strategy fsdp needs GPUs with CUDA and there is none here"),
        (["--batch-size", "2", "--set", "devices=4"], "2 crystals cannot be shared by 4 devices"),
        (["--resume"], "there is no run in"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    table, tmp_path, monkeypatch, flags, sentence
):
    monkeypatch.setattr(training.torch.cuda, "is_available", lambda: False)
    done = stratus(table, "-o", tmp_path / "run", *flags)
    assert done.exit_code == 2
    assert sentence in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "run").exists()


def test_a_missing_table_and_a_wrong_card_are_refused_before_any_work(table, config, tmp_path):
    done = stratus(tmp_path / "no.parquet", "-o", tmp_path / "run")
    assert done.exit_code == 2
    assert "no.parquet is no file" in done.output
    card = tmp_path / "card.yaml"
    card.write_text("licence_wieghts: CC0-1.0\n")
    done = stratus(table, "-o", tmp_path / "run", "--config", config, "--card", card)
    assert done.exit_code == 2
    assert "licence_wieghts" in done.output
    assert not (tmp_path / "run").exists()


def test_the_card_says_what_its_owner_says(table, config, tmp_path):
    card = tmp_path / "card.yaml"
    card.write_text("licence_weights: CC-BY-4.0\nname: tiny\n")
    flags = ["--config", config, "--set", "steps=1", "--card", card]
    assert stratus(table, "-o", tmp_path / "run", *flags).exit_code == 0
    written = yaml.safe_load((tmp_path / "run/bundle/card.yaml").read_text())
    assert (written["name"], written["licence_weights"]) == ("tiny", "CC-BY-4.0")
    assert written["metrics"]


def test_ctrl_c_says_how_to_go_on(table, config, tmp_path, monkeypatch):
    def interrupted(*_args, **_kwargs):
        os.kill(os.getpid(), signal.SIGINT)
        return SimpleNamespace()

    run = tmp_path / "run"
    (run / "checkpoints/step-000004").mkdir(parents=True)
    monkeypatch.setattr(training, "pretrain", interrupted)
    done = stratus(table, "-o", run, "--config", config)
    assert done.exit_code == 130
    assert f"Checkpoints are in {run}: repeat the command with --resume to go on." in done.output


def test_several_tables_are_learned_by_their_shares_and_go_on(table, config, tmp_path):
    rows = pq.read_table(table)
    small, large = tmp_path / "small.parquet", tmp_path / "large.parquet"
    pq.write_table(rows.slice(0, 15), small)
    pq.write_table(rows.slice(10), large)  # five rows are in both
    values = yaml.safe_load(config.read_text()) | {"mixture": {"shares": [0.5, 0.5]}}
    config.write_text(yaml.safe_dump(values))
    run = tmp_path / "run"
    done = stratus(small, large, "-o", run, "--config", config)
    assert done.exit_code == 0, done.output
    info = json.loads((run / "tokens" / "corpus.json").read_text())
    first, second = info["parts"]
    assert info["table"] == "small.parquet + large.parquet"
    assert (first["rows_in"], second["rows_in"], info["duplicates"]) == (15, 35, 5)
    train = info["rows"]["train"]
    assert first["train"] + second["train"] == train
    half, other = -(-train // 2), train // 2
    assert {half, other} == {len_of(done.output, "small"), len_of(done.output, "large")}
    assert f"epoch of {first['train']}\n" in done.output
    before = (run / "metrics.json").read_bytes()
    again = stratus(small, large, "-o", run, "--config", config, "--resume")
    assert (again.exit_code, (run / "metrics.json").read_bytes()) == (0, before)
    words = ["--config", config, "--set", "steps=1"]
    other_order = stratus(large, small, "-o", tmp_path / "other", *words)
    assert other_order.exit_code == 0, other_order.output
    (run / "metrics.json").unlink()
    refused = stratus(large, small, "-o", run, "--config", config, "--resume")
    assert refused.exit_code == 2
    assert "is not the table the run" in refused.output


def len_of(output, name):
    """The crystals of a table in an epoch, as printed."""
    return int(re.search(rf"{name}\.parquet: ([\d,]+) an epoch", output)[1])


def test_a_mixture_of_one_table_is_refused(table, config, tmp_path):
    config.write_text(config.read_text() + "mixture: {temperature: 2}\n")
    done = stratus(table, "-o", tmp_path / "run", "--config", config)
    assert done.exit_code == 2
    assert "a mixture needs several tables" in done.output
    assert not (tmp_path / "run").exists()
