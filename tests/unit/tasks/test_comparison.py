"""Several folds in one line, and two methods held against each other."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test, ttest_rel

from stratus.errors import InputError
from stratus.tasks.comparison import compare, spread


def test_the_spread_by_hand_is_that_of_a_sample():
    found = spread([1.0, 2.0, 3.0, 6.0])
    assert (found.folds, found.mean) == (4, 3.0)
    assert found.standard_deviation == pytest.approx(math.sqrt(14 / 3))


def test_one_fold_has_no_spread():
    assert spread([2.0]).standard_deviation is None
    alone = compare([2.0], [3.0], lower_is_better=True)
    assert (alone.standard_error, alone.p_value, alone.won) == (None, 1.0, 1)


def test_a_comparison_by_hand():
    ours, theirs = [1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 3.0, 5.0, 4.0, 4.0]
    found = compare(ours, theirs, lower_is_better=True)  # differences -1 -1 -2 0 1
    assert found.folds == 5
    assert found.mean_difference == pytest.approx(-0.6)
    assert found.standard_error == pytest.approx(math.sqrt(5.2 / 4 / 5))
    assert (found.won, found.lost) == (3, 1)
    flipped = compare(ours, theirs, lower_is_better=False)
    assert (flipped.won, flipped.lost) == (1, 3)
    assert flipped.p_value == found.p_value
    other = compare(theirs, ours, lower_is_better=True)
    assert (other.won, other.lost, other.mean_difference) == (1, 3, pytest.approx(0.6))


def test_the_standard_error_is_that_of_the_paired_t_test():
    ours, theirs = np.random.default_rng(0).normal(size=(2, 9))
    found = compare(ours.tolist(), theirs.tolist(), lower_is_better=True)
    oracle = ttest_rel(ours, theirs).statistic
    assert found.mean_difference / found.standard_error == pytest.approx(oracle, rel=1e-12)


def by_enumeration(difference: list[int]) -> float:
    """Count the sign flips, in whole numbers, so that ties are exact."""
    sums = [
        abs(sum(sign * value for sign, value in zip(signs, difference, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(difference))
    ]
    return sum(each >= abs(sum(difference)) for each in sums) / len(sums)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=8))
@example([-7, 8, 2, -7, 5, -1])  # they cancel, but not in binary
def test_the_p_value_is_the_share_of_sign_flips(difference):
    ours = [0.1 * value for value in difference]  # not exact, so ties must bear rounding
    found = compare(ours, [0.0] * len(ours), lower_is_better=True)
    assert found.p_value == pytest.approx(by_enumeration(difference), abs=1e-12)


@pytest.mark.parametrize("folds", [2, 5, 10])
def test_it_is_that_of_scipy_where_nothing_ties(folds):
    difference = np.random.default_rng(folds).normal(0.3, 1, folds)
    found = compare(difference.tolist(), [0.0] * folds, lower_is_better=True)
    oracle = permutation_test(
        (difference,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert found.p_value == pytest.approx(oracle.pvalue, abs=1e-12)


def test_five_folds_won_give_one_in_sixteen_and_no_less():
    found = compare([1.0, 2.0, 3.0, 4.0, 5.0], [9.0] * 5, lower_is_better=True)
    assert found.won == 5
    assert found.p_value == 0.0625


def test_the_same_method_twice_is_no_difference():
    found = compare([0.1, 0.2, 0.3], [0.1, 0.2, 0.3], lower_is_better=True)
    assert (found.mean_difference, found.standard_error, found.won, found.lost) == (0, 0, 0, 0)
    assert found.p_value == 1.0


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        ([], [], "no fold"),
        ([1.0, 2.0], [1.0], "2 folds of the one method and 1 of the other"),
        ([1.0, math.nan], [1.0, 2.0], "fold 1, counted from 0, has no finite number"),
        ([1.0] * 21, [2.0] * 21, "21 folds are too many"),
    ],
)
def test_folds_that_can_not_be_compared_are_refused(ours, theirs, message):
    with pytest.raises(InputError, match=message):
        compare(ours, theirs, lower_is_better=True)
