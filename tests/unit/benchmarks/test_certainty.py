"""Intervals and paired tests: against closed forms, enumeration, and their promise."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from stratus.benchmarks.certainty import bootstrap_interval, paired_rows, row_losses
from stratus.errors import InputError


def test_the_interval_of_a_mean_is_that_of_its_standard_error():
    random = np.random.default_rng(0)
    error = random.exponential(1.0, 4000)
    folds = np.repeat(list("ab"), 2000).tolist()
    low, high = bootstrap_interval("mae", np.zeros(4000), error, folds)
    standard_error = np.sqrt(error[:2000].var() / 2000 + error[2000:].var() / 2000) / 2
    assert low < error.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * standard_error, rel=0.08)


def test_the_quick_way_for_the_mean_is_the_slow_one():
    random = np.random.default_rng(1)
    labels, found = random.normal(size=300), random.normal(size=300)
    clusters = [f"c{k // 3}" for k in range(300)]
    folds = ["0"] * 300
    quick = bootstrap_interval("mae", labels, found, folds, clusters=clusters)
    # the RMSE of rooted errors is the root of the mean: another metric, drawn the general way
    rooted = np.sqrt(np.abs(labels - found))
    slow = bootstrap_interval("rmse", np.zeros(300), rooted, folds, clusters=clusters)
    assert np.sqrt(quick) == pytest.approx(slow, rel=0.02)


def test_rows_of_one_cluster_count_as_one():
    random = np.random.default_rng(2)
    error = np.repeat(random.exponential(1.0, 100), 10)
    folds, clusters = ["0"] * 1000, [str(k // 10) for k in range(1000)]
    zeros = np.zeros(1000)
    apart = bootstrap_interval("mae", zeros, error, folds)
    together = bootstrap_interval("mae", zeros, error, folds, clusters=clusters)
    assert np.ptp(together) == pytest.approx(np.sqrt(10) * np.ptp(apart), rel=0.15)


def test_a_metric_that_is_not_defined_has_no_interval():
    assert bootstrap_interval("rocauc", np.ones(9), np.linspace(0, 1, 9), ["0"] * 9) is None
    labels = np.array([0.0, 1.0] * 20)
    low, high = bootstrap_interval("rocauc", labels, labels, ["0"] * 40)
    assert low == high == 1.0


def test_the_p_value_is_that_of_all_flips():
    random = np.random.default_rng(5)
    ours, theirs = random.normal(0, 1, 12), random.normal(0.6, 1, 12)
    difference = ours - theirs
    signs = np.array(list(product([1, -1], repeat=12)))
    exact = np.mean(np.abs(signs @ difference) >= abs(difference.sum()) - 1e-12)
    found = paired_rows(ours, theirs, flips=40_000)
    assert found.p_value == pytest.approx(exact, abs=0.01)
    assert found.mean_difference == pytest.approx(difference.mean())
    assert (found.clusters, found.flips) == (12, 40_000)


def test_p_values_of_equal_methods_are_spread_evenly():
    random = np.random.default_rng(7)
    found = [
        paired_rows(*random.exponential(1, (2, 30)), flips=199, seed=k).p_value for k in range(300)
    ]
    assert np.mean(np.array(found) <= 0.05) < 0.1
    assert 0.4 < np.mean(found) < 0.6


def test_clusters_flip_together_and_p_is_never_zero():
    ours, theirs = np.zeros(400), np.ones(400)
    assert paired_rows(ours, theirs, flips=999).p_value == 1 / 1000
    few = paired_rows(ours, theirs, clusters=["a", "b"] * 200, flips=999)
    assert few.clusters == 2
    assert few.p_value == pytest.approx(0.5, abs=0.06)


def test_losses_of_rows():
    labels, found = np.array([1.0, 0.0]), np.array([0.5, 0.2])
    assert row_losses("regression", labels, found).tolist() == [0.5, 0.2]
    assert row_losses("binary", labels, found) == pytest.approx([0.25, 0.04])


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="one entry a row"):
        bootstrap_interval("mae", np.zeros(3), np.zeros(3), ["0"] * 2)
    with pytest.raises(InputError, match="between 0 and 1"):
        bootstrap_interval("mae", np.zeros(3), np.zeros(3), ["0"] * 3, level=1.0)
    with pytest.raises(InputError, match="both losses"):
        paired_rows(np.zeros(3), np.zeros(2))
