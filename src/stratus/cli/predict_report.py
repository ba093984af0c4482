"""What ``stratus predict`` draws while it works and prints at its end."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from stratus.cli.console import Console
from stratus.cli.crystal_bar import CrystalBar, print_end
from stratus.inference.columns import class_names
from stratus.plots.interval_bar import Predicted as Shown
from stratus.plots.interval_bar import rounded
from stratus.tasks.predicted import notes_on

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratus.inference import PredictSummary, Window
    from stratus.models.model import Model
    from stratus.tasks.predicted import Predicted
    from stratus.tasks.task import Task

_FIRST: Final = 10


class Report(CrystalBar):
    """Shows how far a job is, and its first rows.

    Args:
        model: what predicts.
        inputs: those of the job.
        progress: whether to draw a bar, if stderr is a terminal.
        quiet: whether to show nothing.
    """

    def __init__(self, model: Model, inputs: Sequence[str], *, progress: bool, quiet: bool) -> None:
        super().__init__(inputs, progress=progress, quiet=quiet)
        self._model = model
        self._first: list[list[str]] = []

    def window(self, window: Window) -> None:
        """Take in some predictions."""
        self.advance(len(window.rows))
        places = window.where.tolist()
        for row, place in zip(window.rows, places, strict=True):
            if len(self._first) == _FIRST:
                return
            if row.reject is not None:
                self._first.append([row.id, f"({row.reject.code})"])
                continue
            found = [_cell(t, window.predicted[n], place) for n, t in self._model.tasks.items()]
            self._first.append([row.id, *(f"{value}\n{extent}" for value, _, extent in found)])

    def finish(self, summary: PredictSummary) -> None:
        """Print the first rows, if stdout is a terminal, and the counts."""
        if self.quiet:
            return
        console = Console(highlight=False)
        if console.is_terminal and self._first:
            table = Table("id", box=box.SIMPLE)
            for name, task in self._model.tasks.items():
                unit = f"\n{task.unit}" if task.unit else ""
                table.add_column(escape(f"{name}{unit}"), justify="right")
            for cells in self._first:
                table.add_row(*map(escape, cells))
            console.print(table)
        typer.echo(f"rows           {summary.rows:>12,}   {summary.output}")
        print_end(summary)


def print_one(model: Model, found: Mapping[str, Predicted], level: float) -> None:
    """Print the predictions for one crystal, a line a target."""
    table = Table("target", box=box.SIMPLE)
    for name in ("prediction", "std", f"{level:.0%} interval"):
        table.add_column(name, justify="right")
    table.add_column("unit")
    for name, task in model.tasks.items():
        table.add_row(*map(escape, (name, *_cell(task, found[name], 0), task.unit)))
    console = Console(highlight=False)
    console.print(table)
    for note in notes_on(found, 0):
        console.print(note, markup=False)


def _cell(task: Task, found: Predicted, place: int) -> tuple[str, str, str]:
    """Return prediction, standard deviation and interval of a crystal as texts."""
    if task.kind == "multiclass":
        shares = found.value[place]
        best = int(shares.argmax())
        return f"{class_names(task)[best]} (p = {shares[best]:.2f})", "", ""
    if task.kind == "binary":
        return f"p = {found.value[place]:.2f}", "", ""
    numbers = (
        math.nan if column is None else float(column[place])
        for column in (found.value, found.std, found.lo, found.hi)
    )
    return rounded(Shown(task.name, task.unit, *numbers))
