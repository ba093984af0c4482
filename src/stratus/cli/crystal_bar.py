"""What verbs that predict draw while they work, and say of crystals that they could not take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from stratus.cli.console import Console
from stratus.cli.encode_report import known_total, print_rejects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class CrystalBar:
    """A bar of crystals done.

    Args:
        inputs: those of the job.
        progress: whether to draw it, if stderr is a terminal.
        quiet: whether to show nothing.
    """

    def __init__(self, inputs: Sequence[str], *, progress: bool, quiet: bool) -> None:
        self.quiet = quiet
        errors = Console(stderr=True)
        self._bar = Progress(
            TextColumn("predicting"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=errors,
            transient=True,
            disable=quiet or not progress or not errors.is_terminal,
        )
        total = None if self._bar.disable else known_total(inputs)
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Self:
        """Draw the bar."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        if not self._bar.disable:  # older versions of rich print a line even then
            self._bar.stop()

    def advance(self, crystals: int) -> None:
        """Say that some more are done."""
        self._bar.advance(self._task, crystals)


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
