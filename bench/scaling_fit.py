"""How long the intervals of a scaling law take: refits together against refits one by one.

    python bench/scaling_fit.py [RUNS] [DRAWS]

Fits L = E + A / N^alpha + B / D^beta to made-up runs with 1 % of noise, then to resamples of them:
by :func:`stratus.studies.scaling.intervals.bootstrap`, and as the published re-fits do it, with a
search of scipy's L-BFGS for each resample from the same two starts, in turns. Both must end at the
same objectives. The last line is ``ratio: X``, processor time of the second over that of the first.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from stratus.studies.scaling.fitting import Fit, fit, polish
from stratus.studies.scaling.forms import LAW
from stratus.studies.scaling.intervals import bootstrap
from stratus.studies.scaling.problem import Problem, make_problem

TRUE = {"E": 1.7, "A": 400.0, "alpha": 0.34, "B": 410.0, "beta": 0.28}
TURNS = 5


def made_up(runs: int, rng: np.random.Generator) -> Problem:
    """Return a problem of random sizes and budgets."""
    where = {
        "parameters": np.exp(rng.uniform(np.log(1e5), np.log(1e8), runs)),
        "tokens": np.exp(rng.uniform(np.log(1e7), np.log(1e9), runs)),
    }
    loss = LAW.values(TRUE, where) * np.exp(0.01 * rng.standard_normal(runs))
    return make_problem(LAW, where, loss)


def one_by_one(problem: Problem, found: Fit, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return the best vector of each resample, found by scipy alone."""
    runs = len(problem.target)
    lower = found.theta.copy()
    lower[-1] -= 0.5  # the second start of `bootstrap`: a lower floor
    ends = []
    for _ in range(draws):
        weights = rng.multinomial(runs, np.full(runs, 1 / runs)).astype(float)
        ends.append(polish(problem, [found.theta, lower], weights)[1])
    return np.array(ends)


def main(runs: int, draws: int) -> None:
    """Time both in turns."""
    problem = made_up(runs, np.random.default_rng(0))
    found = fit(problem, coarse=True)
    share = max(1, draws // TURNS)
    names = [f"{run:06}" for run in range(runs)]  # in the order of the points, as text too
    seconds = {"together": 0.0, "one by one": 0.0}
    worst = 0.0
    for turn in range(TURNS):
        begin = time.process_time()
        ours = bootstrap(
            problem, found, names, draws=share, generator=np.random.default_rng(turn)
        ).thetas
        seconds["together"] += time.process_time() - begin
        begin = time.process_time()
        theirs = one_by_one(problem, found, share, np.random.default_rng(turn))
        seconds["one by one"] += time.process_time() - begin
        rng = np.random.default_rng(turn)
        for one, other in zip(ours, theirs, strict=True):
            weights = rng.multinomial(runs, np.full(runs, 1 / runs)).astype(float)
            least = problem.objective(other, weights)[0]
            worst = max(worst, (problem.objective(one, weights)[0] - least) / max(1.0, least))
    for name, value in seconds.items():
        print(f"{name:12}{value:8.2f} s   {1000 * value / (TURNS * share):6.2f} ms a resample")
    print(f"objectives differ by {worst:.1e} at most")
    print(f"ratio: {seconds['one by one'] / seconds['together']:.1f}")


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]]
    main(*(numbers + [72, 1000][len(numbers) :]))
