"""How good predictions are, over all rows at once."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from stratus.errors import InputError
from stratus.tasks.measurements import measure
from stratus.tasks.metrics import METRICS, metric, metrics_of
from stratus.tasks.targets import parse_target
from stratus.tasks.task import make_task

GAP = parse_target("gap:eV")
METAL = make_task({"column": "metal", "kind": "binary"})
PHASE = make_task({"column": "phase", "kind": "multiclass", "classes": ("a", "b", "c")})


@pytest.fixture(autouse=True)
def _no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_regression_by_hand():
    found = measure(GAP, np.array([1.0, 2.0, 3.0, 6.0]), np.array([1.0, 3.0, 3.0, 3.0]))
    assert found == pytest.approx(
        {
            "mae": 4 / 4,
            "rmse": math.sqrt(10 / 4),
            "mse": 10 / 4,
            "r2": 1 - 10 / 14,
            "mae_over_mad": 1.0 / ((2 + 1 + 0 + 3) / 4),  # about their own mean, 3
        }
    )


def test_mad_is_about_the_mean_of_the_rows_measured():
    labels = np.array([100.0, 101.0, 105.0])
    mean = np.full(3, labels.mean())
    assert measure(GAP, labels, mean)["mae_over_mad"] == pytest.approx(1.0)


def test_binary_by_hand():
    labels = np.array([0.0, 0.0, 0.0, 1.0, 1.0])
    found = measure(METAL, labels, np.array([0.1, 0.6, 0.2, 0.5, 0.4]))
    assert found == pytest.approx(
        {
            "roc_auc": (2 + 2) / 6,  # of the pairs, those in order: 0.5 above two, 0.4 above two
            "balanced_accuracy": (2 / 3 + 1 / 2) / 2,
            "f1": 2 * 1 / (2 * 1 + 1 + 1),
            "log_loss": -np.mean(np.log([0.9, 0.4, 0.8, 0.5, 0.4])),
            "accuracy": 3 / 5,
        }
    )


def test_multiclass_by_hand():
    labels = np.array([0.0, 1.0, 2.0, 2.0])
    given = np.array([[0.6, 0.2, 0.2], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]])
    assert measure(PHASE, labels, given) == pytest.approx(
        {
            "balanced_accuracy": (1 + 0 + 1) / 3,
            "f1": (2 / 3 + 0 + 1) / 3,
            "log_loss": -np.mean(np.log([0.6, 0.3, 0.8, 0.4])),
            "accuracy": 3 / 4,
        }
    )


def test_they_agree_with_scikit_learn():
    generator = np.random.default_rng(0)
    labels, values = generator.normal(size=(2, 300))
    found = measure(GAP, labels, values)
    assert found["rmse"] == pytest.approx(math.sqrt(sk.mean_squared_error(labels, values)))
    assert found["r2"] == pytest.approx(sk.r2_score(labels, values))
    classes, given = generator.integers(2, size=300), generator.random(300)
    found = measure(METAL, classes.astype(float), given)
    guess = given >= 0.5
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(classes, given))
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(classes, guess))
    assert found["f1"] == pytest.approx(sk.f1_score(classes, guess))
    classes = generator.integers(3, size=300)
    given = torch.softmax(torch.from_numpy(generator.normal(size=(300, 3))), 1).numpy()
    found = measure(PHASE, classes.astype(float), given)
    guess = given.argmax(1)
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(classes, guess))
    assert found["f1"] == pytest.approx(sk.f1_score(classes, guess, average="macro"))


def test_they_are_over_all_rows_and_not_a_mean_of_means_of_batches():
    labels = np.concatenate([np.zeros(90), np.ones(10)])
    values = np.zeros(100)
    found = measure(GAP, labels, values)
    assert found["mae"] == pytest.approx(0.1)
    batches = [measure(GAP, labels[a:b], values[a:b])["mae"] for a, b in ((0, 90), (90, 100))]
    assert np.mean(batches) == pytest.approx(0.5)  # what it must not be
    assert found["rmse"] == pytest.approx(math.sqrt(0.1))


WILD = st.sampled_from([math.nan, math.inf, -math.inf, 1e300, -7.0])


@given(st.lists(st.tuples(WILD, WILD), min_size=4, max_size=4), st.randoms())
def test_rows_without_a_label_and_the_order_of_rows_never_matter(wild, random):
    labels, values = np.array([1.0, 2.0, 5.0]), np.array([1.5, 2.0, 3.0])
    rows = [*zip(labels, values, [True] * 3, strict=True), *((*pair, False) for pair in wild)]
    random.shuffle(rows)
    mixed = [np.array(column) for column in zip(*rows, strict=True)]
    assert measure(GAP, *mixed) == pytest.approx(measure(GAP, labels, values), rel=1e-14)


def test_what_is_not_defined_is_none():
    same = measure(GAP, np.array([2.0, 2.0]), np.array([1.0, 2.0]))
    assert same == {"mae": 0.5, "mse": 0.5, "rmse": pytest.approx(math.sqrt(0.5))} | {
        "r2": None,
        "mae_over_mad": None,
    }
    one_class = measure(METAL, np.ones(2), np.array([0.9, 0.2]))
    assert one_class["roc_auc"] is None
    assert one_class["balanced_accuracy"] == 0.5
    assert one_class["log_loss"] == pytest.approx(-(math.log(0.9) + math.log(0.2)) / 2)
    assert measure(METAL, np.zeros(2), np.array([0.1, 0.2]))["f1"] == 0.0


def test_a_class_that_no_row_has_is_no_reason_to_warn():
    found = measure(PHASE, np.array([0.0, 0.0]), np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]))
    assert found["balanced_accuracy"] == 0.5


def test_a_tie_goes_to_class_one():
    assert measure(METAL, np.array([1.0]), np.array([0.5]))["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("task", "labels", "values", "message"),
    [
        (GAP, [], [], "no label in these 0 rows"),
        (GAP, [1.0, math.nan], [1.0, 1.0], "labels that are no finite numbers, in 1 of 2 rows"),
        (GAP, [1.0, 1.0, 1.0], [1.0, math.inf, math.nan], "in 2 of 3 rows; the first is row 1"),
        (GAP, [1.0, 1.0], [[1.0], [1.0]], "do not fit"),
        (GAP, [1.0, 1.0], [1.0], "do not fit"),
        (METAL, [0.0, 2.0], [0.5, 0.5], "labels that are not 0 to 1"),
        (PHASE, [0.0], [0.5], "do not fit"),
        (PHASE, [0.0, 0.5], [[1.0, 0.0, 0.0]] * 2, "labels that are not 0 to 2"),
        (PHASE, [0.0], [[1.0, math.nan, 0.0]], "predictions that are no finite numbers"),
    ],
)
def test_what_can_not_be_measured_is_refused(task, labels, values, message):
    with pytest.raises(InputError, match=message):
        measure(task, np.array(labels), np.array(values))


def test_a_mask_without_a_label_is_refused():
    with pytest.raises(InputError, match="no label in these 2 rows"):
        measure(GAP, np.ones(2), np.ones(2), np.zeros(2, bool))


def test_each_metric_says_its_unit_and_its_direction():
    units = {name: each.unit_for(GAP.unit) for name, each in METRICS.items()}
    assert units == {name: "eV" if name in {"mae", "rmse"} else "" for name in METRICS} | {
        "log_loss": "nats",
        "mse": "eV^2",
    }
    assert {name for name, each in METRICS.items() if each.lower_is_better} == {
        "mae",
        "rmse",
        "mse",
        "mae_over_mad",
        "log_loss",
    }


@pytest.mark.parametrize("name", METRICS)
def test_better_predictions_get_a_better_number(name):
    each = metric(name)
    labels = np.array([0.0, 1.0, 1.0, 0.0])
    good, bad = np.array([0.1, 0.9, 0.8, 0.2]), np.array([0.8, 0.3, 0.4, 0.7])
    first, second = each.function(labels, good), each.function(labels, bad)
    assert (first < second) == each.lower_is_better
    assert first != second


def test_each_kind_has_metrics_and_a_wrong_name_gets_the_close_ones():
    assert [each.name for each in metrics_of("regression")] == [
        "mae",
        "rmse",
        "mse",
        "r2",
        "mae_over_mad",
    ]
    assert "roc_auc" not in [each.name for each in metrics_of("multiclass")]
    with pytest.raises(InputError, match="no metric 'roc-auc'; did you mean roc_auc"):
        metric("roc-auc")


@pytest.mark.parametrize(
    ("unit", "squared"),
    [("eV", "eV^2"), ("eV/atom", "(eV/atom)^2"), ("1/cm", "(1/cm)^2"), ("", "")],
)
def test_the_mean_square_has_the_square_of_the_unit(unit, squared):
    assert METRICS["mse"].unit_for(unit) == squared
    assert METRICS["rmse"].unit_for(unit) == unit
