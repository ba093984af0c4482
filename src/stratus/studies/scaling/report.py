"""A table of runs to a fitted law, with all that must be known before it is used."""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stratus.errors import InputError
from stratus.studies.scaling import law
from stratus.studies.scaling.documents import Budget, LawFit, PowerFit, Prediction, SinglePower
from stratus.studies.scaling.fitted import (
    FitOptions,
    Fitted,
    fit_form,
    floor_p,
    hold_out,
    loss_at,
    profiles_of,
    refusal,
    remarks,
    search_of,
    silent,
    source_of,
)
from stratus.studies.scaling.forms import LAW, power
from stratus.studies.scaling.tables import LOSS, PARAMETERS, TOKENS, read_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stratus.studies.scaling.documents import Source
    from stratus.studies.scaling.fitted import OnProgress
    from stratus.studies.scaling.intervals import Interval


def fit_table(
    path: str | Path,
    options: FitOptions | None = None,
    *,
    budgets: Sequence[float] = (),
    on_progress: OnProgress = silent,
) -> LawFit:
    """Fit ``L = E + A / N^alpha + B / D^beta`` to a table.

    Args:
        path: a CSV with the columns ``parameters``, ``tokens`` and ``loss``, and ``run`` where
            several rows are of one run.
        options: how.
        budgets: operations for which the best N and D are wanted.
        on_progress: called with what is being done, and the share of it that is done.

    Raises:
        stratus.errors.InputError: the table cannot be used; the message says why.
    """
    options, path = options or FitOptions(), Path(path)
    needed = {PARAMETERS: options.parameters, TOKENS: options.tokens, LOSS: options.loss}
    table = read_runs(path, needed, cluster=options.cluster)
    fitted = fit_form(LAW, table, options, on_progress)
    source = source_of(path, table, LAW)
    sentence = refusal(source)

    def constant(of: Callable[[Mapping[str, float]], float]) -> Interval:
        return fitted.interval(of, options.level)

    held_out, notes = hold_out(LAW, table, options)
    return LawFit(
        **{name: constant(itemgetter(name)) for name in LAW.constants},
        a=constant(law.exponent_of_parameters),
        b=constant(law.exponent_of_tokens),
        source=source,
        search=search_of(fitted, options),
        profile=profiles_of(fitted, options),
        held_out=held_out,
        notes=(*([sentence] if sentence else []), *notes, *remarks(fitted, source)),
        budgets=tuple(_budget(fitted, flops, source, sentence, options) for flops in budgets),
    )


def fit_power(
    path: str | Path,
    x: str,
    options: FitOptions | None = None,
    *,
    at: Sequence[float] = (),
    on_progress: OnProgress = silent,
) -> PowerFit:
    """Fit ``c / x^gamma`` and ``E + c / x^gamma`` to a table.

    Args:
        path: a CSV with the column ``x`` and that of the loss.
        x: name of the column: parameters, tokens, flops, crystals, anything positive.
        options: how.
        at: values of x at which the loss is wanted.
        on_progress: called with what is being done, and the share of it that is done.

    Raises:
        stratus.errors.InputError: the table cannot be used; the message says why.
    """
    options, path = options or FitOptions(), Path(path)
    table = read_runs(path, {x: x, LOSS: options.loss}, cluster=options.cluster)
    plain = power(x, floor=False)
    source = source_of(path, table, plain)
    sentence = refusal(source)
    notes = [sentence] if sentence else []
    fits, singles = {}, {}
    for form in (plain, power(x, floor=True)):
        if len(table) < len(form.constants):
            notes.append(f"{len(table)} rows are too few for a floor.")
            continue
        fitted = fits[form.name] = fit_form(form, table, options, on_progress)
        held_out, told = hold_out(form, table, options)
        notes += [note for note in told if note not in notes]
        singles[form.name] = SinglePower(
            constants={
                name: fitted.interval(itemgetter(name), options.level) for name in form.constants
            },
            search=search_of(fitted, options),
            profile=profiles_of(fitted, options),
            held_out=held_out,
        )
    first, second = fits["power"], fits.get("power with floor")
    return PowerFit(
        x=x,
        power=singles["power"],
        power_with_floor=singles.get("power with floor"),
        floor_p=floor_p(first, second) if second else None,
        source=source,
        notes=(*notes, *remarks(first, source)),
        at=tuple(_predict(fits, x, value, source, sentence, options) for value in at),
    )


def _budget(
    fitted: Fitted, flops: float, source: Source, sentence: str | None, options: FitOptions
) -> Budget:
    if not flops > 0:
        raise InputError(f"a budget of {flops:g} operations cannot be; give one above 0")
    constants = fitted.fit.constants
    best = {
        PARAMETERS: law.best_parameters(constants, flops),
        TOKENS: law.best_tokens(constants, flops),
    }
    if any(np.isnan(value) for value in best.values()):
        return Budget(
            flops=flops, parameters=None, tokens=None, loss=None, inside=False,
            refused="An exponent is not positive, so no size is the best for a budget.",
        )  # fmt: skip
    inside = all(source.ranges[k][0] <= v <= source.ranges[k][1] for k, v in best.items())
    if sentence and not inside:
        return Budget(
            flops=flops, parameters=None, tokens=None, loss=None, inside=False, refused=sentence
        )

    def best_loss(c: Mapping[str, float]) -> float:
        return law.loss(c, law.best_parameters(c, flops), law.best_tokens(c, flops))

    wanted = (
        lambda c: law.best_parameters(c, flops),
        lambda c: law.best_tokens(c, flops),
        best_loss,
    )
    parameters, tokens, loss = (fitted.interval(of, options.level) for of in wanted)
    return Budget(flops=flops, parameters=parameters, tokens=tokens, loss=loss, inside=inside)


def _predict(
    fits: Mapping[str, Fitted],
    x: str,
    value: float,
    source: Source,
    sentence: str | None,
    options: FitOptions,
) -> Prediction:
    if not value > 0:
        raise InputError(f"{x} = {value:g} cannot be; give a number above 0")
    lo, hi = source.ranges[x]
    if sentence and not lo <= value <= hi:
        return Prediction(x=value, power=None, power_with_floor=None, refused=sentence)
    at = {x: np.array([value])}
    found = {
        name: fitted.interval(partial(loss_at, fitted.fit.form, at), options.level)
        for name, fitted in fits.items()
    }
    return Prediction(x=value, power=found["power"], power_with_floor=found.get("power with floor"))
