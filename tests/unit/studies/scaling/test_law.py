"""The best sizes for a budget are those that a search over sizes finds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stratus.studies.scaling import law

HOFFMANN = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}


def test_exponents_are_the_published_ones():
    assert law.exponent_of_parameters(HOFFMANN) == pytest.approx(0.4516, abs=1e-4)
    assert law.exponent_of_tokens(HOFFMANN) == pytest.approx(0.5484, abs=1e-4)


@pytest.mark.parametrize("budget", [1e12, 5.76e23])
def test_the_best_size_has_the_least_loss_of_all_with_its_compute(budget):
    best = law.best_parameters(HOFFMANN, budget)
    tokens = law.best_tokens(HOFFMANN, budget)
    assert 6 * best * tokens == pytest.approx(budget)
    sizes = best * np.exp(np.linspace(-1, 1, 2001))
    losses = [law.loss(HOFFMANN, size, budget / 6 / size) for size in sizes]
    assert sizes[int(np.argmin(losses))] == pytest.approx(best, rel=1e-3)
    assert min(losses) == pytest.approx(law.loss(HOFFMANN, best, tokens), rel=1e-9)


def test_exponents_of_the_best_sizes_are_a_and_b():
    grows = math.log(law.best_parameters(HOFFMANN, 1e20) / law.best_parameters(HOFFMANN, 1e19))
    assert grows / math.log(10) == pytest.approx(law.exponent_of_parameters(HOFFMANN))


@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_no_size_is_the_best_where_an_exponent_is_not_positive(name):
    assert math.isnan(law.best_parameters(HOFFMANN | {name: -0.1}, 1e12))
    assert math.isnan(law.best_tokens(HOFFMANN | {name: 0.0}, 1e12))
