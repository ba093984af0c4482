"""Mixtures meet their shares, draw all rows of a set before any again, and depend on no state."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratus.errors import InputError
from stratus.training.epochs import plan_epoch
from stratus.training.loader import Endless, Loader
from stratus.training.mixture import Mixture, MixtureOptions, shares_by_temperature


class Rows:
    """A source whose steps say which rows they have, and in which epoch each."""

    padded = True

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def sizes(self, epoch):
        return 1 + (np.arange(self.n) + epoch) % 3

    def step(self, rows, epoch):
        return list(zip(rows.tolist(), np.broadcast_to(epoch, rows.shape).tolist(), strict=True))

    def counts(self, rows, _epoch):
        return {"rows": len(rows)}


@st.composite
def mixtures(draw):
    """A mixture of one to four sets in which each has a row."""
    sizes = draw(st.lists(st.integers(1, 40), min_size=1, max_size=4))
    weights = draw(st.lists(st.integers(1, 9), min_size=len(sizes), max_size=len(sizes)))
    rows = draw(st.integers(10 * sum(weights), 200 + 10 * sum(weights)))
    shares = [weight / sum(weights) for weight in weights]
    return Mixture(Rows(sum(sizes)), sizes, shares, draw(st.integers(0, 5)), rows), sizes, shares


def sets_of(rows, sizes):
    return np.searchsorted(np.cumsum(sizes), rows, side="right")


@given(mixtures(), st.integers(0, 30))
def test_each_set_has_its_share_of_every_epoch(case, epoch):
    mixture, sizes, shares = case
    counts = np.bincount(sets_of(mixture.drawn(epoch).rows, sizes), minlength=len(sizes))
    assert counts.sum() == len(mixture)
    assert np.abs(counts - np.array(shares) * len(mixture)).max() < 1


@given(mixtures(), st.integers(1, 6))
def test_every_row_of_a_set_comes_before_any_comes_again(case, epochs):
    mixture, sizes, _ = case
    drawn = [mixture.drawn(epoch) for epoch in range(epochs)]
    rows = np.concatenate([one.rows for one in drawn])
    passes = np.concatenate([one.passes for one in drawn])
    times = Counter(rows.tolist())
    starts = np.cumsum([0, *sizes])
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        of_set = [times[row] for row in range(start, end)]
        assert max(of_set) - min(of_set) <= 1
    for row in times:  # the first time as epoch 0 shows it, then as epoch 1 does, ...
        assert passes[rows == row].tolist() == list(range(times[row]))


@given(mixtures(), st.integers(0, 20), st.integers(0, 20))
def test_an_epoch_does_not_depend_on_those_before(case, one, other):
    mixture, sizes, shares = case
    fresh = Mixture(Rows(sum(sizes)), sizes, shares, mixture._seed, len(mixture))
    mixture.drawn(other)
    for mine, theirs in zip(mixture.drawn(one), fresh.drawn(one), strict=True):
        assert mine.tolist() == theirs.tolist()


@given(mixtures(), st.integers(1, 4), st.integers(0, 3))
def test_processes_share_what_one_has(case, world, epoch):
    mixture, _, _ = case
    drawn, whole = mixture.drawn(epoch), []
    plan = plan_epoch(mixture.sizes(epoch), 8, 0, epoch)
    for number, step in enumerate(Loader(mixture, 8, prefetch=0).epoch(epoch)):
        rows = plan.rows(number)
        shared = [row for rank in range(world) for row in mixture.step(rows[rank::world], epoch)]
        assert sorted(shared) == sorted(step)
        whole += step
    assert sorted(whole) == sorted(zip(drawn.rows.tolist(), drawn.passes.tolist(), strict=True))


def test_steps_go_on_from_any_step():
    mixture = Mixture(Rows(30), [10, 20], [0.8, 0.2], seed=3)
    whole = [step for step, _ in zip(Endless(Loader(mixture, 7)), range(20), strict=False)]
    for first in (3, 5, 11):
        rest = zip(Endless(Loader(mixture, 7), first), range(20 - first), strict=False)
        assert [step for step, _ in rest] == whole[first:]


def test_sizes_are_those_of_the_epoch_that_shows_a_row():
    mixture = Mixture(Rows(5), [2, 3], [0.9, 0.1], rows=20)
    rows, passes = mixture.drawn(1)
    assert passes.max() > passes.min()
    assert mixture.sizes(1).tolist() == (1 + (rows + passes) % 3).tolist()


def test_a_mixture_by_rows_has_each_row_once():
    shares = shares_by_temperature([7, 23, 70], 1)
    assert shares == pytest.approx([0.07, 0.23, 0.7])
    mixture = Mixture(Rows(100), [7, 23, 70], shares)
    for epoch in range(3):
        assert sorted(mixture.drawn(epoch).rows.tolist()) == list(range(100))
        assert set(mixture.drawn(epoch).passes.tolist()) == {epoch}


@given(st.lists(st.integers(1, 10**9), min_size=2, max_size=5), st.floats(0.01, 1e6))
def test_temperature_leads_from_the_largest_set_over_rows_to_equal_shares(sizes, temperature):
    shares = shares_by_temperature(sizes, temperature)
    assert sum(shares) == pytest.approx(1)
    order = np.argsort(sizes, kind="stable")
    assert np.all(np.diff(np.array(shares)[order]) >= -1e-12)
    hot = shares_by_temperature(sizes, 1e9)
    assert hot == pytest.approx([1 / len(sizes)] * len(sizes), rel=1e-6)
    largest = [size == max(sizes) for size in sizes]
    cold = shares_by_temperature(sizes, 1e-12)
    assert cold == pytest.approx([here / sum(largest) for here in largest])
    by_root = [math.sqrt(size) for size in sizes]
    assert shares_by_temperature(sizes, 2) == pytest.approx([x / sum(by_root) for x in by_root])


def test_what_is_no_mixture_is_refused():
    with pytest.raises(InputError, match="comes to 0 of a set of 3 rows"):
        Mixture(Rows(10), [3, 7], [0.001, 0.999])
    with pytest.raises(InputError, match="no mixture of a source of 10 rows"):
        Mixture(Rows(10), [3, 6], [0.5, 0.5])
    with pytest.raises(InputError, match="needs several tables"):
        MixtureOptions(temperature=1).of([5])
    with pytest.raises(InputError, match="2 shares for 3 tables"):
        MixtureOptions(shares=(0.5, 0.5)).of([1, 2, 3])
    for wrong in ({"shares": (0.5, 0.6)}, {"shares": ()}, {"shares": (1.5, -0.5)}):
        with pytest.raises(ValueError, match="add up to 1"):
            MixtureOptions(**wrong)
    with pytest.raises(ValueError, match="cannot both be set"):
        MixtureOptions(shares=(0.5, 0.5), temperature=2)
