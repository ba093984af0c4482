"""Batches of equal size in padded rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratus.training.epochs import equal_cuts, even_cuts, n_batches, plan_epoch


def sizes(lengths, cuts):
    return [int(lengths[b - 1]) * int(b - a) for a, b in pairwise(cuts)]


@pytest.mark.parametrize("seed", range(20))
def test_every_row_is_in_one_batch_and_none_is_empty(seed):
    random = np.random.default_rng(seed)
    lengths = np.sort(random.integers(1, 300, random.integers(1, 400)))
    batches = int(random.integers(1, len(lengths) + 1))
    cuts = equal_cuts(lengths, batches)
    assert len(cuts) == batches + 1
    assert cuts[0] == 0
    assert cuts[-1] == len(lengths)
    assert (np.diff(cuts) > 0).all()


def brute_force(lengths, batches):
    """The smallest possible largest size, over all ways to cut."""
    best = np.full((batches + 1, len(lengths) + 1), np.inf)
    best[0, 0] = 0
    for k in range(1, batches + 1):
        for end in range(1, len(lengths) + 1):
            best[k, end] = min(
                max(best[k - 1, start], lengths[end - 1] * (end - start)) for start in range(end)
            )
    return best[batches, len(lengths)]


@pytest.mark.parametrize("seed", range(30))
def test_the_largest_batch_is_as_small_as_can_be(seed):
    random = np.random.default_rng(seed)
    lengths = np.sort(random.integers(1, 30, random.integers(2, 14)))
    batches = int(random.integers(1, len(lengths) + 1))
    assert max(sizes(lengths, equal_cuts(lengths, batches))) == brute_force(lengths, batches)


def test_a_few_long_strings_do_not_make_a_large_batch():
    lengths = np.sort([*np.full(1000, 25), *np.full(20, 300)])
    equal = np.linspace(0, 1020, 11).astype(int)  # as many rows in each, for comparison
    assert max(sizes(lengths, equal)) == 300 * 102
    assert max(sizes(lengths, equal_cuts(lengths, 10))) <= 3600


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=60), st.data())
def test_batches_of_graphs_keep_their_order_and_are_even(edges, data):
    edges = np.array(edges)
    batches = data.draw(st.integers(1, len(edges)))
    cuts = even_cuts(edges, batches)
    assert cuts[0] == 0
    assert cuts[-1] == len(edges)
    assert (np.diff(cuts) > 0).all()


def test_batches_of_many_graphs_have_about_as_many_edges_each():
    edges = np.random.default_rng(0).integers(20, 800, 5000)
    sums = np.add.reduceat(edges, even_cuts(edges, 100)[:-1])
    assert sums.max() < 1.05 * sums.mean()
    assert sums.min() > 0.95 * sums.mean()


def test_an_epoch_of_graphs_has_each_row_once_and_does_not_sort_them():
    edges = np.random.default_rng(1).integers(20, 800, 1000)
    plan = plan_epoch(edges, 16, seed=3, epoch=2, padded=False)
    rows = [plan.rows(k) for k in range(n_batches(1000, 16))]
    assert sorted(np.concatenate(rows).tolist()) == list(range(1000))
    assert any((np.diff(edges[batch]) < 0).any() for batch in rows)
