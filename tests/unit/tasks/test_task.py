"""What a task may be, and how it is written on the command line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from pydantic import ValidationError

from stratus.errors import InputError
from stratus.tasks.metrics import METRICS
from stratus.tasks.targets import parse_target
from stratus.tasks.task import (
    DEFAULT_METRICS,
    LOSSES,
    Task,
    check_together,
    make_task,
)


def test_a_column_and_a_unit_are_a_task():
    task = parse_target("band_gap:eV")
    assert (task.name, task.column, task.unit) == ("band_gap", "band_gap", "eV")
    assert (task.kind, task.per, task.loss, task.metric) == ("regression", "crystal", "l1", "mae")


@pytest.mark.parametrize(
    ("text", "column", "unit"),
    [
        ("gap", "gap", ""),
        ("gap:", "gap", ""),
        (" gap : eV ", "gap", "eV"),
        ("e:pbe:eV/atom", "e:pbe", "eV/atom"),
        ("e:pbe:", "e:pbe", ""),
        ("log10(K_VRH):log10(GPa)", "log10(K_VRH)", "log10(GPa)"),
    ],
)
def test_the_last_colon_begins_the_unit(text, column, unit):
    task = parse_target(text)
    assert (task.column, task.unit) == (column, unit)


def test_a_name_has_nothing_that_tensor_or_file_names_can_not_have():
    assert parse_target("e.form/atom").name == "e_form_atom"
    for name in ("a.b", "a/b", "a\\b", " a", "a\n", ""):
        with pytest.raises(ValidationError):
            Task(name=name, column="a")


@pytest.mark.parametrize("text", ["", ":eV", "  : eV"])
def test_a_target_without_a_column_is_refused(text):
    with pytest.raises(InputError, match="names no column"):
        parse_target(text)


def test_a_column_that_the_table_has_not_gets_the_close_ones():
    assert parse_target("gap:eV", ["id", "gap"]).column == "gap"
    with pytest.raises(InputError, match="no column 'band_gp'; did you mean band_gap"):
        parse_target("band_gp:eV", ["id", "band_gap"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"kind": "regresion"},
            "target gap: there is no kind of task 'regresion'; did you mean re",
        ),
        ({"per": "atoms"}, "target gap: there is no value of per 'atoms'; did you mean atom"),
        ({"loss": "mae"}, "there is no loss 'mae'"),
        ({"metric": "rsme"}, "there is no metric 'rsme'; did you mean rmse"),
        ({"los": "l1"}, "there is no setting of a target 'los'; did you mean loss"),
        ({"by": {"dropout": 1.0}}, "target gap: by.dropout cannot be 1.0"),
        ({"weight": 0}, "weight cannot be 0"),
        ({"weight": float("nan")}, "weight cannot be nan"),
        ({"by": {"layers": -1}}, "by.layers cannot be -1"),
        ({"kind": None}, "kind cannot be None"),
        ({"loss": "cross_entropy"}, "gap is a regression task, whose loss is l1 or mse"),
        ({"kind": "binary", "loss": "l1"}, "gap is a binary task, whose loss is cross_entropy"),
        ({"metric": "f1"}, "whose metric is mae or rmse or mse or r2 or mae_over_mad, not f1"),
        ({"classes": ("a", "b")}, "has no classes"),
        ({"kind": "binary", "unit": "eV"}, "no unit"),
        ({"kind": "binary", "per": "cell"}, "not per cell"),
        ({"kind": "binary", "classes": ("a",)}, "name no classes, or two"),
        ({"kind": "multiclass", "classes": ("a",)}, "two at least"),
        ({"kind": "multiclass", "classes": ("a", "b", "a")}, "named twice"),
    ],
)
def test_what_can_not_be_is_one_sentence(values, message):
    with pytest.raises(InputError) as refused:
        make_task({"column": "gap", **values})
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_task_needs_a_column_that_is_a_text():
    with pytest.raises(InputError, match="no column"):
        make_task({"unit": "eV"})
    with pytest.raises(InputError, match="column cannot be 3"):
        make_task({"column": 3})


@pytest.mark.parametrize("kind", LOSSES)
def test_each_kind_has_a_loss_and_a_metric_of_its_own(kind):
    classes = ("a", "b", "c") if kind == "multiclass" else ()
    task = make_task({"column": "x", "kind": kind, "classes": classes})
    assert task.loss == LOSSES[kind][0]
    assert task.metric == DEFAULT_METRICS[kind]
    assert kind in METRICS[task.metric].kinds


def test_a_head_gives_as_many_numbers_as_the_task_needs():
    assert make_task({"column": "x"}).outputs == 1
    assert make_task({"column": "x", "loss": "gaussian"}).outputs == 2
    assert make_task({"column": "x", "kind": "binary"}).outputs == 1
    assert make_task({"column": "x", "kind": "multiclass", "classes": tuple("abcd")}).outputs == 4


def test_a_task_is_the_same_after_json():
    task = parse_target(
        "phase", kind="multiclass", classes=("a", "b"), weight=0.5, by={"layers": 3}
    )
    assert Task.model_validate_json(json.dumps(task.model_dump(mode="json")), strict=True) == task


def test_a_task_does_not_change():
    with pytest.raises(ValidationError):
        parse_target("gap").weight = 2.0


def test_targets_are_told_apart_by_name():
    check_together([parse_target("gap"), parse_target("e")])
    with pytest.raises(InputError, match="two targets are called a_b"):
        check_together([parse_target("a.b"), parse_target("a_b")])
    with pytest.raises(InputError, match="no target"):
        check_together([])


def test_reading_a_target_loads_neither_torch_nor_scikit_learn():
    code = (
        "import sys; from stratus.tasks.targets import parse_target; parse_target('gap:eV'); "
        "sys.exit(bool({'torch', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_a_regression_has_a_minimum():
    assert make_task({"column": "gap", "minimum": 0}).minimum == 0.0
    with pytest.raises(InputError, match="so it has no minimum"):
        make_task({"column": "metal", "kind": "binary", "minimum": 0.0})
    with pytest.raises(InputError, match="minimum cannot be"):
        make_task({"column": "gap", "minimum": float("nan")})
