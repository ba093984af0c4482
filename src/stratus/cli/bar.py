"""A bar of how far a job is, on stderr, gone when the job ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.progress import Progress

from stratus.cli.console import Console

if TYPE_CHECKING:
    from rich.progress import ProgressColumn


class Bar:
    """A bar; only where stderr is a terminal.

    Args:
        columns: what it shows, from left to right.
        shown: whether to draw it at all.
    """

    def __init__(self, *columns: ProgressColumn, shown: bool) -> None:
        errors = Console(stderr=True)
        self.is_drawn = shown and errors.is_terminal
        self.progress = Progress(
            *columns, console=errors, transient=True, disable=not self.is_drawn
        )

    def __enter__(self) -> Self:
        """Draw the bar."""
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        if self.is_drawn:  # older versions of rich print a line even then
            self.progress.stop()
