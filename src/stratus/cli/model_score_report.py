"""What ``stratus model score`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from stratus.cli.console import line_console
from stratus.tasks.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratus.inference.labelled_scores import LabelledScores, TargetScore
    from stratus.inference.masked_scores import MaskedScores


def print_labels(scores: LabelledScores) -> None:
    """Print what a model came to on the labels of a table."""
    console = line_console()
    console.print(f"model       {scores.model}", markup=False)
    console.print(_counted("rows", scores.rows, scores.rejects, "not read or predicted"))
    if scores.seen is None:
        console.print(f"formulas    {scores.formulas:,}; nobody knows which the model has seen")
    else:
        seen = f"formulas    {scores.formulas:,}, of which the model has seen {scores.seen:,}"
        console.print(seen + ("; errors of these are of known formulas" if scores.seen else ""))
    for name, one in scores.targets.items():
        console.print(_target(name, one))


def print_masked(scores: MaskedScores) -> None:
    """Print how well masked tokens were guessed."""
    console = line_console()
    step = "" if scores.step is None else f", step {scores.step:,}"
    console.print(f"model       {scores.model}{step}", markup=False)
    console.print(_counted("rows", scores.rows, scores.left_out, "left out"))
    table = Table(title=f"Masked tokens of {scores.crystals:,} crystals")
    for column in ("", "places", "loss (nats)", "accuracy"):
        table.add_column(column, justify="right" if column else "left")
    found = scores.model_score
    for name, score in {"model": found, **{f"  {k}": v for k, v in found.roles.items()}}.items():
        table.add_row(name, f"{score.places:,}", f"{score.loss:.4f}", f"{score.accuracy:.4f}")
    constant = scores.constant
    table.add_row(
        "best constant guess",
        f"{found.places:,}",
        f"{constant.loss:.4f}",
        f"{constant.accuracy:.4f}",
    )
    console.print(table)


def _counted(what: str, rows: int, fewer: Mapping[str, int], of: str) -> str:
    why = ", ".join(f"{count:,} {reason}" for reason, count in fewer.items())
    return f"{what:<12}{rows:,}" + (f"; {of}: {why}" if why else "")


def _target(name: str, score: TargetScore) -> Table:
    without = f", {score.unpredicted:,} without prediction" if score.unpredicted else ""
    table = Table(title=f"{escape(name)}: {score.rows:,} labels{without}")
    for column in ("", "model", "best constant guess"):
        table.add_column(column, justify="right" if column else "left")
    for metric, value in score.model.items():
        unit = METRICS[metric].unit_for(score.unit)
        label = METRICS[metric].label + (f" ({escape(unit)})" if unit else "")
        table.add_row(label, _number(value), _number(score.constant[metric]))
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
