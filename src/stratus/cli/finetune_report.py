"""What `stratus finetune` prints: the rows, a line a fold, and a table a target at the end."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table as RichTable

from stratus.cli.console import line_console
from stratus.corpora.tables.grouping import IN_WORDS, Group, group_names
from stratus.crystals.facets import Detail
from stratus.encoders.table import DEFAULT_ENCODER, default_preset, in_words
from stratus.tasks.by import ByLaw
from stratus.tasks.metrics import METRICS
from stratus.tasks.task import of_a_law
from stratus.training.finetune.events import EpochEnded, FoldEnded, FoldStarted
from stratus.training.finetune.fold_results import LEVEL
from stratus.training.finetune.scores import MODEL
from stratus.training.row_caps import footnotes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from stratus.corpora.tables.table import Table
    from stratus.models.model import Model
    from stratus.tasks.task import Task
    from stratus.training.finetune.events import Event
    from stratus.training.finetune.options import FinetuneOptions
    from stratus.training.finetune.result import FinetuneResult


class Report:
    """Shows the events of a run.

    Args:
        quiet: whether to show nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._console = line_console(quiet=quiet)
        self._key, self._has_strings = "SCOPE string", True

    def start(self, options: FinetuneOptions, model: Model | None, reason: str) -> None:
        """Show the encoder and where its weights are from, in the first line.

        Args:
            options: of the run.
            model: whose weights they are; None for fresh ones.
            reason: why it is these, where that does not follow from what was named.
        """
        if model is not None:
            text = f"{model.architecture}, from the model {model.card.name}"
        else:
            name = options.encoder or DEFAULT_ENCODER
            preset = options.preset or default_preset(name)
            text = f"{in_words(name, preset, options.model)}, from scratch"
        text += f": {reason}" if reason else ""
        self._console.print(f"encoder     {text}", markup=False)

    def seen(self, table: Table, model: Model) -> None:
        """Show how many formulas of the table are no news to the weights."""
        formulas = set(table.compositions)
        text = f"formulas    {len(formulas):,}"
        if model.seen is None:
            text += f"; nobody knows which of them {model.card.name} has seen"
        else:
            count = model.seen.count(formulas)
            text += f", of which {model.card.name} has seen {count:,}"
            if count:
                text += "; errors of test rows with these are those of known formulas"
        self._console.print(text, markup=False)

    def table(self, table: Table, options: FinetuneOptions | None = None) -> None:
        """Show what was read, and by the options of a run how it is split."""
        self._key, self._has_strings = table.key_name, table.strings is not None
        lines = [f"rows        {table.rows_in:,}: {len(table):,} used, {len(table.rejects):,} not"]
        lines += [f"            {r.id}: {r.detail} ({r.code})" for r in table.rejects[:3]]
        if table.is_partial:
            known = Counter(table.details)
            kinds = ", ".join(f"{kind} {known[kind]:,}" for kind in Detail if known[kind])
            lines.append(f"known       {kinds}")
        labels = ", ".join(f"{name} {count:,}" for name, count in table.labelled.items())
        lines.append(f"labels      {labels}")
        if options is not None and options.group is not None:
            lines.append(_split(table, options.group))
        self._console.print("\n".join(lines), markup=False)

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, FoldStarted):
            parts = ", ".join(f"{name} {count:,}" for name, count in event.rows.items())
            self._console.print(
                f"fold {event.fold}: {parts}; {_several(event.members)}{event.parameters:,} "
                f"parameters, {event.start}, on {event.device}",
                markup=False,
            )
        elif isinstance(event, EpochEnded):
            member = f" net {event.member}" if event.member else ""
            best = ", the best so far" if event.best else ""
            self._console.print(
                f"fold {event.fold}{member} epoch {event.epoch:>3} of {event.epochs}: loss "
                f"{event.train_loss:.4f}, validation {event.loss:.4f}{best}; "
                f"at most {timedelta(seconds=round(event.seconds_left))} left",
                markup=False,
            )
        elif isinstance(event, FoldEnded):
            losses = ", ".join(f"{loss:.4f}" for loss in event.losses)
            epochs = ", ".join(str(epoch) for epoch in event.best_epochs)
            self._console.print(
                f"fold {event.fold}: validation loss {losses} after epoch {epochs}, the best",
                markup=False,
            )

    def finish(self, result: FinetuneResult, output: Path) -> None:
        """Show the result."""
        shared = sum(fold.overlap.test_rows for fold in result.folds)
        self._console.print(
            f"{shared:,} test rows have the {self._key} of a row to learn from or to choose with"
        )
        formulas = sum(fold.overlap.test_formula for fold in result.folds)
        both = sum(fold.overlap.test_formula_and_group for fold in result.folds)
        too = f", {both:,} its space group too" if self._has_strings else ""
        self._console.print(f"{formulas:,} have the formula of such a row{too}")
        of_law = of_a_law(result.tasks)
        if of_law:
            self._console.print(_law(result, of_law))
            self._footnotes(result, of_law)
        for task in result.tasks:
            if task in of_law:
                continue
            self._console.print(_scores(result, task))
            if result.shares:
                self._console.print(_shares(result, task))
            self._footnotes(result, [task])
            for line in _coverage(result, task):
                self._console.print(line, markup=False)
        self._console.print(f"Model, predictions and metrics: {output}", markup=False)

    def _footnotes(self, result: FinetuneResult, tasks: Sequence[Task]) -> None:
        """Show which simple models did not learn from all rows, once for tasks of the same rows."""
        lines = (line for task in tasks for line in footnotes(result.capped(task.name)))
        for line in dict.fromkeys(lines):
            self._console.print(line, markup=False)


def _split(table: Table, group: Group) -> str:
    """Say which rows stay together, and how many groups there are."""
    text = f"split       {IN_WORDS.get(group, f'rows of one {table.key_name} stay together')}"
    if group is Group.BLOCKS:
        count = len(set(table.compositions))
        return f"{text} ({len(table):,} rows of {count:,} compositions; by lot: --set group=none)"
    return f"{text} ({len(set(group_names(table, group))):,} groups)"


def _several(members: int) -> str:
    return f"{members} nets of " if members > 1 else ""


def _coverage(result: FinetuneResult, task: Task) -> Iterator[str]:
    """Say of each kind of crystal how many labels the 90 % intervals hold."""
    for kind, found in result.coverage(task.name).items():
        place = found.levels.index(LEVEL)
        width = found.mean_width[place]
        unit = f" {task.unit}" if task.unit else ""
        wide = "infinitely wide" if width is None else f"{width:.3g}{unit} wide on average"
        of_kind = "" if kind is Detail.WHOLE else f" by {kind.replace('-', ' ')} alone"
        yield (
            f"{task.name}: the {LEVEL * 100:.0f} % interval holds {found.coverage[place]:.1%} of "
            f"{found.rows:,} labels{of_kind}, {wide}"
        )


def _law(result: FinetuneResult, tasks: Sequence[Task]) -> RichTable:
    """Return the tasks of a law, a line each, beside the simple model with the least error."""
    law = next(task.by.law for task in tasks if isinstance(task.by, ByLaw))
    table = RichTable(title=f"by the law {law}: test rows of {len(result.folds)} folds")
    table.add_column("")
    table.add_column("unit, per")
    for column in ("error", "spread", "best simple model", f"inside {LEVEL * 100:.0f} %"):
        table.add_column(column, justify="right")
    for task in tasks:
        found = {
            method: of_method[task.metric]
            for method, of_method in result.spreads(task.name).items()
            if task.metric in of_method
        }
        ours = found.pop(MODEL, None)
        if ours is None:
            continue
        label = METRICS[task.metric]
        best = min if label.lower_is_better else max
        simple = best(found, key=lambda method: found[method].mean, default=None)
        inside = result.coverage(task.name).get(Detail.WHOLE)
        table.add_row(
            escape(f"{task.name}: {label.label}"),
            escape(f"{label.unit_for(task.unit)}, {task.per}"),
            f"{ours.mean:.4g}",
            "" if ours.standard_deviation is None else f"{ours.standard_deviation:.2g}",
            "" if simple is None else f"{found[simple].mean:.4g} ({simple})",
            "" if inside is None else f"{inside.coverage[inside.levels.index(LEVEL)]:.1%}",
        )
    return table


def _shares(result: FinetuneResult, task: Task) -> RichTable:
    """Return the learning curve of a task: its metric by the share of the training rows."""
    metric = METRICS[task.metric]
    unit = metric.unit_for(task.unit)
    table = RichTable(title=f"{escape(task.name)} by the share of the training rows")
    heading = f"{metric.label} ({escape(unit)})" if unit else metric.label
    for column in ("share", "rows a fold", heading, "spread", "best simple model"):
        table.add_column(column, justify="right")
    best = min if metric.lower_is_better else max
    for one in result.shares:
        found = {
            method: of_method[task.metric]
            for method, of_method in one.tasks[task.name].items()
            if task.metric in of_method
        }
        ours = found.pop(MODEL, None)
        if ours is None:
            continue
        simple = best(found, key=lambda method: found[method].mean, default=None)
        table.add_row(
            f"{one.share:.3g}",
            f"{round(sum(one.rows) / len(one.rows)):,}",
            f"{ours.mean:.4g}",
            "" if ours.standard_deviation is None else f"{ours.standard_deviation:.2g}",
            "" if simple is None else f"{found[simple].mean:.4g} ({simple})",
        )
    return table


def _scores(result: FinetuneResult, task: Task) -> RichTable:
    """Return the methods with the metric of the task, on the test rows of all folds."""
    metric = METRICS[task.metric]
    unit = metric.unit_for(task.unit)
    table = RichTable(title=f"{escape(task.name)}: test rows of {len(result.folds)} folds")
    table.add_column("")
    heading = f"{metric.label} ({escape(unit)})" if unit else metric.label
    for column in (heading, "spread", "folds won by the model"):
        table.add_column(column, justify="right")
    compared = result.comparisons(task.name)
    for method, of_method in result.spreads(task.name).items():
        found = of_method.get(task.metric)
        if found is None:
            continue
        deviation = found.standard_deviation
        table.add_row(
            "model" if method == MODEL else method,
            f"{found.mean:.4g}",
            "" if deviation is None else f"{deviation:.2g}",
            f"{compared[method].won} of {found.folds}" if method in compared else "",
        )
    return table
