"""What ``stratus benchmark`` prints: the rows, a line a fold, and a table of methods at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from stratus.benchmarks.scores import board_metric
from stratus.cli.console import line_console
from stratus.training.finetune.events import FoldEnded, FoldStarted
from stratus.training.row_caps import footnotes

if TYPE_CHECKING:
    from pathlib import Path

    from stratus.benchmarks.question import Question
    from stratus.benchmarks.record import BenchmarkRun, Method
    from stratus.benchmarks.run_pairs import Pair
    from stratus.training.row_caps import footnotes
from stratus.training.finetune.events import Event

_UNREAD = 3


class Report:
    """Shows how a run goes on, and what it came to.

    Args:
        quiet: whether to show nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._console = line_console(quiet=quiet)

    def question(self, question: Question) -> None:
        """Show what is asked."""
        asked = question.asked
        kind = "official" if asked.official else "not an official set"
        rows = sum(len(fold.test) for fold in question.folds)
        several = "s" if len(question.folds) > 1 else ""
        count = f"{rows:,} test rows in {len(question.folds)} fold{several}"
        lines = [
            f"{asked.benchmark} {asked.name} ({kind}): {count}, {len(question.unread):,} unread"
        ]
        lines += [f"  {note}" for note in asked.notes]
        lines += [f"  {row.id}: {row.reason}" for row in question.unread[:_UNREAD]]
        self._console.print("\n".join(lines), markup=False)

    def show(self, event: Event) -> None:
        """Show one event of fine-tuning."""
        if isinstance(event, FoldStarted):
            self._console.print(
                f"fold {event.fold}: {event.rows['train']:,} rows to learn from; "
                f"{event.members} x {event.parameters:,} parameters, {event.start}",
                markup=False,
            )
        elif isinstance(event, FoldEnded):
            epochs = ", ".join(str(epoch) for epoch in event.best_epochs)
            self._console.print(f"fold {event.fold}: best after epoch {epochs}", markup=False)

    def finish(self, run: BenchmarkRun, output: Path) -> None:
        """Show the methods, and where the file is."""
        self._console.print(methods_table(run))
        for line in footnotes({method.name: method.capped for method in run.methods}):
            self._console.print(line, markup=False)
        for method in run.methods:
            for name, found in method.discovery.items():
                if found.f1 is None or found.daf is None:
                    continue
                self._console.print(
                    f"{method.name}, {name}: F1 {found.f1:.3f}, DAF {found.daf:.3f}, "
                    f"precision {found.precision:.3f}, recall {found.tpr:.3f}",
                    markup=False,
                )
        self._console.print(f"{output}: run.json, {run.data.rows:,} rows", markup=False)


def methods_table(run: BenchmarkRun) -> Table:
    """Return the methods with the metric that they are ranked by."""
    asked = run.asked
    metric = board_metric(asked.metric)
    unit = f" ({asked.unit})" if metric.has_unit and asked.unit else ""
    table = Table(title=escape(f"{asked.name}: {metric.label}{unit}"))
    table.add_column("")
    for column in ("mean of folds", "std", "95% interval", "won", "p folds", "p rows"):
        table.add_column(column, justify="right")
    compared = {each.method: each for each in run.beside}
    for method in run.methods:
        beside = compared.get(method.name)
        cells = ["", "", ""]
        if beside is not None:
            won = f"{beside.won} of {beside.folds}"
            cells = [won, f"{beside.p_folds:.3g}", f"{beside.p_rows:.2g}"]
        elif method.name == run.rival:
            cells[0] = "rival"
        table.add_row(escape(method.name), *_numbers(run, method), *cells)
    for row in run.published if asked.official else ():
        std = "" if row.std is None else f"{row.std:.2g}"
        table.add_row(escape(f"published: {row.model}"), f"{row.mean:.4g}", std, "", "", "", "")
    return table


def pair_line(pair: Pair) -> str:
    """Return two methods that were run on the same rows as one line."""
    unit = f" {pair.unit}" if pair.unit else ""
    low, high = pair.interval
    seeds = f", {len(pair.seeds)} seeds" if len(pair.seeds) > 1 else ""
    folds = f"{pair.folds} fold{'s' if pair.folds > 1 else ''}"
    return (
        f"{pair.set_name}, {pair.first} - {pair.second}: {pair.mean_first:.4g} - "
        f"{pair.mean_second:.4g} = {pair.difference:+.3g}{unit} ({low:+.3g} to {high:+.3g}), "
        f"won {pair.won} of {folds}{seeds}, p rows {pair.p_rows:.2g}"
    )


def _numbers(run: BenchmarkRun, method: Method) -> list[str]:
    found = method.over_folds.get(run.asked.metric)
    if found is None:
        return ["", "", ""]
    interval = ""
    if method.interval is not None:
        interval = f"{method.interval[0]:.4g} to {method.interval[1]:.4g}"
    return [f"{found.mean:.4g}", f"{found.std:.2g}", interval]
