"""A table of any width on a terminal of any width: where it does not fit, it goes on below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from rich import box
from rich.markup import escape
from rich.table import Table

from stratus.cli.console import Console

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_NAME: Final = 24
"""Letters of the first column in a line; a longer name goes on in the next."""


def print_wide(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    name: int = _NAME,
    gap: int = 2,
    texts: Collection[int] = (),
) -> None:
    """Print a table, as many columns beside each other as fit, with the first before each lot.

    No number is cut or broken: only the first column may go on in the next line.

    Args:
        header: names of the columns; each may have several lines.
        rows: cells, likewise.
        name: letters of the first column in a line.
        gap: blanks between columns.
        texts: places of columns that begin at the left.
    """
    console = Console(highlight=False)

    def table(start: int, end: int) -> Table:
        made = Table(
            box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 0, 0, gap - 1), pad_edge=False
        )
        made.add_column(escape(header[0]), overflow="fold", max_width=name)
        for place in range(start, end):
            side: Literal["left", "right"] = "left" if place in texts else "right"
            made.add_column(escape(header[place]), justify=side, no_wrap=True)
        for row in rows:
            made.add_row(*map(escape, (row[0], *row[start:end])))
        return made

    def fits(made: Table) -> bool:
        free = console.options.update(width=10_000)
        return console.measure(made, options=free).maximum <= console.width

    start = 1
    while start < len(header):
        end = start + 1
        while end < len(header) and fits(table(start, end + 1)):
            end += 1
        console.print()
        console.print(table(start, end), soft_wrap=end == start + 1)
        start = end
    console.print()
