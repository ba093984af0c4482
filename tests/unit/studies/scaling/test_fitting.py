"""Constants are found again, with gradients that are exact and sums that are not averaged."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stratus.errors import InputError
from stratus.studies.scaling.batched_lbfgs import descend, objectives
from stratus.studies.scaling.fitting import fit
from stratus.studies.scaling.forms import LAW, power
from stratus.studies.scaling.intervals import Draws, bootstrap, widened
from stratus.studies.scaling.problem import DELTA, make_problem
from stratus.studies.scaling.profile import log_likelihood, profile

TRUE = {"E": 0.25, "A": 30.0, "alpha": 0.41, "B": 400.0, "beta": 0.45}


def columns(sizes=(3e3, 1e4, 5e4, 3e5), tokens=(3e5, 1e6, 3e6, 1e7)):
    grid = np.meshgrid(sizes, tokens)
    return {"parameters": grid[0].ravel(), "tokens": grid[1].ravel()}


def noisy(where, sigma, seed=0):
    draw = np.random.default_rng(seed)
    loss = LAW.values(TRUE, where)
    return loss * np.exp(sigma * draw.standard_normal(len(loss)))


def test_the_gradient_is_that_of_the_objective():
    where = columns()
    problem = make_problem(LAW, where, noisy(where, 0.02))
    draw = np.random.default_rng(1)
    weights = draw.integers(0, 3, 16).astype(float)
    theta = problem.design.theta({"A": 3.0, "alpha": 0.3, "B": 5.0, "beta": 0.4, "E": -1.0})
    _, gradient = problem.objective(theta, weights)
    for k in range(5):
        step = np.zeros(5)
        step[k] = 1e-6
        up, down = (problem.objective(theta + sign * step, weights)[0] for sign in (1, -1))
        assert gradient[k] == pytest.approx((up - down) / 2e-6, rel=1e-5)


def test_the_objective_is_the_sum_of_huber_losses_of_log_loss():
    where = columns()
    loss = noisy(where, 0.002)
    problem = make_problem(LAW, where, loss)
    named = {name: math.log(TRUE[name]) for name in "ABE"} | {"alpha": 0.41, "beta": 0.45}
    off = np.abs(np.log(loss) - np.log(LAW.values(TRUE, where)))
    by_hand = np.where(off <= DELTA, off**2 / 2, DELTA * (off - DELTA / 2)).sum()
    # the design works with losses whose logarithm has mean 0
    shifted = {name: value - problem.level * (name in "ABE") for name, value in named.items()}
    value, _ = problem.objective(problem.design.theta(shifted))
    assert value * DELTA**2 == pytest.approx(by_hand, rel=1e-9)
    assert problem.design.named(problem.design.theta(shifted), problem.level) == pytest.approx(
        named
    )


def test_constants_of_a_law_without_noise_are_found_exactly_by_the_full_grid_and_the_coarse():
    where = columns()
    problem = make_problem(LAW, where, LAW.values(TRUE, where))
    assert len(LAW.starts()) == 6 * 5 * 6 * 5 * 5
    coarse = fit(problem, coarse=True)
    assert coarse.constants == pytest.approx(TRUE, rel=1e-5)
    assert np.abs(coarse.residuals).max() < 1e-8


def test_the_full_grid_ends_where_the_coarse_one_does():
    where = columns()
    problem = make_problem(LAW, where, noisy(where, 0.01))
    full, coarse = fit(problem), fit(problem, coarse=True)
    assert full.objective <= coarse.objective * (1 + 1e-6)
    assert full.constants == pytest.approx(coarse.constants, rel=1e-3)


def test_many_searches_at_once_see_the_same_objective_and_only_go_down():
    where = columns()
    problem = make_problem(LAW, where, noisy(where, 0.01))
    starts = np.array([problem.design.theta(named) for named in LAW.starts(coarse=True)])
    weights = np.random.default_rng(2).integers(0, 3, 16).astype(float)
    values, gradients = objectives(problem, starts, weights)
    for k in range(0, len(starts), 7):
        value, gradient = problem.objective(starts[k], weights)
        assert values[k] == pytest.approx(value)
        assert gradients[k] == pytest.approx(gradient)
    lower, reached = descend(problem, starts, 15, weights)
    assert (lower <= values).all()
    assert np.median(lower) < 0.5 * np.median(values)
    assert lower[3] == pytest.approx(problem.objective(reached[3], weights)[0])


def test_units_of_the_loss_change_coefficients_only():
    where = columns()
    loss = noisy(where, 0.01)
    one = fit(make_problem(LAW, where, loss), coarse=True).constants
    thousand = fit(make_problem(LAW, where, 1000 * loss), coarse=True).constants
    for name in TRUE:
        factor = 1000 if name in "ABE" else 1
        assert thousand[name] == pytest.approx(factor * one[name], rel=1e-4)


def test_an_outlier_hardly_moves_the_fit():
    where = columns()
    loss = noisy(where, 0.002)
    clean = fit(make_problem(LAW, where, loss), coarse=True).constants
    loss[5] *= 1.5
    moved = fit(make_problem(LAW, where, loss), coarse=True).constants
    assert moved["alpha"] == pytest.approx(clean["alpha"], abs=0.01)


@pytest.mark.parametrize("floor", [False, True])
def test_single_powers_are_found(floor):
    x = np.geomspace(1e2, 1e5, 9)
    loss = 7.0 * x**-0.3 + (0.4 if floor else 0.0)
    found = fit(make_problem(power("rows", floor=floor), {"rows": x}, loss)).constants
    wanted = {"c": 7.0, "gamma": 0.3} | ({"E": 0.4} if floor else {})
    assert found == pytest.approx(wanted, rel=1e-5)


def test_the_interval_of_the_bootstrap_holds_the_truth_and_narrows_with_the_noise():
    where = columns()
    widths = []
    for sigma in (0.01, 0.002):
        problem = make_problem(LAW, where, noisy(where, sigma))
        found = fit(problem, coarse=True)
        draws = bootstrap(problem, found, range(16), draws=25, generator=np.random.default_rng(0))
        assert len(draws.thetas) + draws.left_out == 25
        one = draws.interval(
            found.constants["alpha"],
            lambda theta, p=problem: p.design.constants(theta, p.level)["alpha"],
            0.95,
        )
        assert one.lo < TRUE["alpha"] < one.hi
        widths.append(one.hi - one.lo)
    assert widths[1] < 0.5 * widths[0]


def test_points_of_one_run_are_drawn_together():
    where = columns()
    problem = make_problem(LAW, where, noisy(where, 0.01))
    found = fit(problem, coarse=True)
    with pytest.raises(InputError, match="4 runs cannot give intervals of 5 constants"):
        bootstrap(
            problem, found, [k % 4 for k in range(16)], draws=1, generator=np.random.default_rng(0)
        )
    doubled = {name: np.repeat(values, 2) for name, values in where.items()}
    twice = make_problem(LAW, doubled, np.repeat(noisy(where, 0.01), 2))
    generators = [np.random.default_rng(3) for _ in range(2)]
    once = bootstrap(problem, found, range(16), draws=5, generator=generators[0])
    pairs = bootstrap(twice, found, [k // 2 for k in range(32)], draws=5, generator=generators[1])
    # the same runs were drawn, each with both of its equal points, so the fits are the same
    assert pairs.thetas == pytest.approx(once.thetas, rel=1e-3, abs=1e-4)


def test_an_interval_holds_its_value_and_says_where_there_is_no_limit():
    assert widened(2.0, 2.0, 2.0).lo < 2 < widened(2.0, 2.0, 2.0).hi
    assert widened(2.0, -math.inf, 3.0).lo is None
    none = Draws(np.empty((0, 5)), 0).interval(1.5, lambda _: 0.0, 0.95)
    assert (none.value, none.lo, none.hi) == (1.5, None, None)


def test_the_profile_rises_from_the_fit_and_its_interval_holds_the_truth():
    where = columns()
    problem = make_problem(LAW, where, noisy(where, 0.005))
    found = fit(problem, coarse=True)
    for name, value in TRUE.items():
        along = profile(problem, found, name)
        assert along.interval.lo < value < along.interval.hi
        least = int(np.argmin(along.deviance))
        assert along.values[least] == pytest.approx(found.constants[name])
        assert list(along.values) == sorted(along.values)
        assert along.deviance[0] > 3.0
        assert along.deviance[-1] > 3.0


def test_the_profile_fixes_its_constant_and_refits_the_others():
    where = columns()
    problem = make_problem(LAW, where, noisy(where, 0.005))
    found = fit(problem, coarse=True)
    along = profile(problem, found, "E")
    # a floor that is given is subtracted by hand: what is left is fitted as a law without one
    floor, deviance = along.values[-3], along.deviance[-3]
    best = math.inf
    for alpha in np.linspace(0.3, 0.55, 26):
        for beta in np.linspace(0.3, 0.6, 31):
            terms = np.stack([where["parameters"] ** -alpha, where["tokens"] ** -beta])
            weight = terms / LAW.values(found.constants, where)
            left = (np.exp(problem.target + problem.level) - floor) / LAW.values(
                found.constants, where
            )
            amounts = np.linalg.lstsq(weight.T, left, rcond=None)[0]
            off = np.abs(np.log(np.maximum(floor + amounts @ terms, 1e-9)) - problem.target
                         - problem.level)  # fmt: skip
            best = min(
                best, float(np.where(off <= DELTA, off**2 / 2, DELTA * (off - DELTA / 2)).sum())
            )
    likelihood = log_likelihood(best, 16, DELTA)
    top = log_likelihood(found.objective, 16, DELTA)
    assert deviance <= 2 * (1 - 5 / 16) * (top - likelihood) + 0.05  # no grid finds a better refit
    assert floor != pytest.approx(found.constants["E"], rel=0.01)


def test_the_likelihood_is_laplacian_for_large_residuals_and_normal_for_small_ones():
    n = 50
    large = np.full(n, 0.1)
    objective = float((DELTA * (large - DELTA / 2)).sum())
    scale = large.mean()  # the best scale of a Laplace density
    laplace = -n * (math.log(2 * scale) + 1)
    assert log_likelihood(objective, n, DELTA) == pytest.approx(laplace, abs=0.02 * n)
    small = np.full(n, 1e-5)
    normal = -n * (0.5 * math.log(2 * math.pi) + math.log(1e-5) + 0.5)
    assert log_likelihood(float((small**2).sum() / 2), n, DELTA) == pytest.approx(normal, abs=0.1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tokens": np.full(16, 1e6)}, "every row has tokens = 1e"),
        ({"parameters": np.array([0.0, *[1e4] * 15])}, "row 1 of the table has parameters = 0"),
        ({"loss": np.array([1.0, math.nan, *[1.0] * 14])}, "row 2 of the table has loss = nan"),
    ],
)
def test_what_can_not_be_fitted_is_refused(change, said):
    where = columns() | {"loss": np.linspace(1, 2, 16)} | change
    loss = where.pop("loss")
    with pytest.raises(InputError, match=said):
        make_problem(LAW, where, loss)


def test_fewer_points_than_constants_are_refused():
    where = {name: values[:4] for name, values in columns().items()}
    with pytest.raises(InputError, match="4 rows cannot tell the 5 constants"):
        make_problem(LAW, where, np.ones(4))
