"""Batches of crystals of like length: all of them, once, and as cheap as can be."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from stratus.models.run_over import cheapest_cuts


def cost(lengths: np.ndarray, cuts: list[tuple[int, int]], overhead: int) -> int:
    return sum(int(lengths[end - 1]) * (end - start) + overhead for start, end in cuts)


def all_cuts(n: int) -> list[list[tuple[int, int]]]:
    chosen = (places for k in range(n) for places in combinations(range(1, n), k))
    return [list(zip((0, *places), (*places, n), strict=True)) for places in chosen]


@pytest.mark.parametrize("overhead", [0, 3, 20, 1000])
def test_no_other_cuts_cost_less(overhead):
    rng = np.random.default_rng(overhead)
    for _ in range(20):
        lengths = np.sort(rng.integers(2, 40, 9))
        least = min(cost(lengths, cuts, overhead) for cuts in all_cuts(9))
        assert cost(lengths, cheapest_cuts(lengths, 9, overhead), overhead) == least


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_each_crystal_is_in_one_batch_and_no_batch_is_too_large(batch_size):
    lengths = np.sort(np.random.default_rng(0).integers(5, 60, 300))
    cuts = cheapest_cuts(lengths, batch_size)
    assert [start for start, _ in cuts] == [0, *(end for _, end in cuts[:-1])]
    assert cuts[-1][1] == 300
    assert all(0 < end - start <= batch_size for start, end in cuts)


def test_a_long_crystal_does_not_make_the_short_ones_long():
    lengths = np.array([8] * 63 + [150])
    assert cheapest_cuts(lengths, 64) == [(0, 63), (63, 64)]
    assert cheapest_cuts(lengths, 64, overhead=10**6) == [(0, 64)]
