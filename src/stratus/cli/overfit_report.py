"""What ``--overfit`` prints: the loss of each epoch, and whether the rows were learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from stratus.cli.console import say
from stratus.training.events import FitStarted, Validated
from stratus.training.overfit import ENOUGH

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratus.training.events import FitEvent
    from stratus.training.overfit import Overfitted


def shown(*, quiet: bool) -> Callable[[FitEvent], None]:
    """Return what prints a line for each epoch."""

    def show(event: FitEvent) -> None:
        if quiet:
            return
        if isinstance(event, FitStarted):
            say(f"{event.parameters:,} parameters, {event.steps:,} steps, on {event.device}")
        elif isinstance(event, Validated):
            others = "".join(
                f", {name} {value:.4g}" for name, value in event.scores.items() if name != "loss"
            )
            say(f"epoch {event.epoch}: loss {event.scores['loss']:.4g}{others}")

    return show


def verdict(found: Overfitted, *, quiet: bool) -> None:
    """Say whether the rows were learned, and end with exit code 1 if they were not."""
    fell = f"from {found.before:.4g} to {min(found.losses):.4g}"
    bound = f"{found.threshold:.4g}, {ENOUGH:.0%} of what it was"
    if found.epoch is None:
        text = (
            f"Not learned by heart: the loss of {found.rows:,} rows fell {fell}, not below "
            f"{bound}. Try more epochs or another learning rate, then a larger model; else their "
            "labels do not follow from what it sees."
        )
    else:
        text = (
            f"Learned by heart: the loss of {found.rows:,} rows fell {fell}, below {bound}, in "
            f"epoch {found.epoch}."
        )
    if not quiet:
        say(text)
        say("No model was written: such a net knows these rows and nothing else.")
    if found.epoch is None:
        raise typer.Exit(1)
