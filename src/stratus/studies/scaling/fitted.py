"""A law fitted to a table: intervals, likelihood, and what it says of runs it did not see."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.stats import chi2

from stratus.errors import InputError
from stratus.files.digest import sha256
from stratus.studies.scaling.documents import HeldOut, ProfileDocument, Search, Source
from stratus.studies.scaling.fitting import Fit, fit
from stratus.studies.scaling.forms import LAW, Form
from stratus.studies.scaling.intervals import Draws, Interval, bootstrap
from stratus.studies.scaling.problem import DELTA, Problem, make_problem
from stratus.studies.scaling.profile import log_likelihood, profile
from stratus.studies.scaling.tables import LOSS, PARAMETERS, TOKENS, RunTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    OnProgress = Callable[[str, float], None]

_HELD_OUT_DRAWS: Final = 200
_FEW_RUNS: Final = 12
_STEEPEST: Final = 4.0  # exponents of published laws are below 1
NO_FLOOR: Final = 1e-3
"""A floor below this share of the smallest loss is none."""
_FAR: Final = 0.1  # published laws miss by 1 %


class FitOptions(BaseModel):
    """How a table is fitted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: str = Field(PARAMETERS, description="Column of N.")
    tokens: str = Field(TOKENS, description="Column of D.")
    loss: str = Field(LOSS, description="Column of the loss.")
    cluster: str | None = Field(None, description="Column that says which run a row belongs to.")
    delta: float = Field(DELTA, gt=0, description="Where the Huber loss of log loss turns.")
    level: float = Field(0.95, gt=0, lt=1, description="Share of draws that intervals hold.")
    draws: int = Field(1000, ge=0, description="Refits to resampled runs; 0: no intervals.")
    held_out: int = Field(1, ge=0, description="Largest runs that a second fit does not see.")
    seed: int = Field(0, ge=0, description="Of the resamples.")
    coarse: bool = Field(default=False, description="Leave out most of the start grid.")


@dataclass(frozen=True, eq=False)
class Fitted:
    """A form fitted to a table, with its draws."""

    problem: Problem
    fit: Fit
    draws: Draws

    def interval(self, of: Callable[[Mapping[str, float]], float], level: float) -> Interval:
        """Return a number that follows from the constants, with the interval of the draws."""

        def number(theta: Floats) -> float:
            return of(self.problem.design.constants(theta, self.problem.level))

        return self.draws.interval(of(self.fit.constants), number, level)


def silent(_stage: str, _share: float) -> None:
    """Say nothing of how far a fit is."""


def refusal(source: Source) -> str | None:
    """Return the sentence that refuses to extrapolate, None where a decade and more is covered."""
    short = {name: n for name, n in source.decades.items() if n < 1}
    if not short:
        return None
    what = " and ".join(
        f"{name} from {source.ranges[name][0]:g} to {source.ranges[name][1]:g}" for name in short
    )
    return (
        f"The runs have {what}, which is less than a decade, so nothing is extrapolated from "
        "them: add smaller and larger runs."
    )


def loss_at(form: Form, at: Mapping[str, Floats], constants: Mapping[str, float]) -> float:
    """Return the loss that a law gives at one point."""
    return float(form.values(constants, at)[0])


def fit_form(
    form: Form, table: RunTable, options: FitOptions, on_progress: OnProgress = silent
) -> Fitted:
    """Fit a form to a table, and to resamples of its runs.

    Args:
        form: the law.
        table: the runs.
        options: how.
        on_progress: called with what is being done, and the share of it that is done.

    Raises:
        stratus.errors.InputError: the table cannot tell the constants; the message says why.
    """
    problem = make_problem(form, table.columns, table.columns[LOSS], delta=options.delta)
    on_progress("searching", 0.0)
    found = fit(problem, coarse=options.coarse)
    if not options.draws:
        return Fitted(problem, found, Draws(np.empty((0, len(found.theta))), 0))
    generator = np.random.default_rng(options.seed)
    drawn = bootstrap(
        problem,
        found,
        table.runs,
        draws=options.draws,
        generator=generator,
        on_progress=partial(on_progress, "resampling runs"),
    )
    return Fitted(problem, found, drawn)


def source_of(path: Path, table: RunTable, form: Form) -> Source:
    """Return what is written of the table."""
    ranges = {
        name: (float(table.columns[name].min()), float(table.columns[name].max()))
        for name in form.variables
    }
    return Source(
        table=path.name,
        sha256=sha256(path),
        rows=len(table),
        runs=len(set(table.runs)),
        ranges=ranges,
        decades={name: float(np.log10(hi / lo)) for name, (lo, hi) in ranges.items()},
    )


def search_of(fitted: Fitted, options: FitOptions) -> Search:
    """Return what is written of the search."""
    return Search(
        delta=options.delta,
        objective=fitted.fit.objective,
        rms=float(np.sqrt(np.mean(fitted.fit.residuals**2))),
        agreeing=fitted.fit.agreeing,
        level=options.level,
        draws=len(fitted.draws.thetas),
        draws_left_out=fitted.draws.left_out,
        seed=options.seed,
    )


def profiles_of(fitted: Fitted, options: FitOptions) -> dict[str, ProfileDocument]:
    """Follow the likelihood along each constant; nothing where the law meets every point."""
    if len(fitted.problem.target) <= len(fitted.fit.theta):
        return {}
    found = {
        name: profile(fitted.problem, fitted.fit, name, level=options.level)
        for name in fitted.fit.form.constants
    }
    return {
        name: ProfileDocument(
            lo=one.interval.lo, hi=one.interval.hi, values=one.values, deviance=one.deviance
        )
        for name, one in found.items()
    }


def hold_out(
    form: Form, table: RunTable, options: FitOptions
) -> tuple[tuple[HeldOut, ...], list[str]]:
    """Predict the largest runs by a fit to the others."""
    if not options.held_out:
        return (), []
    size = table.compute if form is LAW else table.columns[form.variables[0]]
    largest: dict[str, float] = {}
    for run, value in zip(table.runs, size.tolist(), strict=True):
        largest[run] = max(value, largest.get(run, 0.0))
    order = sorted(largest, key=lambda run: largest[run])
    out = set(order[-options.held_out :])
    kept = np.array([run not in out for run in table.runs])
    rest = table.take(kept)
    try:
        draws = min(options.draws, _HELD_OUT_DRAWS)
        quick = options.model_copy(update={"coarse": True, "draws": draws})
        fitted = fit_form(form, rest, quick)
    except InputError as error:
        return (), [f"No run was held out: without the largest, {error}."]
    found = []
    for row in np.flatnonzero(~kept).tolist():
        at = {name: table.columns[name][row : row + 1] for name in form.variables}
        predicted = fitted.interval(partial(loss_at, form, at), options.level)
        measured = float(table.columns[LOSS][row])
        found.append(
            HeldOut(
                run=table.runs[row],
                at={name: float(value[0]) for name, value in at.items()},
                measured=measured,
                predicted=predicted,
                error=predicted.value / measured - 1,
                times_larger=float(size[row] / size[kept].max()),
            )
        )
    return tuple(found), []


def remarks(fitted: Fitted, source: Source) -> list[str]:
    """Return what to know before the law is used."""
    notes = []
    if source.runs < _FEW_RUNS:
        notes.append(f"{source.runs} runs are few: intervals by resampling them are rough.")
    if fitted.draws.left_out:
        notes.append(
            f"{fitted.draws.left_out} resamples could not tell the constants and were left out."
        )
    exponents = [term.exponent for term in fitted.fit.form.terms if term.exponent]
    notes += [
        f"{name} is not positive: in these runs the loss does not fall with that variable, so the "
        "law says nothing about it."
        for name in exponents
        if fitted.fit.constants[name] <= 0
    ]
    notes += [
        f"{name} came out as {fitted.fit.constants[name]:.3g}: so steep a fall is that of a few "
        "points, so the law says nothing about that variable."
        for name in exponents
        if fitted.fit.constants[name] > _STEEPEST
    ]
    smallest = np.exp(fitted.problem.level + fitted.problem.target.min())
    if fitted.fit.constants.get("E", smallest) < NO_FLOOR * smallest:
        notes.append("E came out as 0: these runs are too far from a floor to tell it.")
    off = np.abs(np.expm1(fitted.fit.residuals))
    if off.max() > _FAR:
        notes.append(
            f"The law misses runs by up to {off.max():.0%} (half of them by more than "
            f"{np.median(off):.0%}): it sums these runs up, and predicts others badly."
        )
    return notes


def floor_p(plain: Fitted, floored: Fitted) -> float:
    """Return how likely so much better a fit with a floor would be if there were none."""
    points, delta = len(plain.problem.target), plain.problem.delta
    ends = (log_likelihood(each.fit.objective, points, delta) for each in (floored, plain))
    better, worse = ends
    left = 1 - len(floored.fit.theta) / points  # as in the profile
    return float(0.5 * chi2.sf(max(0.0, 2 * left * (better - worse)), 1))
