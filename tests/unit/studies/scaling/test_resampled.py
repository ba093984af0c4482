"""Refits that go on together end where the search of a single fit ends."""

from __future__ import annotations

import numpy as np
import pytest

from stratus.studies.scaling.fitting import fit, polish
from stratus.studies.scaling.forms import LAW, power
from stratus.studies.scaling.problem import make_problem
from stratus.studies.scaling.resampled import settle

GRID = np.meshgrid(np.geomspace(3e3, 3e6, 6), np.geomspace(3e5, 1e8, 5))
WHERE = {"parameters": GRID[0].ravel(), "tokens": GRID[1].ravel()}
TRUE = {"E": 0.25, "A": 30.0, "alpha": 0.41, "B": 400.0, "beta": 0.45, "c": 30.0, "gamma": 0.3}


@pytest.mark.parametrize("form", [LAW, power("parameters", floor=True)], ids=["law", "power"])
@pytest.mark.parametrize("sigma", [0.0005, 0.01, 0.05])
def test_a_refit_at_rest_is_at_the_minimum_of_the_single_search(form, sigma):
    draw = np.random.default_rng(int(1e4 * sigma))
    loss = form.values(TRUE, WHERE) * np.exp(sigma * draw.standard_normal(30))
    problem = make_problem(form, WHERE, loss)
    start = fit(problem, coarse=True).theta
    weights = draw.multinomial(30, np.full(30, 1 / 30), size=40).astype(float)
    settled = settle(problem, np.repeat(start[None], 40, axis=0), weights)
    assert settled.still.mean() > 0.5
    for row in range(40):
        value, gradient = problem.objective(settled.thetas[row], weights[row])
        assert value == pytest.approx(settled.values[row], rel=1e-9)
        assert value <= problem.objective(start, weights[row])[0]
        least, _ = polish(problem, [settled.thetas[row]], weights[row])
        if settled.still[row]:
            assert value - least <= 1e-6 * max(1.0, least), gradient
