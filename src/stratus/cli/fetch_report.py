"""What ``stratus fetch`` draws while it works and prints at its end."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from stratus.cli.console import Console, say
from stratus.cli.encode_report import print_rejects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stratus.corpora.encoding.summary import Progress
    from stratus.corpora.sources.collect import CollectSummary
    from stratus.corpora.sources.download import Downloaded


@contextmanager
def rows_bar(*, shown: bool) -> Iterator[Callable[[Progress], None] | None]:
    """Draw a bar of the crystals that came, on stderr, if that is a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if not shown or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("fetching"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rejects]} rejects"),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None, rejects=0)

        def on_progress(now: Progress) -> None:
            bar.update(task, total=now.total, completed=now.rows_in, rejects=now.rejects)

        yield on_progress


@contextmanager
def download_bar(name: str, *, shown: bool) -> Iterator[Callable[[int, int | None], None] | None]:
    """Draw a bar of the bytes that came, on stderr, if that is a terminal."""
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if not shown or not console.is_terminal:
        yield None
        return
    columns = (TextColumn(escape(name)), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def on_bytes(have: int, total: int | None) -> None:
            bar.update(task, completed=have, total=total)

        yield on_bytes


def print_file(done: Downloaded) -> None:
    """Print where a file is and how sure it is that it is the right one."""
    sure = "as published" if done.published else "no digest is published; kept to from now on"
    there = "" if done.url else ", was there already"
    say(f"file           {done.path}   sha256 {done.sha256[:16]}... ({sure}{there})")


def print_summary(summary: CollectSummary) -> None:
    """Print the counts of a finished table."""
    if summary.already_complete:
        say(f"{summary.table} is complete already; nothing was done.")
    say(f"crystals       {summary.rows_in:>12,}")
    say(f"rows           {summary.rows_out:>12,}   {summary.table}")
    print_rejects(summary.rejects, summary.rejects_file)
    say(f"card                          {summary.card}")
    for remark in summary.remarks:
        say(f"note: {remark}")
    if not summary.already_complete:
        resumed = f", after {summary.resumed:,} of an earlier run" if summary.resumed else ""
        say(f"time           {summary.seconds:>10,.1f} s{resumed}")
