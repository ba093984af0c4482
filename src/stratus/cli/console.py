"""The console of rich that every verb prints tables and bars on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
