"""A plan says what its runs will see and cost; the runs are recorded, and go on."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from stratus.cli.app import app
from stratus.corpora.packed.tokens import build_tokens
from stratus.errors import InputError, ResumeError, StratusError
from stratus.studies.scaling import runs as module
from stratus.studies.scaling.plan import make_plan, read_plan, write_plan
from stratus.studies.scaling.runs import read_result, run_plan, times_seen
from stratus.studies.scaling.sizes import PAPER, count, parse_size
from stratus.studies.scaling.subsets import table_of_share
from stratus.training.options import make_options

OPTIONS = {
    "batch_size": 8,
    "fractions": [0.6, 0.2, 0.2],
    "accelerator": "cpu",
    "precision": "32",
}
TEXT = "i1 bOOO gDDD cDDD | Ti 2a O 4f | O 2 Ti 1 | 6"


@pytest.fixture(scope="module")
def plan(strings):
    sizes = [parse_size("1x1x8"), parse_size("1x2x16")]
    return make_plan(strings, OPTIONS, sizes=sizes, tokens=[300, 2000])


def test_sizes_are_read_and_the_papers_are_twelve():
    assert parse_size("3x4").hidden == 256
    assert parse_size("2x1x16").model == {
        "layers": 2, "heads": 1, "hidden": 16, "feed_forward": 64,
    }  # fmt: skip
    assert len({size.name for size in PAPER}) == 12
    assert PAPER[-1].name == "12x12x768"
    for wrong in ("3", "0x1", "2x3x16", "axb"):
        with pytest.raises(InputError, match="size"):
            parse_size(wrong)


def test_parameters_without_embeddings_are_those_of_the_blocks():
    size = parse_size("3x4x32")
    counted = count(make_options({"encoder": "cloud", "model": size.model}), TEXT)
    d, layers = 32, 3
    block = 4 * d * d + 4 * d + 8 * d * d + 5 * d + 4 * d  # weights, biases, norms
    assert counted.parameters == layers * block + 2 * d  # and the norm of the embeddings
    assert counted.parameters == pytest.approx(12 * layers * d * d, rel=0.05)


@pytest.mark.parametrize("encoder", ["cloud", "orbit-set"])
@pytest.mark.parametrize("size", ["1x1x8", "12x12"])
def test_both_counts_of_operations_agree(encoder, size):
    options = make_options({"encoder": encoder, "model": parse_size(size).model})
    assert count(options, TEXT).ratio == pytest.approx(1, abs=0.02)


def test_counts_that_differ_are_an_error(monkeypatch):
    from stratus.studies.scaling import sizes

    monkeypatch.setattr(sizes, "_measure", lambda *_: 10**9)
    with pytest.raises(StratusError, match="by torch's counter and"):
        count(make_options({"encoder": "cloud", "model": parse_size("1x1x8").model}), TEXT)


def test_a_plan_has_each_size_with_each_budget_and_is_read_back(plan, tmp_path):
    assert [run.name for run in plan.runs] == [
        "1x1x8-300", "1x1x8-2k", "1x2x16-300", "1x2x16-2k",
    ]  # fmt: skip
    for run in plan.runs:
        budget = 300 if run.name.endswith("300") else 2000
        assert run.tokens == pytest.approx(budget, rel=0.3)
        assert run.unique_tokens <= run.tokens
    assert any("less than one" in note for note in plan.notes)
    assert plan.runs[0].learning_rate == pytest.approx(4e-3)
    path = tmp_path / "plan.yaml"
    write_plan(plan, path)
    assert read_plan(path) == plan
    changed = yaml.safe_load(path.read_text())
    changed["runs"][1]["name"] = changed["runs"][0]["name"]
    path.write_text(yaml.safe_dump(changed))
    with pytest.raises(InputError, match="two runs of the plan"):
        read_plan(path)
    path.write_text("runs: []")
    with pytest.raises(InputError, match="no plan of stratus scaling"):
        read_plan(path)


@pytest.mark.parametrize(
    ("options", "budgets", "said"),
    [
        ({"steps": 3}, [1e3], "the plan sets steps"),
        ({"patience": 3}, [1e3], "stops early"),
        ({}, [0.0], "0 tokens cannot be seen"),
        ({"batchsize": 3}, [1e3], "did you mean batch_size"),
    ],
)
def test_a_plan_that_can_not_be_is_refused(strings, options, budgets, said):
    with pytest.raises(InputError, match=said):
        make_plan(strings, OPTIONS | options, sizes=[parse_size("1x1x8")], tokens=budgets)


def test_a_share_has_fewer_training_rows_and_the_same_others(strings, tmp_path):
    options = make_options(OPTIONS)
    found = {}
    for share in (1.0, 0.5, 0.25):
        part = table_of_share(strings, tmp_path, share, options)
        corpora = build_tokens(part, tmp_path / f"t{share}", fractions=options.shares)
        ids = {
            name: {getattr(corpora, name).id(k) for k in range(len(getattr(corpora, name)))}
            for name in ("train", "validation", "test")
        }
        found[share] = ids
    assert len(found[0.5]["train"]) == round(0.5 * len(found[1.0]["train"]))
    assert found[0.25]["train"] < found[0.5]["train"] < found[1.0]["train"]
    for name in ("validation", "test"):
        assert found[0.25][name] == found[1.0][name]


def test_each_row_is_seen_once_an_epoch():
    rows = np.arange(5, 26)
    options = make_options(OPTIONS)
    assert times_seen(rows, options, 3).tolist() == [1] * 21
    some = times_seen(rows, options, 4)
    assert set(some.tolist()) == {1, 2}
    assert 21 + 5 <= some.sum() <= 21 + 10


def test_runs_are_recorded_go_on_and_are_fitted_and_drawn(plan, strings, tmp_path, monkeypatch):
    folder = tmp_path / "runs"
    told = []
    one = run_plan(plan, strings, folder, part=(1, 2), on_run=lambda run, _: told.append(run.name))
    assert (one.finished, one.planned) == (2, 4)
    assert told[0] == told[1] == min(plan.runs, key=lambda run: run.flops).name

    def diverges(*_args, **_kwargs):
        raise StratusError("the loss is nan")

    real = module.pretrain
    monkeypatch.setattr(module, "pretrain", diverges)
    failed = run_plan(plan, strings, folder)
    assert len(failed.failed) == 2
    assert failed.finished == 2
    monkeypatch.setattr(module, "pretrain", real)
    done = run_plan(plan, strings, folder, on_run=lambda run, _: told.append(run.name))
    assert (done.finished, done.failed) == (4, {})
    assert sorted(set(told)) == sorted(run.name for run in plan.runs)
    assert len(told) == 8  # each began and ended once

    with done.table.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == [run.name for run in plan.runs]
    for row, run in zip(rows, plan.runs, strict=True):
        assert int(row["parameters"]) == run.parameters
        assert float(row["tokens"]) == pytest.approx(run.tokens, rel=0.1)
        assert float(row["flops"]) == pytest.approx(run.flops, rel=0.1)
        assert 0 < float(row["loss"]) < 10
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])
    other = plan.model_copy(update={"runs": plan.runs[:1]})
    with pytest.raises(ResumeError, match="the runs of another plan"):
        run_plan(other, strings, folder)
    (folder / plan.runs[0].name / "scaling.json").write_text("{}")
    with pytest.raises(InputError, match=r"scaling\.json cannot be read"):
        read_result(folder / plan.runs[0].name)


def test_another_table_or_part_is_refused(plan, strings, tmp_path):
    other = tmp_path / "other.parquet"
    other.write_bytes(strings.read_bytes() + b" ")
    with pytest.raises(InputError, match="for which the plan was made"):
        run_plan(plan, other, tmp_path / "runs")
    with pytest.raises(InputError, match="part 3/2 is none"):
        run_plan(plan, strings, tmp_path / "runs", part=(3, 2))
    with pytest.raises(InputError, match="no run '1x1x8-30'"):
        run_plan(plan, strings, tmp_path / "runs", only=["1x1x8-30"])


def stratus(*words):
    return CliRunner().invoke(app, ["scaling", *map(str, words)])


def test_the_verbs_plan_fit_and_draw(strings, tmp_path):
    options = tmp_path / "options.yaml"
    options.write_text(yaml.safe_dump(OPTIONS))
    path = tmp_path / "plan.yaml"
    done = stratus(
        "plan", strings, "-o", path, "--config", options, "--size", "1x1x8", "--tokens", 500
    )
    assert done.exit_code == 0, done.output
    assert "differ by 0.00% at most" in done.output
    assert stratus("run", path, strings, "-o", tmp_path / "r", "--part", "x").exit_code == 2

    table = tmp_path / "table.csv"
    grid = [(n, d) for n in (3e3, 3e4, 3e5) for d in (3e5, 1e6, 1e7)]
    lines = [f"{n},{d},{0.3 + 30 / n**0.4 + 400 / d**0.45}" for n, d in grid]
    table.write_text("\n".join(["parameters,tokens,loss", *lines]))
    fit = tmp_path / "fit.json"
    done = stratus(
        "fit", table, "-o", fit, "--coarse", "--bootstraps", 3, "--hold-out", 0, "--budget", 1e12
    )
    assert done.exit_code == 0, done.output
    assert "at 1e+12 FLOP:" in done.output
    done = stratus("plot", table, "--fit", fit, "-o", tmp_path / "pictures")
    assert done.exit_code == 0, done.output
    names = {file.name for file in (tmp_path / "pictures").iterdir()}
    assert names == {"loss-compute.png", "contours.png", "residuals.png"}
    table.write_text(table.read_text() + "\n")
    assert "was not fitted to" in stratus("plot", table, "--fit", fit, "-o", tmp_path).output
    for wrong in (["--at", 3], ["--x", "tokens", "--budget", 3]):
        assert stratus("fit", table, "-o", fit, *wrong).exit_code == 2
