"""Intervals hold what they promise, and say nothing where they know nothing."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest

from stratus.crystals.facets import Detail
from stratus.errors import InputError
from stratus.tasks.conformal import (
    MOST_SCORES,
    Calibration,
    Scores,
    calibrate,
    intervals,
    kept_ranks,
    moments,
)
from stratus.tasks.task import make_task

GAP = make_task({"column": "gap", "unit": "eV"})
WHOLE, FORMULA = Detail.WHOLE, Detail.FORMULA


def scores(*values: float) -> Scores:
    return Scores(rows=len(values), floor=1.0, scores=values)


def calibration(**groups: Scores) -> Calibration:
    return Calibration(tasks={"gap": {name: {WHOLE: one} for name, one in groups.items()}})


@pytest.mark.parametrize(
    ("level", "expected"),
    [(0.5, 5.0), (0.51, 6.0), (0.8, 8.0), (0.9, 9.0), (0.91, math.inf), (0.01, 1.0)],
)
def test_a_quantile_is_the_score_of_that_rank_among_n_plus_one(level, expected):
    assert scores(*map(float, range(1, 10))).quantile(level) == expected


@pytest.mark.parametrize("rows", [1, 2, 7, 18])
def test_too_few_rows_give_infinite_intervals(rows):
    of = {"a": scores(*np.linspace(0, 1, rows))}
    lo, hi = intervals(calibration(**of), GAP, [WHOLE], {"a": [1.0]}, {"a": [0.0]}, 0.95)
    assert (lo[0], hi[0]) == (-math.inf, math.inf)
    cut = GAP.model_copy(update={"minimum": 0.0})
    lo, hi = intervals(calibration(**of), cut, [WHOLE], {"a": [1.0]}, {"a": [0.0]}, 0.95)
    assert (lo[0], hi[0]) == (0.0, math.inf)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, 2.0, math.nan])
def test_a_level_that_can_not_be_is_refused(level):
    with pytest.raises(InputError, match="between 0 and 1"):
        scores(1.0).quantile(level)
    with pytest.raises(InputError, match="between 0 and 1"):
        intervals(calibration(a=scores(1.0)), GAP, [], {"a": []}, {"a": []}, level)


def test_scores_are_errors_in_units_of_spread_and_floor():
    found = calibrate([0.0, 0.0, 0.0, np.nan], [3.0, -1.0, 4.0, 9.0], [4.0, 0.0, 0.0, 1.0])
    assert (found.rows, found.floor) == (3, 3.0)
    assert found.scores == pytest.approx((1 / 3, 3 / 5, 4 / 3), rel=1e-5)


def test_where_most_errors_are_zero_the_floor_is_of_the_others():
    found = calibrate([0, 0, 0, 0, 2.0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0])
    assert (found.floor, found.scores) == (2.0, (0, 0, 0, 0, 1.0))
    perfect = calibrate([1.0, 2.0], [1.0, 2.0], [0.0, 0.0])
    assert (perfect.floor, perfect.scores) == (1.0, (0.0, 0.0))


def test_no_label_gives_no_scores_and_a_bad_prediction_is_refused():
    assert calibrate([np.nan], [1.0], [0.0]) is None
    with pytest.raises(InputError, match="no finite number"):
        calibrate([1.0], [np.nan], [0.0])


def test_moments_are_mean_and_spread_over_members():
    mu, sigma = moments([[1.0, 5.0], [3.0, 5.0]])
    assert (mu.tolist(), sigma.tolist()) == ([2.0, 5.0], [1.0, 0.0])
    assert moments([[1.0, 5.0]])[1].tolist() == [0.0, 0.0]


def test_several_groups_give_the_mean_of_their_intervals():
    both = calibration(a=scores(0.0, 0.0, 2.0), b=scores(0.0, 0.0, 4.0))
    mu, sigma = {"a": [1.0], "b": [3.0]}, {"a": [0.0], "b": [math.sqrt(3)]}
    lo, hi = intervals(both, GAP, [WHOLE], mu, sigma, 0.75)  # the third of three
    assert lo[0] == pytest.approx(((1 - 2 * 1) + (3 - 4 * 2)) / 2)
    assert hi[0] == pytest.approx(((1 + 2 * 1) + (3 + 4 * 2)) / 2)


def test_intervals_are_cut_at_the_minimum():
    cut = GAP.model_copy(update={"minimum": 0.0})
    lo, hi = intervals(
        calibration(a=scores(0.0, 2.0)), cut, [WHOLE] * 2, {"a": [0.5, 9]}, {"a": [0, 0]}, 0.6
    )
    assert (lo.tolist(), hi.tolist()) == ([0.0, 7.0], [2.5, 11.0])


def test_a_kind_without_calibration_has_no_interval_and_that_is_said_once(caplog):
    one = calibration(only_here=scores(1.0, 1.0))
    mu, sigma = {"only_here": [0.0, 0.0]}, {"only_here": [0.0, 0.0]}
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            lo, hi = intervals(one, GAP, [FORMULA, WHOLE], mu, sigma, 0.5)
    assert np.isnan(lo).tolist() == np.isnan(hi).tolist() == [True, False]
    assert len(caplog.records) == 1
    assert "gap: no interval for crystals of the kind 'formula'" in caplog.text


def test_kinds_have_quantiles_of_their_own():
    found = Calibration(tasks={"gap": {"a": {WHOLE: scores(1.0, 1.0), FORMULA: scores(3.0, 3.0)}}})
    lo, hi = intervals(found, GAP, [WHOLE, FORMULA], {"a": [0, 0]}, {"a": [0, 0]}, 0.5)
    assert (hi - lo).tolist() == [2.0, 6.0]


def test_only_regressions_have_intervals():
    metal = make_task({"column": "metal", "kind": "binary"})
    with pytest.raises(InputError, match="only regressions have intervals"):
        intervals(calibration(a=scores(1.0)), metal, [WHOLE], {"a": [0]}, {"a": [0]}, 0.5)
    with pytest.raises(InputError, match="no predictions"):
        intervals(calibration(a=scores(1.0)), GAP, [WHOLE], {}, {}, 0.5)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_coverage_of_exchangeable_rows_is_what_was_asked_for(level):
    """Over many draws of calibration and test rows the share is level to level + 1 / (n + 1)."""
    random = np.random.default_rng(5)
    draws, n, tests = 400, 99, 50
    held = 0
    for _ in range(draws):
        truth = random.normal(size=n + tests)
        sigma = random.exponential(size=n + tests)
        mu = truth + random.standard_t(3, size=n + tests) * (0.1 + sigma)
        made = calibrate(truth[:n], mu[:n], sigma[:n])
        lo, hi = intervals(
            calibration(a=made), GAP, [WHOLE] * tests, {"a": mu[n:]}, {"a": sigma[n:]}, level
        )
        held += int(((lo <= truth[n:]) & (truth[n:] <= hi)).sum())
    # given the calibration rows, the coverage is Beta distributed (Vovk 2012, arXiv:1209.2673)
    rank = math.ceil((n + 1) * level)
    mean = rank / (n + 1)
    of_calibration = mean * (1 - mean) / (n + 2)
    deviation = math.sqrt((of_calibration + mean * (1 - mean) / tests) / draws)
    assert held / (draws * tests) == pytest.approx(mean, abs=4 * deviation)


def test_many_scores_are_thinned_out_evenly_and_never_make_a_smaller_quantile():
    random = np.random.default_rng(1)
    errors = np.sort(random.exponential(size=54_321))
    found = calibrate(np.zeros(len(errors)), errors, np.zeros(len(errors)))
    assert (found.rows, len(found.scores)) == (54_321, MOST_SCORES)
    gaps = np.diff(kept_ranks(54_321))
    assert set(gaps.tolist()) <= {27, 28}
    assert kept_ranks(54_321)[-1] == 54_321
    for level in (0.1, 0.5, 0.9, 0.999):
        exact = errors[math.ceil(54_322 * level) - 1] / found.floor
        later = errors[min(54_320, math.ceil(54_322 * level) + 27)] / found.floor
        assert exact * (1 - 1e-5) <= found.quantile(level) <= later * (1 + 1e-5)


def test_a_calibration_survives_json():
    found = calibration(a=scores(0.1, 0.2))
    assert Calibration.model_validate_json(found.model_dump_json(), strict=True) == found
