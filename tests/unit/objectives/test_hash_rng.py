"""The hash is SplitMix64, on every machine."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from stratus.objectives.hash_rng import Purpose, below, hashed, key, permutation, uniform


def splitmix64(state):
    """The published generator, in Python's own whole numbers."""
    word = 2**64 - 1
    state = (state + 0x9E3779B97F4A7C15) & word
    z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & word
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & word
    return z ^ (z >> 31)


def test_it_is_the_published_generator():
    assert splitmix64(0) == 0xE220A8397B1DCDAF  # the first number for seed 0
    seeds = np.array([0, 1, 2**64 - 1, 123456789], dtype=np.uint64)
    found = hashed(seeds[:, None], np.arange(3))
    step = 0x9E3779B97F4A7C15
    expected = [[splitmix64((int(s) + k * step) % 2**64) for k in range(3)] for s in seeds]
    assert found.tolist() == expected


def test_purpose_seed_and_epoch_each_matter():
    keys = [int(key(p, s, e)[0]) for p in Purpose for s in (0, 1, 2**64 - 1) for e in (0, 1, 2)]
    assert len(set(keys)) == len(keys)


def test_numbers_are_uniform():
    words = hashed(key(Purpose.MASKS, 0, 0), np.arange(200_000))
    assert stats.kstest(uniform(words), "uniform").pvalue > 1e-4
    assert stats.chisquare(np.bincount(below(words, 591), minlength=591)).pvalue > 1e-4
    assert uniform(np.array([0, 2**64 - 1], dtype=np.uint64)).tolist() == [0, 1 - 2**-53]
    assert below(np.array([0, 2**64 - 1], dtype=np.uint64), 591).tolist() == [0, 590]


@pytest.mark.parametrize("n", [0, 1, 1000])
def test_a_permutation_has_each_number_once(n):
    order = permutation(key(Purpose.ROW_ORDER, 3, 4), n)
    assert sorted(order.tolist()) == list(range(n))
