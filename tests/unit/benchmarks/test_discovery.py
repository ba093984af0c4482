"""Stable or not: against scikit-learn, and against what published rows say of themselves."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from stratus.benchmarks.discovery import discovery_scores, hull_distances, implied_by_rates
from stratus.errors import InputError

# CLOUD, Nature Communications 17, 4074 (2026): the full WBM set, true labels at 0 eV/atom,
# predicted ones at each threshold: F1, DAF, precision, accuracy, TPR, TNR.
PUBLISHED = {
    0.0: (0.474, 2.043, 0.340, 0.711, 0.781, 0.697),
    -0.05: (0.467, 2.903, 0.484, 0.828, 0.451, 0.904),
    0.05: (0.380, 1.434, 0.239, 0.494, 0.932, 0.407),
}


@pytest.fixture(scope="module")
def made():
    random = np.random.default_rng(0)
    form = random.normal(-1, 1, 5000)
    hull = random.gamma(1.0, 0.12, 5000) - 0.03
    return hull, form, form + random.normal(0.02, 0.08, 5000)


def test_distances_move_by_the_error_of_the_formation_energy(made):
    hull, form, predicted = made
    found = hull_distances(hull, form, predicted)
    assert found - hull == pytest.approx(predicted - form)


@pytest.mark.parametrize("threshold", [0.0, 0.05])
def test_scores_are_as_scikit_learn_has_them(made, threshold):
    hull, form, predicted = made
    found = hull_distances(hull, form, predicted)
    scores = discovery_scores(hull, found, threshold=threshold)
    stable, called = hull <= threshold, found <= threshold
    expected = {
        "f1": sk.f1_score(stable, called),
        "precision": sk.precision_score(stable, called),
        "accuracy": sk.accuracy_score(stable, called),
        "tpr": sk.recall_score(stable, called),
        "tnr": sk.recall_score(~stable, ~called),
        "mae": sk.mean_absolute_error(hull, found),
        "rmse": sk.root_mean_squared_error(hull, found),
        "r2": sk.r2_score(hull, found),
        "roc_auc": sk.roc_auc_score(stable, -found),
        "prevalence": stable.mean(),
    }
    assert scores.model_dump(include=set(expected)) == pytest.approx(expected)
    assert scores.daf == pytest.approx(expected["precision"] / expected["prevalence"])
    four = [scores.true_negatives, scores.false_positives]
    four += [scores.false_negatives, scores.true_positives]
    assert four == sk.confusion_matrix(stable, called).ravel().tolist()


def test_a_missing_prediction_is_unstable_and_no_error(made):
    hull, form, predicted = made
    whole = hull_distances(hull, form, predicted)
    absent = whole.copy()
    absent[::5] = np.nan
    scores = discovery_scores(hull, absent)
    filled = discovery_scores(hull, np.where(np.isnan(absent), 99.0, absent))
    same = {"f1", "daf", "precision", "accuracy", "tpr", "tnr", "prevalence", "roc_auc"}
    assert scores.model_dump(include=same) == pytest.approx(filled.model_dump(include=same))
    here = ~np.isnan(absent)
    assert scores.mae == pytest.approx(np.abs(whole - hull)[here].mean())
    assert (scores.missing, scores.rows) == (1000, 5000)
    nothing = discovery_scores(hull, np.full(5000, np.nan))
    assert (nothing.tpr, nothing.tnr, nothing.precision, nothing.mae) == (0.0, 1.0, None, None)


def test_a_subset_has_its_own_prevalence(made):
    hull, form, predicted = made
    found = hull_distances(hull, form, predicted)
    unique = np.arange(5000) % 3 == 0
    scores = discovery_scores(hull, found, subset=unique)
    assert scores == discovery_scores(hull[unique], found[unique])
    assert scores.prevalence == pytest.approx((hull[unique] <= 0).mean())


def test_on_the_threshold_is_stable():
    scores = discovery_scores(np.array([0.0, 0.1]), np.array([0.0, 0.1]))
    assert (scores.true_positives, scores.true_negatives) == (1, 1)


def test_a_shift_of_all_predictions_leaves_the_auc(made):
    hull, form, predicted = made
    found = hull_distances(hull, form, predicted)
    assert discovery_scores(hull, found + 0.3).roc_auc == discovery_scores(hull, found).roc_auc


@pytest.mark.parametrize("cut", PUBLISHED)
def test_published_rows_follow_from_four_of_their_numbers(cut):
    f1, daf, precision, accuracy, tpr, tnr = PUBLISHED[cut]
    prevalence = PUBLISHED[0.0][2] / PUBLISHED[0.0][1]
    assert prevalence == pytest.approx(0.1664, abs=5e-4)
    implied = implied_by_rates(precision, tpr, tnr, prevalence)
    assert implied["f1"] == pytest.approx(f1, abs=1.5e-3)
    assert implied["daf"] == pytest.approx(daf, abs=0.01)
    assert implied["accuracy"] == pytest.approx(accuracy, abs=1.5e-3)
    assert implied["precision"] == pytest.approx(precision, abs=1.5e-3)


def test_the_arithmetic_gives_such_rows_from_crystals():
    """Counts in the published proportions come out as the published row."""
    _, _, _, _, tpr, tnr = PUBLISHED[-0.05]
    n, stable = 100_000, 16_640
    hull = np.where(np.arange(n) < stable, -0.01, 0.2)
    tp, fp = round(tpr * stable), round((1 - tnr) * (n - stable))
    found = np.full(n, 0.1)
    found[:tp] = found[stable : stable + fp] = -0.06
    scores = discovery_scores(hull, found, predicted_threshold=-0.05)
    shown = (scores.f1, scores.daf, scores.precision, scores.accuracy, scores.tpr, scores.tnr)
    assert shown == pytest.approx(PUBLISHED[-0.05], abs=6e-3)


def test_what_can_not_be_measured_is_refused():
    one = np.zeros(1)
    with pytest.raises(InputError, match="the subset is empty"):
        discovery_scores(one, one, subset=np.zeros(1, bool))
    with pytest.raises(InputError, match="has no true hull distance"):
        hull_distances(np.array([np.nan]), one, one)
    with pytest.raises(InputError, match="infinite"):
        discovery_scores(one, np.array([np.inf]))
    with pytest.raises(InputError, match="one entry a crystal"):
        discovery_scores(one, np.zeros(2))
