"""Learning rates are those of the closed form."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from stratus.training.schedule import Schedule, warmup_steps


def test_the_warm_up_is_straight_and_ends_at_the_peak():
    shares = [Schedule(100, 5)(step) for step in range(5)]
    assert shares == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_the_rest_is_half_a_cosine():
    for step in range(5, 100):
        done = (step - 5) / 95
        expected = math.cos(math.pi * done / 2) ** 2
        assert Schedule(100, 5)(step) == pytest.approx(expected)
    assert Schedule(100, 5)(100) == pytest.approx(0)


@pytest.mark.parametrize(("total", "share", "steps"), [(100, 0.05, 5), (7, 0.05, 1), (9, 0, 0)])
def test_the_warm_up_is_a_share_of_the_run(total, share, steps):
    assert warmup_steps(total, share) == steps


def test_a_run_of_one_step_or_without_warm_up_learns():
    assert Schedule(1, 0)(0) == 1
    assert Schedule(1, 1)(0) == 1


def test_the_warm_up_begins_above_its_start_and_the_cosine_ends_at_its_floor():
    shares = [Schedule(12, 4, start=0.2, floor=0.1)(step) for step in range(13)]
    assert shares[:4] == pytest.approx([0.4, 0.6, 0.8, 1.0])
    assert shares[4] == pytest.approx(1.0)
    assert shares[8] == pytest.approx(0.55)
    assert shares[12] == pytest.approx(0.1)
    assert all(a > b for a, b in pairwise(shares[4:]))
