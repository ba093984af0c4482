"""The console of rich that every verb prints tables and bars on, and lines of any length."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import typer
from rich import console
from rich.segment import Segment

from stratus.cli.streams import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType


class Console(console.Console):
    """A console whose own colours reach the terminal, and no sequence inside a text does."""

    def __init__(self, **options: Any) -> None:
        super().__init__(emoji=False, **options)  # an id `a:x:b` holds no picture

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield what is printed, with each text made printable."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)


def line_console(*, quiet: bool = False) -> Console:
    """Return a console for lines: a terminal gets them broken between words, a file whole."""
    made = Console(highlight=False, quiet=quiet)
    made.soft_wrap = not made.is_terminal
    return made


def say(text: str) -> None:
    """Print a line; a terminal that is narrower gets it broken between words, a file whole."""
    width = shutil.get_terminal_size().columns
    if len(text) > width and sys.stdout.isatty():
        text = textwrap.fill(
            text,
            width,
            subsequent_indent="  ",
            replace_whitespace=False,
            break_long_words=False,
            break_on_hyphens=False,
        )
    typer.echo(text)
