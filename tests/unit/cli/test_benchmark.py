"""``stratus benchmark`` and ``stratus report``: from a table to a file and a page."""

from __future__ import annotations

import csv
import json

import pytest
import yaml
from typer.testing import CliRunner

from stratus.benchmarks.record import read_run
from stratus.cli.app import app

METALS = ("Ti", "Sn", "Pb", "Ge", "Mn", "V", "Cr", "Ru", "Ir", "Os", "Mo", "W")


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr("stratus.benchmarks.forest.TREES", 3)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "oxides.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "formula", "space_group", "gap", "e_hull"])
        for k, (a, b) in enumerate((a, b) for a in METALS for b in ("O", "S", "Se")):
            writer.writerow([f"c{k}", f"{a}{b}2", 136, METALS.index(a) / 5 + len(b), (k - 9) / 50])
    return path


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "options.yaml"
    sizes = {"hidden": 16, "layers": 1, "heads": 2, "feed_forward": 16}
    path.write_text(yaml.safe_dump({"model": sizes, "epochs": 1, "batch_size": 8}))
    return path


def stratus(*words):
    return CliRunner().invoke(app, [*map(str, words)])


def test_a_table_becomes_a_run_and_a_page(table, config, tmp_path, monkeypatch):
    monkeypatch.setattr("stratus.benchmarks.report_page.pictures", lambda _run: [])
    run, page = tmp_path / "run", tmp_path / "report.html"
    words = [
        "--target",
        "gap:eV",
        "--folds",
        2,
        "-o",
        run,
        "--config",
        config,
        "--set",
        "members=2",
    ]
    done = stratus("benchmark", "table", table, *words, "--cache", tmp_path / "cache")
    assert done.exit_code == 0, done.output
    for said in (
        "table oxides (not an official set): 36 test rows in 2 folds, 0 unread",
        "fold 1: best after epoch 1, 1",
        "oxides: MAE (eV)",
        "rival",
    ):
        assert said in done.output
    found = read_run(run)
    assert found.config["finetune"]["members"] == 2
    assert found.methods[0].name == "stratus"
    assert len(list((tmp_path / "cache").iterdir())) == 2
    done = stratus("report", run, "-o", page, "--title", "Oxides")
    assert done.exit_code == 0, done.output
    assert "<title>Oxides</title>" in page.read_text("utf-8")
    assert "beside each other" not in page.read_text("utf-8")


def test_models_on_one_fold_are_compared_row_by_row(table, config, tmp_path, monkeypatch):
    monkeypatch.setattr("stratus.benchmarks.report_page.pictures", lambda _run: [])
    runs = [tmp_path / "one", tmp_path / "other"]
    shared = ("--target", "gap:eV", "--folds", 3, "--fold", 1, "--cache", tmp_path / "cache")
    for run, own in zip(
        runs, (("--config", config), ("--encoder", "roost", "--epochs", 1)), strict=True
    ):
        done = stratus("benchmark", "table", table, *shared, *own, "-o", run)
        assert done.exit_code == 0, done.output
        assert "12 test rows in 1 fold" in done.output
    page = tmp_path / "report.html"
    done = stratus("report", *runs, "-o", page)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0].startswith("oxides-fold-1, orbit-set - roost: ")
    assert lines[0].count(" of 1 fold, p rows ") == 1
    assert len(lines) == 4  # each two models, each model and the best simple one, the page
    assert "Models beside each other, row by row" in page.read_text("utf-8")
    done = stratus("benchmark", "table", table, "--target", "gap:eV", "--simple-only",
                   "--fold", 7, "-o", tmp_path / "none")  # fmt: skip
    assert done.exit_code == 2
    assert "fold of oxides" in done.output


def test_discovery_counts_stable_crystals(table, tmp_path):
    train = tmp_path / "train.csv"
    train.write_text(table.read_text().replace("\nc", "\nt"))
    words = ["--train", train, "--energy", "gap", "--hull", "e_hull", "--threshold", 0.1]
    run = tmp_path / "run"
    done = stratus("benchmark", "discovery", table, *words, "--simple-only", "-o", run)
    assert done.exit_code == 0, done.output
    assert "full, 0.1 eV/atom: F1 " in done.output
    assert json.loads((run / "run.json").read_text())["asked"]["benchmark"] == "matbench_discovery"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["matbench", "--task", "phonon"], "did you mean phonons"),
        (["matbench", "--task", "phonons", "--given", "x"], "no way to give a crystal 'x'"),
        (["matbench", "--task", "phonons"], "holds neither matbench_phonons.json.gz nor"),
        (["matbench", "--task", "phonons", "--as-is"], "--as-is needs a model"),
        (["matbench", "--task", "phonons", "--head", "x"], "--head belongs to --as-is"),
        (["matbench", "--task", "phonons", "--budget", "huge"], "there is no budget 'huge'"),
        (
            ["matbench", "--task", "phonons", "--simple-only", "--model", "bundled"],
            "--simple-only asks no model",
        ),
        (
            ["table", "t.csv", "--target", "x", "--folds", "2", "--split", "s"],
            "--folds or --split, not both",
        ),
        (
            ["discovery", "t.csv", "--train", "u.csv", "--unique", "x"],
            "are about stability; give --hull too",
        ),
    ],
)
def test_mistakes_are_found_before_any_work(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = stratus("benchmark", *words, "-o", tmp_path / "run")
    assert done.exit_code == 2
    assert said in done.output
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_there_is_left_alone(table, tmp_path):
    done = stratus("benchmark", "table", table, "--target", "gap", "-o", tmp_path)
    assert done.exit_code == 2
    assert "is there already" in done.output


def test_a_report_of_nothing_is_refused(tmp_path):
    done = stratus("report", tmp_path, "-o", tmp_path / "page.html")
    assert done.exit_code == 2
    assert "name a folder that `stratus benchmark` wrote" in done.output
