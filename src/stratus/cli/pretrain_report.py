"""What `stratus pretrain` prints: a start block, a line a validation, and a table at the end."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from stratus.cli.console import line_console
from stratus.scope.vocabulary import Role
from stratus.training.denoise import DenoisingStarted, DenoisingSummary
from stratus.training.events import Stepped, Validated
from stratus.training.finish import PretrainSummary
from stratus.training.pretrain import Started

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.progress import TaskID

    from stratus.corpora.packed.info import PackedInfo
    from stratus.training.denoise import DenoisingEvent
    from stratus.training.events import FitStarted
    from stratus.training.finish import MaskedShare
    from stratus.training.pretrain import Event


class Report:
    """Shows the events of a run; a bar only on a terminal.

    Args:
        run: the folder of the run.
        quiet: whether to show nothing.
    """

    def __init__(self, run: Path, *, quiet: bool) -> None:
        self._run = run
        self._quiet = quiet
        self._console = line_console()
        self._stack = ExitStack()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def show(self, event: Event | DenoisingEvent) -> None:
        """Show one event."""
        if self._quiet:
            return
        if isinstance(event, Started):
            self._start(_of_tokens(event), event.fit)
        elif isinstance(event, DenoisingStarted):
            self._start(_of_atoms(event), event.fit)
        elif isinstance(event, Validated):
            mark = "  best so far" if event.best else ""
            scores = "  ".join(f"{name} {value:.4f}" for name, value in event.scores.items())
            self._console.print(
                f"step {event.step:>7,}  epoch {event.epoch:>4}  validation {scores}{mark}"
            )
        elif isinstance(event, Stepped):
            self._step(event)

    def finish(self, summary: PretrainSummary | DenoisingSummary) -> None:
        """Show the result."""
        if isinstance(summary, PretrainSummary):
            self._finish_tokens(summary)
        else:
            table = Table(title=f"Displaced atoms of the test split ({summary.noise_a:g} Å)")
            for column in ("", "loss", "explained"):
                table.add_column(column, justify="right" if column else "left")
            ours = f"{summary.loss:.4f}", f"{summary.explained:.4f}"
            table.add_row(f"model, step {summary.best_step:,}", *ours)
            table.add_row("nothing is moved back", "1.0000", "0.0000")
            self._console.print(table)
        self._console.print(f"Model: {self._run / 'bundle'}", markup=False)

    def _finish_tokens(self, summary: PretrainSummary) -> None:
        table = Table(title=f"Masked tokens of the test split ({summary.model.places:,} places)")
        for column in ("", "loss (nats)", "accuracy", "of elements"):
            table.add_column(column, justify="right" if column else "left")
        scores = {f"model, step {summary.best_step:,}": summary.model} | summary.baselines
        for name, score in scores.items():
            elements = score.roles.get(Role.ELEMENT)
            of_elements = "" if elements is None else f"{elements.accuracy:.4f}"
            table.add_row(name, f"{score.loss:.4f}", f"{score.accuracy:.4f}", of_elements)
        self._console.print(table)
        if summary.shares:
            self._console.print(_shares(summary.shares))

    def _start(self, lines: list[str], fit: FitStarted) -> None:
        self._console.print("\n".join(lines))
        if self._console.is_terminal:
            self._bar = Progress(
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.description}"),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._task = self._bar.add_task("", total=fit.steps, completed=fit.from_step)
            self._stack.enter_context(self._bar)

    def _step(self, event: Stepped) -> None:
        if self._bar is None or self._task is None:
            return
        text = f"loss {event.loss:.3f}"
        if "tokens_per_s" in event.rates:
            text += f"  {event.rates['tokens_per_s']:,.0f} tokens/s"
        if "utilisation" in event.rates:
            text += f"  {event.rates['utilisation']:.0%} of peak"
        self._bar.update(self._task, completed=event.step, description=text)


def _of_tokens(event: Started) -> list[str]:
    corpus, fit = event.corpus, event.fit
    counts = f"{corpus.duplicates:,} duplicates, {corpus.too_long:,} too long"
    return [
        f"encoder     {event.encoder}, from scratch",
        f"rows        {corpus.rows_in:,}: {corpus.kept:,} crystals, {counts}",
        _splits(corpus),
        *(
            f"{'' if k else 'tables':<12}{part.table}: {count:,} an epoch of {part.train:,}"
            for k, (part, count) in enumerate(zip(corpus.parts, event.draws, strict=False))
        ),
        f"parameters  {fit.parameters:,}",
        f"epoch       {event.tokens_per_epoch:,} tokens, {fit.steps_per_epoch:,} steps",
        *_steps(fit),
    ]


def _of_atoms(event: DenoisingStarted) -> list[str]:
    corpus, fit = event.corpus, event.fit
    lost = ", ".join(f"{count:,} {code}" for code, count in corpus.rejected.items())
    return [
        f"encoder     {event.encoder}, from scratch",
        f"rows        {corpus.rows_in:,}: {corpus.kept:,} crystals" + (f", {lost}" if lost else ""),
        _splits(corpus),
        f"parameters  {fit.parameters:,}",
        f"epoch       {fit.steps_per_epoch:,} steps",
        *_steps(fit),
    ]


def _splits(corpus: PackedInfo) -> str:
    return "splits      " + ", ".join(f"{name} {count:,}" for name, count in corpus.rows.items())


def _steps(fit: FitStarted) -> list[str]:
    return [
        f"steps       {fit.steps:,}" + (f", {fit.from_step:,} done" if fit.from_step else ""),
        f"device      {fit.device}, precision {fit.precision}",
    ]


def _shares(shares: Sequence[MaskedShare]) -> Table:
    """Return the learning curve: loss and accuracy by the share of the training crystals."""
    table = Table(title="By the share of the training crystals: masked tokens of the test split")
    for column in ("share", "crystals", "loss (nats)", "accuracy"):
        table.add_column(column, justify="right")
    for one in shares:
        score = one.model
        table.add_row(
            f"{one.share:.3g}", f"{one.rows:,}", f"{score.loss:.4f}", f"{score.accuracy:.4f}"
        )
    return table
