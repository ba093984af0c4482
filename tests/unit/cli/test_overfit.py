"""``--overfit`` learns a few rows by heart, says so, and writes nothing."""

from __future__ import annotations

import csv
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from stratus.cli.app import app
from stratus.corpora import read_labelled
from stratus.errors import InputError
from stratus.tasks.targets import make_tasks
from stratus.training.finetune.options import make_finetune_options
from stratus.training.finetune.overfit import overfit_labels
from stratus.training.overfit import choose_rows

RUTILE = "i1 bOOO gDDD cDDD | {} 2a {} 4f | {} 2 {} 1 | 6"
TEXTS = [RUTILE.format(a, b, b, a) for a in ("Ti", "Sn", "Pb", "Ge", "Mn") for b in ("O", "F")]
SIZES = {"hidden": 32, "layers": 1, "heads": 2, "feed_forward": 16, "dropout": 0}


def stratus(*words):
    return CliRunner().invoke(app, list(map(str, words)))


def write(path, texts, labels):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "scope", "gap"])
        pairs = zip(texts, labels, strict=True)
        writer.writerows([f"c{k}", text, label] for k, (text, label) in enumerate(pairs))
    return path


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "options.yaml"
    path.write_text(yaml.safe_dump({"model": SIZES, "learning_rate": 0.003, "accelerator": "cpu"}))
    return path


@pytest.fixture
def words(config):
    return ["--target", "gap:eV", "--model", "none", "--config", config, "--overfit", 6]


def test_labels_that_follow_from_the_crystal_are_learned(tmp_path, words):
    table = write(tmp_path / "t.csv", TEXTS, np.linspace(0, 4, len(TEXTS)))
    before = set(tmp_path.iterdir())
    done = stratus("finetune", table, *words, "--epochs", 100)
    assert done.exit_code == 0, done.output
    losses = [float(x) for x in re.findall(r"^epoch \d+: loss (\S+)$", done.output, re.MULTILINE)]
    assert len(losses) == 100
    pattern = r"of 6 rows fell from (\S+) to (\S+), below (\S+), .* in epoch (\d+)"
    found = re.search(pattern, done.output)
    first, last, bound, epoch = map(float, found.groups())
    assert bound == pytest.approx(first / 10, rel=1e-3)
    assert losses[int(epoch) - 1] < bound <= min(losses[: int(epoch) - 1])
    assert last == pytest.approx(min(losses), rel=1e-3)
    assert "No model was written" in done.output
    assert set(tmp_path.iterdir()) == before


def test_labels_that_do_not_are_not_and_the_exit_code_says_so(tmp_path, words):
    table = write(tmp_path / "t.csv", TEXTS[:1] * 10, np.arange(10) % 2)
    done = stratus("finetune", table, *words, "--epochs", 30)
    assert done.exit_code == 1
    assert "Not learned by heart: the loss of 6 rows" in done.output
    assert "do not follow from what it sees" in done.output.replace("\n", " ")


def test_python_gives_the_numbers_and_the_same_again(tmp_path):
    table = read_labelled(write(tmp_path / "t.csv", TEXTS, np.linspace(0, 4, 10)), ["gap"])
    options = make_finetune_options({"model": SIZES, "epochs": 3, "patience": 1})
    runs = [overfit_labels(table, make_tasks(["gap:eV"]), 4, options) for _ in range(2)]
    assert runs[0] == runs[1]
    assert (runs[0].rows, len(runs[0].losses)) == (4, 3)


def test_masked_tokens_are_learned(tmp_path, config):
    path = tmp_path / "strings.parquet"
    columns = {"id": list("abcdefghij"), "scope": TEXTS, "dialect": ["orbit"] * 10}
    pq.write_table(pa.table(columns), path)
    values = yaml.safe_load(config.read_text()) | {"fractions": [0.6, 0.2, 0.2]}
    config.write_text(yaml.safe_dump(values))
    before = set(tmp_path.iterdir())
    done = stratus("pretrain", path, "--config", config, "--overfit", 3, "--epochs", 80)
    assert done.exit_code == 0, done.output
    assert "Learned by heart: the loss of 3 rows" in done.output
    assert re.search(r"epoch 80: loss \S+, accuracy 1$", done.output, re.MULTILINE)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("verb", ["finetune", "pretrain"])
def test_a_folder_or_a_check_is_named_and_not_both(tmp_path, verb):
    table = write(tmp_path / "t.csv", TEXTS, range(10))
    for flags in ([], ["--overfit", 3, "-o", tmp_path / "model"]):
        done = stratus(verb, table, *flags)
        assert done.exit_code == 2
        assert "with --overfit there is none" in done.output
    assert not (tmp_path / "model").exists()


def test_more_rows_than_there_are_is_refused():
    with pytest.raises(InputError, match="give from 1 to 5"):
        choose_rows(6, 5, 0)
    assert choose_rows(5, 5, 0).tolist() == [0, 1, 2, 3, 4]
    assert choose_rows(2, 50, 0).tolist() != choose_rows(2, 50, 1).tolist()
