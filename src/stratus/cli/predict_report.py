"""What ``stratus predict`` draws while it works and prints at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import typer

from stratus.cli.console import Console
from stratus.cli.crystal_bar import CrystalBar, print_end
from stratus.cli.predict_lines import target_lines
from stratus.cli.wide_table import print_wide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratus.cli.predict_lines import Line
    from stratus.inference.jobs.predict import PredictSummary
    from stratus.inference.windows import Window
    from stratus.models.model import Model

_FIRST: Final = 10
_LONGEST: Final = 40


class Report(CrystalBar):
    """Shows how far a job is, and its first rows.

    Args:
        model: what predicts.
        inputs: those of the job.
        level: share of crystals that the intervals are to hold.
        units: whether a target in a logarithm of a unit is shown in the unit itself too.
        digits: significant digits; as many as the interval allows if None.
        first: how many rows are shown.
        progress: whether to draw a bar, if stderr is a terminal.
        quiet: whether to show nothing.
    """

    def __init__(
        self,
        model: Model,
        inputs: Sequence[str],
        level: float,
        *,
        units: bool = False,
        digits: int | None = None,
        first: int = _FIRST,
        progress: bool = True,
        quiet: bool = False,
    ) -> None:
        super().__init__(inputs, progress=progress, quiet=quiet)
        self._model = model
        self._level = level
        self._units = units
        self._digits = digits
        self._most = first
        self._names: list[str] = []
        self._lines: list[list[Line]] = []
        self._notes: list[str] = []

    def window(self, window: Window) -> None:
        """Take in some predictions."""
        self.advance(len(window.rows))
        for number, (row, place) in enumerate(zip(window.rows, window.where.tolist(), strict=True)):
            if len(self._names) == self._most:
                return
            self._names.append(row.id if row.reject is None else f"{row.id}\n({row.reject.code})")
            lines = target_lines(
                self._model, window.predicted, place, units=self._units, digits=self._digits
            )
            self._lines.append([] if row.reject else list(lines))
            self._notes += [f"{row.id}: {n}" for n in (*row.notes, *window.notes.get(number, ()))]

    def finish(self, summary: PredictSummary) -> None:
        """Print the first rows, if stdout is a terminal or there is no file, and the counts."""
        if self.quiet and summary.output:
            return
        if not summary.output or Console().is_terminal:
            self._print_table(summary)
        if self.quiet:
            return
        if summary.output:
            typer.echo(f"rows           {summary.rows:>12,}   {summary.output}")
        if summary.output or summary.rejects or summary.rows > 1:
            print_end(summary)

    def _print_table(self, summary: PredictSummary) -> None:
        good = [lines for lines in self._lines if lines]
        if summary.rows == 1 and good:
            print_lines(good[0], self._level)
        elif good:
            header = ["id", *(line.heading for line in good[0])]
            nothing = [""] * len(good[0])
            rows = [
                [name, *([f"{line.value}\n{line.ends}".rstrip() for line in lines] or nothing)]
                for name, lines in zip(self._names, self._lines, strict=True)
            ]
            print_wide(header, rows)
            if not self.quiet:
                typer.echo(f"Below each value is its {self._level:.0%} interval.")
        if summary.rows > len(self._names):
            more = "" if summary.output else "; -o OUT writes all of them"
            typer.echo(f"These are the first {len(self._names)} of {summary.rows:,} rows{more}.")
        for note in self._notes:
            Console(highlight=False).print(note, markup=False)


def print_lines(lines: Sequence[Line], level: float) -> None:
    """Print the predictions for one crystal, a line a target."""
    header = ["target", "value", "std", f"{level:.0%} interval", "unit"]
    if any(line.functional for line in lines):
        header.append("functional")
    longest = max(len(line.target) for line in lines)
    rows = [line[: len(header)] for line in lines]
    print_wide(header, rows, name=min(longest, _LONGEST), gap=1, texts=(4, 5))
