"""Learning rates are those of the closed form."""

from __future__ import annotations

import math

import pytest

from stratus.training.schedule import share_of_peak, warmup_steps


def test_the_warm_up_is_straight_and_ends_at_the_peak():
    shares = [share_of_peak(step, warmup=5, total=100) for step in range(5)]
    assert shares == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_the_rest_is_half_a_cosine():
    for step in range(5, 100):
        done = (step - 5) / 95
        expected = math.cos(math.pi * done / 2) ** 2
        assert share_of_peak(step, warmup=5, total=100) == pytest.approx(expected)
    assert share_of_peak(100, warmup=5, total=100) == pytest.approx(0)


@pytest.mark.parametrize(("total", "share", "steps"), [(100, 0.05, 5), (7, 0.05, 1), (9, 0, 0)])
def test_the_warm_up_is_a_share_of_the_run(total, share, steps):
    assert warmup_steps(total, share) == steps


def test_a_run_of_one_step_or_without_warm_up_learns():
    assert share_of_peak(0, warmup=0, total=1) == 1
    assert share_of_peak(0, warmup=1, total=1) == 1
