"""UnconvBench's files become questions with its folds, and what is no such file is refused."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from sklearn.model_selection import KFold
from typer.testing import CliRunner

from stratus.benchmarks import unconvbench
from stratus.benchmarks.record import read_run
from stratus.benchmarks.unconvbench import ROWS, unconvbench_question
from stratus.cli.app import app
from stratus.errors import InputError

CATIONS = ("Li", "Na", "K", "Rb", "Cs", "Cu", "Ag", "Tl")
ANIONS = ("F", "Cl", "Br", "I")
N = len(CATIONS) * len(ANIONS)
NAMES = [f"unconvbench_2d_gap-{row + 1:02d}" for row in range(N)]


@pytest.fixture(autouse=True)
def few_rows(monkeypatch):
    monkeypatch.setitem(unconvbench.ROWS, "2d_gap", N)


def caesium_chloride(a, b, at=0.5):
    sites = [
        {"species": [{"element": symbol, "occu": 1}], "abc": [x, x, x], "label": symbol}
        for symbol, x in ((a, 0.0), (b, at))
    ]
    lattice = {"matrix": [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]]}
    return {"@module": "os", "@class": "system", "lattice": lattice, "sites": sites}


def written(folder, change=None, name="ub_unconvbench_2d_gap.json"):
    pairs = [(a, b) for a in CATIONS for b in ANIONS]
    rows = [[caesium_chloride(a, b), k / 4] for k, (a, b) in enumerate(pairs)]
    whole = {"index": list(range(N)), "columns": ["structure", "optb88vdw_bandgap"], "data": rows}
    if change is not None:
        change(whole)
    text = json.dumps(whole)
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())


@pytest.mark.parametrize("name", ["ub_unconvbench_2d_gap.json", "ub_unconvbench_2d_gap.json.gz"])
def test_rows_names_and_folds_are_those_of_the_published_code(tmp_path, name):
    written(tmp_path, name=name)
    question = unconvbench_question("unconvbench_2d_gap", tmp_path, unit="eV")
    assert list(question.table.ids) == NAMES
    assert question.labels.tolist() == [k / 4 for k in range(N)]
    expected = KFold(5, shuffle=True, random_state=42).split(np.arange(N))
    for fold, (train, test) in zip(question.folds, expected, strict=True):
        assert sorted(fold.test) == test.tolist()
        assert sorted([*fold.train, *fold.validation]) == train.tolist()
    asked = question.asked
    assert (asked.benchmark, asked.name, asked.target) == (
        "unconvbench_v1.0.1", "2d_gap", "optb88vdw_bandgap",
    )  # fmt: skip
    assert (asked.unit, asked.official) == ("eV", False)
    assert list(question.files) == [name]


def test_the_numbers_of_rows_are_those_of_the_published_code():
    assert len(ROWS) == 11
    assert sum(ROWS.values()) == 47556 - 3520 + N  # one task is shortened here


def test_a_crystal_that_can_not_be_read_keeps_its_row(tmp_path):
    def spoil(whole):
        whole["data"][3][0] = caesium_chloride("Li", "I", at=0.0)

    written(tmp_path, spoil)
    question = unconvbench_question("2d_gap", tmp_path)
    [unread] = question.unread
    assert (unread.id, unread.label) == (NAMES[3], 0.75)
    assert len(question.test_rows()) == N


def shorter(whole):
    whole["data"].pop()


def without_a_label(whole):
    whole["data"][5][1] = None


def with_a_word(whole):
    whole["data"][5][1] = "metal"


def with_two_labels(whole):
    whole["columns"].append("more")
    whole["data"] = [[*row, 1.0] for row in whole["data"]]


def without_a_lattice(whole):
    del whole["data"][0][0]["lattice"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (shorter, "has 31 rows, but unconvbench_2d_gap 32"),
        (without_a_label, "row 5 of ub_unconvbench_2d_gap.json"),
        (with_a_word, "row 5 of ub_unconvbench_2d_gap.json"),
        (
            with_two_labels,
            "has not 'structure' and one label, 'optb88vdw_bandgap', but 'structure', ",
        ),
        (without_a_lattice, "is none that pymatgen writes"),
    ],
)
def test_a_file_that_is_none_of_the_task_is_refused(tmp_path, change, sentence):
    written(tmp_path, change)
    with pytest.raises(InputError) as caught:
        unconvbench_question("2d_gap", tmp_path)
    assert sentence in str(caught.value)


def test_an_unknown_task_and_an_absent_file_are_named(tmp_path):
    with pytest.raises(InputError, match="did you mean 2d_gap"):
        unconvbench_question("2d_gape", tmp_path)
    with pytest.raises(InputError, match=r"holds no ub_unconvbench_qmof\.json; .*--data"):
        unconvbench_question("qmof", tmp_path)


def test_the_command_writes_a_run(tmp_path):
    written(tmp_path)
    words = ["--task", "2d_gap", "--data", tmp_path, "--unit", "eV", "--simple-only"]
    words += ["--workers", 0, "-o", tmp_path / "run"]
    done = CliRunner().invoke(app, ["benchmark", "unconvbench", *map(str, words)])
    assert done.exit_code == 0, done.output
    run = read_run(tmp_path / "run" / "run.json")
    assert run.asked.name == "2d_gap"
    assert len(run.rows.ids) == N
    assert not (tmp_path / "run" / "results.json.gz").exists()
    assert "no checksum" in done.output.replace("\n", " ")
