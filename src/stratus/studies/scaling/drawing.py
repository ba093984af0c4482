"""A table and its fit to pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stratus.errors import InputError
from stratus.files.digest import sha256
from stratus.plots.scaling import (
    Runs,
    contours,
    loss_against_compute,
    scaling_residuals,
    single_power,
)
from stratus.studies.scaling import law
from stratus.studies.scaling.documents import LawFit, PowerFit, read_fit
from stratus.studies.scaling.fitted import NO_FLOOR
from stratus.studies.scaling.forms import LAW, power
from stratus.studies.scaling.tables import FLOPS_PER_PRODUCT, LOSS, PARAMETERS, TOKENS, read_runs

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from stratus.studies.scaling.fitted import FitOptions
    from stratus.studies.scaling.forms import Form
    from stratus.studies.scaling.tables import RunTable

    Floats = NDArray[np.float64]


def draw(
    table: Path, fit_file: Path, options: FitOptions, *, unit: str = "nat"
) -> dict[str, Figure]:
    """Draw a fitted table.

    Args:
        table: the CSV that was fitted.
        fit_file: what ``stratus scaling fit`` wrote.
        options: the columns.
        unit: of the loss.

    Returns:
        figures by name.

    Raises:
        stratus.errors.InputError: a file cannot be used, or the fit is of another table.
    """
    fit = read_fit(fit_file)
    needed = {PARAMETERS: options.parameters, TOKENS: options.tokens, LOSS: options.loss}
    if isinstance(fit, PowerFit):
        needed = {fit.x: fit.x, LOSS: options.loss}
    rows = read_runs(table, needed)
    if sha256(table) != fit.source.sha256:
        raise InputError(f"{fit_file} was not fitted to {table}; fit it again")
    return _power(fit, rows, unit) if isinstance(fit, PowerFit) else _law(fit, rows, unit)


def _law(fit: LawFit, rows: RunTable, unit: str) -> dict[str, Figure]:
    constants = fit.constants

    def loss_of(parameters: Floats, tokens: Floats) -> Floats:
        return LAW.values(constants, {PARAMETERS: parameters, TOKENS: tokens})

    def best(budgets: Floats) -> tuple[Floats, Floats]:
        sizes = np.array([law.best_parameters(constants, budget) for budget in budgets])
        return sizes, budgets / FLOPS_PER_PRODUCT / sizes

    def frontier(budgets: Floats) -> Floats:
        return loss_of(*best(budgets))

    some = float(FLOPS_PER_PRODUCT * np.median(rows.columns[PARAMETERS] * rows.columns[TOKENS]))
    has_best = not np.isnan(law.best_parameters(constants, some))
    places = [
        k
        for k, at in enumerate(zip(rows.columns[PARAMETERS], rows.columns[TOKENS], strict=True))
        if any(at == (one.at[PARAMETERS], one.at[TOKENS]) for one in fit.held_out)
    ]
    runs = Runs(
        parameters=rows.columns[PARAMETERS],
        tokens=rows.columns[TOKENS],
        compute=rows.compute,
        loss=rows.columns[LOSS],
        fitted=loss_of(rows.columns[PARAMETERS], rows.columns[TOKENS]),
        held_out=places,
    )
    floor = (
        f"{constants['E']:.3g} + " if constants["E"] > NO_FLOOR * rows.columns[LOSS].min() else ""
    )
    title = (
        f"L = {floor}{constants['A']:.3g}/N^{constants['alpha']:.3g} "
        f"+ {constants['B']:.3g}/D^{constants['beta']:.3g}"
    )
    return {
        "loss-compute": loss_against_compute(
            runs, loss_of, frontier if has_best else None, unit=unit, title=title
        ),
        "contours": contours(runs, loss_of, best if has_best else None, unit=unit, title=title),
        "residuals": scaling_residuals(runs, title=title),
    }


def _power(fit: PowerFit, rows: RunTable, unit: str) -> dict[str, Figure]:
    laws = []
    for label, single, floor in (
        ("power", fit.power, False),
        ("power with floor", fit.power_with_floor, True),
    ):
        if single is None:
            continue
        constants = {name: one.value for name, one in single.constants.items()}
        form = power(fit.x, floor=floor)

        def law_of(x: Floats, form: Form = form, constants: dict[str, float] = constants) -> Floats:
            return form.values(constants, {fit.x: x})

        laws.append((label, law_of))
    figure = single_power(rows.columns[fit.x], rows.columns[LOSS], laws, name=fit.x, unit=unit)
    return {f"loss-{fit.x}": figure}
