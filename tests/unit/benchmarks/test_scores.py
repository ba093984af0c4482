"""Leaderboard metrics against scikit-learn and against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from stratus.benchmarks.scores import board_metric, board_scores, over_folds
from stratus.errors import InputError

RANDOM = np.random.default_rng(3)


def test_regression_is_as_scikit_learn_has_it():
    labels, found = RANDOM.normal(2, 1, 200), RANDOM.normal(2, 1, 200)
    scores = board_scores("regression", labels, found)
    assert scores == pytest.approx(
        {
            "mae": sk.mean_absolute_error(labels, found),
            "rmse": sk.root_mean_squared_error(labels, found),
            "mape": sk.mean_absolute_percentage_error(labels, found),
            "max_error": sk.max_error(labels, found),
        }
    )


def test_classification_is_as_scikit_learn_has_it():
    labels = RANDOM.integers(0, 2, 300).astype(float)
    found = np.clip(0.4 * labels + RANDOM.uniform(0, 0.7, 300), 0, 1)
    classes = found > 0.5
    assert board_scores("binary", labels, found) == pytest.approx(
        {
            "accuracy": sk.accuracy_score(labels, classes),
            "balanced_accuracy": sk.balanced_accuracy_score(labels, classes),
            "f1": sk.f1_score(labels, classes),
            "rocauc": sk.roc_auc_score(labels, found),
        }
    )


def test_the_auc_of_classes_is_their_balanced_accuracy():
    labels = RANDOM.integers(0, 2, 100).astype(float)
    guess = RANDOM.integers(0, 2, 100).astype(float)
    scores = board_scores("binary", labels, guess)
    assert scores["rocauc"] == pytest.approx(scores["balanced_accuracy"])


def test_mape_leaves_out_labels_close_to_zero():
    scores = board_scores("regression", np.array([0.0, 1e-5, 2.0]), np.array([5.0, 5.0, 1.0]))
    assert scores["mape"] == 0.5
    assert board_scores("regression", np.zeros(2), np.ones(2))["mape"] is None


def test_one_half_is_class_0_and_one_class_has_no_auc():
    scores = board_scores("binary", np.array([1.0, 1.0]), np.array([0.5, 0.51]))
    assert scores == {"accuracy": 0.5, "balanced_accuracy": None, "f1": 2 / 3, "rocauc": None}


def test_the_spread_over_folds_is_that_of_a_population():
    found = over_folds([1.0, 2.0, 3.0, 6.0])
    assert (found.mean, found.max, found.min) == (3.0, 6.0, 1.0)
    assert found.std == pytest.approx(np.sqrt(3.5))


def test_what_can_not_be_compared_is_refused():
    with pytest.raises(InputError, match="one prediction for each label"):
        board_scores("regression", np.zeros(2), np.zeros(3))
    with pytest.raises(InputError, match="row 1, counted from 0"):
        board_scores("regression", np.zeros(2), np.array([0.0, np.nan]))
    with pytest.raises(InputError, match="there is no fold"):
        over_folds([])
    with pytest.raises(InputError, match="did you mean mae"):
        board_metric("maee")


def test_errors_are_small_when_good_and_shares_are_large():
    assert board_metric("mae").lower_is_better
    assert not board_metric("rocauc").lower_is_better
    assert board_metric("mae").has_unit
    assert not board_metric("mape").has_unit
