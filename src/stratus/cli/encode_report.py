"""What ``stratus encode`` draws while it works and prints at its end."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from stratus.cli.console import Console, say
from stratus.crystals.facets import Facet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stratus.corpora.encoding.summary import EncodeSummary, Progress


@contextmanager
def progress_bar(
    inputs: Sequence[str], *, shown: bool
) -> Iterator[Callable[[Progress], None] | None]:
    """Draw a bar with rate, remaining time and rejects on stderr, if that is a terminal."""
    console = Console(stderr=True)
    if not shown or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("encoding"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rejects]} rejects"),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=known_total(inputs), rate="", rejects=0)

        def on_progress(now: Progress) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            rate = f"{(now.rows_in - now.resumed) / elapsed:,.0f}/s" if elapsed > 0 else ""
            bar.update(task, completed=now.rows_in, rejects=now.rejects, rate=rate)

        yield on_progress


def known_total(inputs: Sequence[str]) -> int | None:
    """Return how many crystals there will be, where that is cheap to know.

    Rows of Parquet tables are counted, and CIF files, which mostly hold one crystal each.
    """
    import pyarrow.parquet as pq

    total = 0
    for name in inputs:
        path = Path(name)
        files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
        if all(p.suffix == ".cif" for p in files):
            total += len(files)
            continue
        if path.suffix != ".parquet" or not path.is_file():
            return None
        try:
            total += pq.read_metadata(path).num_rows
        except (OSError, ValueError):
            return None  # the reader will say what is wrong with it
    return total


def print_rejects(rejects: Mapping[str, int], where: str = "") -> int:
    """Print how many rejects there are, of each code too, and return their number."""
    refused = sum(rejects.values())
    say(f"rejects        {refused:>12,}   {where}".rstrip())
    for code, count in sorted(rejects.items(), key=lambda pair: (-pair[1], pair[0])):
        say(f"  {code:<20} {count:>5,}")
    return refused


def _print_notes(notes: Mapping[str, int]) -> None:
    """Print how often each note was made, the most frequent first."""
    if notes:
        say(f"notes          {sum(notes.values()):>12,}")
    for note, count in list(notes.items())[:_MOST_NOTES]:
        say(f"  {count:>9,}   {note}")
    if len(notes) > _MOST_NOTES:
        say(f"  and {len(notes) - _MOST_NOTES:,} other notes: see the column notes")


_MOST_NOTES = 8


def print_summary(summary: EncodeSummary) -> None:
    """Print the counts of a finished job."""
    if summary.already_complete:
        say(f"{summary.output} is complete already; nothing was done.")
    say(f"rows in        {summary.rows_in:>12,}")
    say(f"rows out       {summary.rows_out:>12,}   {summary.output}")
    print_rejects(summary.rejects, summary.rejects_file)
    if Facet.SCOPE in summary.keep:
        say(f"distinct SCOPE {summary.distinct:>12,}")
    _print_notes(summary.notes)
    if not summary.already_complete:
        resumed = f", after {summary.resumed:,} of an earlier run" if summary.resumed else ""
        say(f"time           {summary.seconds:>10,.1f} s   {summary.rate:,.0f} crystals/s{resumed}")
