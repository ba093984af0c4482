"""What verbs that predict draw while they work, and say of crystals that they could not take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from stratus.cli.bar import Bar
from stratus.cli.encode_report import known_total, print_rejects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class CrystalBar(Bar):
    """A bar of crystals done.

    Args:
        inputs: those of the job.
        progress: whether to draw it, if stderr is a terminal.
        quiet: whether to show nothing.
    """

    def __init__(self, inputs: Sequence[str], *, progress: bool, quiet: bool) -> None:
        self.quiet = quiet
        super().__init__(
            TextColumn("predicting"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            shown=progress and not quiet,
        )
        total = known_total(inputs) if self.is_drawn else None
        self._task = self.progress.add_task("", total=total)

    def advance(self, crystals: int) -> None:
        """Say that some more are done."""
        self.progress.advance(self._task, crystals)


class Ended(Protocol):
    """The part of a summary that all such jobs have."""

    @property
    def output(self) -> str:
        """The table, if one was written."""

    @property
    def rejects_file(self) -> str:
        """The table of rejects, if one was asked for."""

    @property
    def rejects(self) -> Mapping[str, int]:
        """Number of rejects by code."""

    @property
    def first_rejects(self) -> Sequence[str]:
        """Source and reason of the first of them."""

    @property
    def seconds(self) -> float:
        """Wall time, in s."""

    @property
    def rate(self) -> float:
        """Crystals per second."""


def print_end(summary: Ended) -> None:
    """Print the rejects of a job, the first of them in words, and how long it took."""
    refused = print_rejects(summary.rejects, summary.rejects_file)
    for line in summary.first_rejects:
        typer.echo(f"  {line}")
    if refused > len(summary.first_rejects):
        where = f"the column detail of {summary.output} has"
        if summary.rejects_file or not summary.output:
            where = f"{summary.rejects_file or '--rejects FILE'} has"
        typer.echo(f"  ... {where} the reasons of all {refused:,}")
    typer.echo(f"time           {summary.seconds:>10,.1f} s   {summary.rate:,.0f} crystals/s")
