"""``stratus finetune`` learns from structures and from formulas, in one table or in several."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from stratus.cli.app import app

METALS = ("Ti", "Sn", "Pb", "Ge", "Mn", "V", "Cr", "Ru", "Ir", "Os")


@pytest.fixture
def whole(tmp_path) -> Path:
    rows = [
        f"{m}{x},i1 bOOO gDDD cDDD | {m} 2a {x} 4f | {x} 2 {m} 1 | 6,{k / 3 + len(m)}"
        for k, m in enumerate(METALS)
        for x in ("O", "F", "S")
    ]
    return write(tmp_path / "whole.csv", "id,scope,gap", rows)


@pytest.fixture
def formulas(tmp_path) -> Path:
    rows = [f"{m}O2,{136 if k % 2 else ''},{k}" for k, m in enumerate(METALS)]
    rows += [f"{m}N,,{k + 0.5}" for k, m in enumerate(METALS)] + ["Xx2,,1"]
    return write(tmp_path / "formulas.csv", "composition,spg_num,heat", rows)


@pytest.fixture
def config(tmp_path) -> Path:
    path = tmp_path / "options.yaml"
    sizes = {"hidden": 16, "layers": 1, "heads": 2, "feed_forward": 16}
    path.write_text(yaml.safe_dump({"model": sizes, "epochs": 1, "batch_size": 8}))
    return path


def write(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def stratus(*words: object):
    return CliRunner().invoke(app, ["finetune", *map(str, words)])


def test_formulas_are_learned_from(formulas, config, tmp_path):
    done = stratus(
        formulas, "--target", "heat:eV", "-o", tmp_path / "run", "--folds", 2, "--config", config
    )
    assert done.exit_code == 0, done.output
    for said in (
        "21: 20 used, 1 not",
        "bad-formula",
        "space-group 5, formula 15",
        "0 have the formula of such a row, 0 its space group too",
    ):
        assert said in done.output


def test_several_tables_are_one_and_rows_are_hidden(whole, formulas, config, tmp_path):
    run = tmp_path / "run"
    done = stratus(
        whole, formulas, "--target", "gap:eV", "--target", "heat:eV", "--set", "hide=0.5",
        "-o", run, "--folds", 2, "--config", config,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "51: 50 used, 1 not" in done.output
    assert "whole 30, space-group 5, formula 15" in done.output
    assert "gap 30, heat 20" in done.output
    assert "0 have the formula of such a row" in done.output


def test_columns_of_formulas_are_named(formulas, config, tmp_path):
    text = formulas.read_text().replace("composition,spg_num", "what,group")
    other = tmp_path / "other.csv"
    other.write_text(text, encoding="utf-8")
    words = ["--target", "heat", "-o", tmp_path / "run", "--folds", 2, "--config", config]
    done = stratus(other, *words, "--formula", "what", "--space-group", "group")
    assert done.exit_code == 0, done.output
    assert "space-group 5, formula 15" in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "hide=2"], "hide cannot be 2"),
        (["--formula", "compositon"], "did you mean composition"),
        (["--space-group", "sgp_num"], "did you mean spg_num"),
        (["--set", "tasks.heat.per=cell"], "heat is a target per cell, but of row 0"),
    ],
)
def test_mistakes_are_one_sentence_and_nothing_is_written(formulas, config, tmp_path, words, said):
    run = tmp_path / "run"
    done = stratus(formulas, "--target", "heat", "-o", run, "--config", config, *words)
    assert done.exit_code != 0
    assert said in " ".join(done.output.split())
    assert not run.exists()
