"""``stratus plot``: pictures of what a fine-tuned model holds, and a word on what it does not."""

from __future__ import annotations

import csv
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

import stratus as package
from stratus.cli import plot_files
from stratus.cli.app import app
from stratus.crystals.facets import Facet, ReadFacet
from stratus.errors import InputError
from stratus.tasks.task import make_task

METRICS = {
    "folds": [
        {
            "fold": "a",
            "scores": {
                "gap": {"model": {"mae": 0.1}, "mean": {"mae": 2.0}, "ridge": {"mae": 1.0}},
                "metal": {"model": {"accuracy": 1.0}},
            },
        },
        {
            "fold": "b",
            "scores": {"gap": {"model": {"mae": 9}, "mean": {"mae": 3.0}, "ridge": {"mae": 7.0}}},
        },
    ]
}
METRICS["curves"] = [
    {"fold": "a", "member": 0, "train": [2, None], "validation": [3, 2], "best_epoch": 2},
    {"fold": "b", "member": 0, "train": [2, 1], "validation": [3, 4], "best_epoch": 1},
]
LEVELS = {"levels": [0.5, 0.9], "coverage": [0.4, 0.95]}
METRICS["tasks"] = {
    "gap": {"intervals": {"whole": {"rows": 30, **LEVELS}, "formula": {"rows": 20, **LEVELS}}},
    "metal": {"intervals": {}},
}
ROWS = [
    ("a", "1", "whole", "gap", "1.0", "1.5", "0.1", "1.2", "1.8"),
    ("a", "1", "whole", "metal", "no", "yes", "", "", ""),
    ("a", "2", "whole", "gap", "2.0", "2.5", "", "0.0", "inf"),
    ("a", "3", "whole", "gap", "", "2.5", "", "", ""),
    ("b", "4", "formula", "gap", "3.0", "2.0", "", "0.0", "4.0"),
]
COLUMNS = ("fold", "id", "known", "target", "label", "prediction", "std", "lo", "hi")


class Model:
    """Stands in for a fine-tuned model."""

    card = SimpleNamespace(name="tiny")
    view = SimpleNamespace(reads=ReadFacet(Facet.SCOPE, "orbit"))
    metrics = METRICS
    tasks = {  # noqa: RUF012 - a stand-in
        "gap": make_task({"column": "gap", "unit": "eV"}),
        "metal": make_task({"column": "metal", "kind": "binary"}),
    }

    @property
    def model(self):
        return self

    def embed(self, crystals):
        texts = [crystal.scope for crystal in crystals]
        return np.array([[float(len(text)), float(text.count("1"))] for text in texts])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(package, "load", lambda _where: Model())
    folder = tmp_path / "bundle"
    folder.mkdir()
    write(folder, ROWS)
    return folder


def write(folder, rows, columns=COLUMNS):
    with (folder / "predictions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def run(*arguments):
    return CliRunner().invoke(app, ["plot", *map(str, arguments)])


def test_all_that_a_model_holds_is_drawn(folder, tmp_path):
    done = run(folder, "-o", tmp_path / "pictures", "--format", "svg")
    assert done.exit_code == 0, done.output
    names = ["calibration-gap.svg", "learning-curves.svg", "parity-gap.svg"]
    assert sorted(p.name for p in (tmp_path / "pictures").iterdir()) == names
    for name in names:
        assert str(tmp_path / "pictures" / name) in done.output


def test_curves_are_those_of_each_member():
    one, two = plot_files.learning(METRICS)
    assert (one.name, two.name) == ("fold a", "fold b")
    assert np.isnan(one.train[1])
    assert (two.train, two.validation, two.chosen) == ([2, 1], [3, 4], 1)
    with pytest.raises(plot_files.MissingPart, match="no curves"):
        plot_files.learning({})


def test_coverage_is_by_what_was_known():
    whole, formula = plot_files.coverages(METRICS, "gap")
    assert (whole.name, whole.rows) == ("whole crystals", 30)
    assert (formula.name, formula.rows) == ("formula alone", 20)
    assert (whole.nominal, whole.measured) == ([0.5, 0.9], [0.4, 0.95])
    with pytest.raises(plot_files.MissingPart, match="no coverage of intervals of metal"):
        plot_files.coverages(METRICS, "metal")


def test_rows_are_those_of_the_target(folder):
    rows = plot_files.read_predictions(folder, "gap")
    assert rows.folds.tolist() == ["a", "a", "a", "b"]
    assert rows.labels.tolist()[:2] == [1.0, 2.0]
    assert np.isnan(rows.labels[2])
    assert rows.predictions.tolist() == [1.5, 2.5, 2.5, 2.0]
    assert rows.lo.tolist()[:2] == [1.2, 0.0]
    assert rows.hi.tolist()[:2] == [1.8, np.inf]
    assert np.isnan([rows.lo[2], rows.hi[2]]).all()


def test_the_error_of_simple_models_is_that_over_all_rows(folder):
    rows = plot_files.read_predictions(folder, "gap")
    best = plot_files.best_baseline(METRICS, "gap", rows)
    assert best == ("mean", pytest.approx((2 * 2.0 + 1 * 3.0) / 3))  # ridge: (2 * 1 + 7) / 3
    assert plot_files.best_baseline({}, "gap", rows) is None


def test_what_is_missing_is_said(folder, tmp_path, monkeypatch):
    (folder / "predictions.csv").unlink()
    done = run(folder, "-o", tmp_path / "some")
    assert done.exit_code == 0
    assert "no parity-gap" in done.output
    monkeypatch.setattr(Model, "metrics", {})
    done = run(folder, "-o", tmp_path / "pictures")
    assert done.exit_code == 2
    assert "no parity-gap" in done.output
    assert "has no predictions.csv" in done.output
    assert not (tmp_path / "pictures").exists()
    write(folder, ROWS[1:2])
    with pytest.raises(plot_files.MissingPart, match="no row of gap"):
        plot_files.read_predictions(folder, "gap")


def test_a_damaged_file_is_one_sentence(folder):
    write(folder, [("a", "1", "whole", "gap", "one", "1.5", "", "", "")])
    with pytest.raises(InputError, match=r"predictions\.csv, line 2: 'one' is no number"):
        plot_files.read_predictions(folder, "gap")
    write(folder, [], columns=("fold", "target"))
    with pytest.raises(InputError, match="has no column 'label'"):
        plot_files.read_predictions(folder, "gap")


def test_a_map_is_drawn_of_a_table(folder, tmp_path):
    table = tmp_path / "table.csv"
    rutile = "i1 bOOO gDDD cDDD | {0} 2a O 4f | O 2 {0} 1 | 6"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "scope", "dialect", "n_atoms", "heat"])
        for k, metal in enumerate(("Ti", "V", "W", "Sn", "Pb")):
            writer.writerow([metal, rutile.format(metal), "orbit", 6, k])
    done = run(folder, "-o", tmp_path, "--embed", table, "--colour", "heat:eV")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "map-heat.png").is_file()
    done = run(folder, "-o", tmp_path, "--embed", table, "--colour", "het:eV")
    assert done.exit_code == 2
    assert "heat" in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--embed", "t.csv"], "both --embed TABLE and --colour COL"),
        (["--format", "jpg"], "png"),
    ],
)
def test_wrong_usage_is_one_sentence(folder, tmp_path, arguments, said):
    done = run(folder, "-o", tmp_path, *arguments)
    assert done.exit_code == 2
    assert said in done.output


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nsys.argv = ['stratus', 'plot', '--help']\n"
        "from stratus.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "assert not {'numpy', 'torch', 'matplotlib'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
