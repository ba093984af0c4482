"""What ``stratus scaling`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import typer
from rich import box
from rich.markup import escape
from rich.progress import BarColumn, TextColumn
from rich.table import Table

from stratus.cli.bar import Bar
from stratus.cli.console import Console, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from stratus.studies.scaling.documents import HeldOut, LawFit, PowerFit, ProfileDocument
    from stratus.studies.scaling.intervals import Interval
    from stratus.studies.scaling.plan import Plan, PlannedRun
    from stratus.studies.scaling.runs import PlanSummary, RunResult


_WIDE: Final = 110
"""Letters of a line where there is no terminal to ask."""


def print_plan(plan: Plan, path: Path) -> None:
    """Print a line for each run, and the sums."""
    table = _table("run", "parameters", "tokens", "unique", "epochs", "steps", "rate", "FLOP")
    for run in plan.runs:
        table.add_row(
            run.name,
            f"{run.parameters:,}",
            f"{run.tokens:,}",
            f"{run.unique_tokens:,}",
            f"{run.epochs:.2f}",
            f"{run.steps:,}",
            f"{run.learning_rate:.2g}",
            f"{run.flops:.2e}",
        )
    _console().print(table)
    sizes, tokens = plan.decades
    off = max(abs(run.counted - 1) for run in plan.runs)
    say(f"runs           {len(plan.runs):,}   {path}")
    say(f"decades        {sizes:.2f} in parameters, {tokens:.2f} in tokens")
    say(f"compute        {sum(run.flops for run in plan.runs):.3e} FLOP in all")
    say(f"FLOP counts    formula and torch's counter differ by {off:.2%} at most")
    for note in plan.notes:
        say(f"note           {note}")


class FitBar(Bar):
    """A bar of how far a fit is.

    Args:
        quiet: whether to show nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        super().__init__(TextColumn("{task.description}"), BarColumn(), shown=not quiet)
        self._task = self.progress.add_task("", total=1.0)

    def show(self, stage: str, share: float) -> None:
        """Say what is being done, and the share of it that is done."""
        self.progress.update(self._task, description=stage, completed=share)


class PlanReport:
    """Shows each run when it ends.

    Args:
        quiet: whether to show nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def show(self, run: PlannedRun, result: RunResult | None) -> None:
        """Show that a run begins, or what it came to."""
        if self._quiet:
            return
        if result is None:
            say(f"{run.name}: {run.parameters:,} parameters, {run.tokens:,} tokens")
            return
        say(
            f"{run.name}: loss {result.loss:.4f} after {result.steps:,} steps, "
            f"{result.seconds:,.0f} s"
        )

    def finish(self, summary: PlanSummary) -> None:
        """Say how many runs there are now, and which failed."""
        for name, sentence in summary.failed.items():
            typer.echo(f"{name} failed: {sentence}", err=True)
        if not self._quiet:
            say(f"{summary.finished} of {summary.planned} runs are in {summary.table}")


def print_law(fit: LawFit, path: Path) -> None:
    """Print the constants, the held-out runs, the best sizes and the notes."""
    names = ("E", "A", "B", "alpha", "beta", "a", "b")
    constants = {name: getattr(fit, name) for name in names}
    _print_constants(constants, fit.profile, fit.search.level, "L = E + A / N^alpha + B / D^beta")
    _print_held_out(fit.held_out)
    for budget in fit.budgets:
        if budget.parameters is None or budget.tokens is None or budget.loss is None:
            say(f"at {budget.flops:.3g} FLOP: {budget.refused}")
            continue
        where = "" if budget.inside else ", outside of what was measured"
        say(
            f"at {budget.flops:.3g} FLOP: {_words(budget.parameters)} parameters, "
            f"{_words(budget.tokens)} tokens, loss {_words(budget.loss)}{where}"
        )
    _print_notes(fit.notes, path)


def print_power(fit: PowerFit, path: Path) -> None:
    """Print the constants of both powers, the held-out runs, predictions and notes."""
    for single, text in (
        (fit.power, f"L = c / {fit.x}^gamma"),
        (fit.power_with_floor, f"L = E + c / {fit.x}^gamma"),
    ):
        if single is not None:
            _print_constants(single.constants, single.profile, single.search.level, text)
            _print_held_out(single.held_out)
    if fit.floor_p is not None:
        say(f"a floor is needed: p = {fit.floor_p:.2g} that there is none")
    for one in fit.at:
        if one.power is None:
            say(f"at {fit.x} = {one.x:g}: {one.refused}")
            continue
        floor = one.power_with_floor
        text = f", with a floor {_words(floor)}" if floor else ""
        say(f"at {fit.x} = {one.x:g}: loss {_words(one.power)}{text}")
    _print_notes(fit.notes, path)


def _print_constants(
    constants: Mapping[str, Interval],
    profile: Mapping[str, ProfileDocument],
    level: float,
    law: str,
) -> None:
    table = _table("constant", "value", f"{level:.0%} by runs", f"{level:.0%} by likelihood")
    table.title = law
    for name, one in constants.items():
        along = profile.get(name)
        table.add_row(
            name,
            f"{one.value:.5g}",
            _ends(one.lo, one.hi),
            _ends(along.lo, along.hi) if along else "",
        )
    _console().print(table)


def _print_held_out(found: Iterable[HeldOut]) -> None:
    for one in found:
        say(
            f"held out {escape(one.run)}, {one.times_larger:.2g} times larger than the others: "
            f"measured {one.measured:.4g}, predicted {_words(one.predicted)}, "
            f"{one.error:+.2%}"
        )


def _print_notes(notes: Iterable[str], path: Path) -> None:
    for note in notes:
        say(f"note: {note}")
    say(f"written to {path}")


def _words(one: Interval) -> str:
    return f"{one.value:.4g} [{_end(one.lo)}, {_end(one.hi)}]"


def _ends(lo: float | None, hi: float | None) -> str:
    return f"{_end(lo)} to {_end(hi)}"


def _end(value: float | None) -> str:
    return "no limit" if value is None else f"{value:.4g}"


def _table(first: str, *others: str) -> Table:
    table = Table(first, box=box.SIMPLE, title_justify="left")
    for name in others:
        table.add_column(name, justify="right")
    return table


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE)
