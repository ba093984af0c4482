"""What ``stratus corpora`` draws while it works and prints at its end."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from stratus.cli.console import Console, say
from stratus.cli.encode_report import known_total

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from stratus.corpora.cards.card import DataCard
    from stratus.corpora.decontaminate import DecontaminateSummary
    from stratus.corpora.dedupe import DedupeOptions, DedupeSummary
    from stratus.corpora.splits.files import SplitCard
    from stratus.corpora.tables.table import Table

_FIRST = 5


@contextmanager
def rows_bar(
    what: str, tables: Sequence[Path], *, passes: int, shown: bool
) -> Iterator[Callable[[int], None] | None]:
    """Draw a bar of rows on stderr, if that is a terminal."""
    console = Console(stderr=True)
    if not shown or not console.is_terminal:
        yield None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    total = known_total([str(path) for path in tables])
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None if total is None else passes * total)
        yield lambda rows: bar.advance(task, rows)


def print_dedupe(summary: DedupeSummary, options: DedupeOptions, removed: Path | None) -> None:
    """Print what became of the rows."""
    _line("rows in", summary.rows_in)
    _line("rows out", summary.rows_out, summary.output)
    _line("removed", summary.removed, str(removed or ""))
    _line("repeated keys", summary.repeated, f"by {summary.by}; at most {summary.largest:,} rows")
    for column, count in (
        (options.energy, summary.without_energy),
        (options.volume, summary.without_volume),
    ):
        if column is not None:
            _line("  without value", count, f"in {column}")
    _time(summary.rows_in, summary.seconds)


def print_decontaminate(summary: DecontaminateSummary, removed: Path | None) -> None:
    """Print what became of the rows, by key and by table."""
    _line("rows in", summary.rows_in)
    _line("rows out", summary.rows_out, summary.output)
    _line("removed", summary.removed, str(removed or ""))
    width = max(len(key) for key in summary.matches)
    names = [found.name for found in summary.against]
    say("rows of the corpus that share a key; * marks the keys by which rows are removed")
    say("  ".join([" " * (width + 2), f"{'any table':>12}", *(f"{n:>12}" for n in names)]))
    for key, total in summary.matches.items():
        mark = "*" if key in summary.by else " "
        counts = [total, *(found.matches[key] for found in summary.against)]
        cells = [f"{c:>{max(12, len(n))},}" for c, n in zip(counts, ["", *names], strict=True)]
        say("  ".join([f"{mark} {key:<{width}}", *cells]))
    for found in summary.against:
        notes = [f"{found.rows:,} crystals"]
        if found.without_id:
            notes.append(f"{found.without_id:,} without an id")
        if found.rejects:
            notes.append(f"{len(found.rejects):,} that could not be read, so not looked for")
        say(f"{found.name}: {', '.join(notes)}")
        for reject in found.rejects[:_FIRST]:
            say(f"  {reject.id}: {reject.detail}")
    _time(summary.rows_in, summary.seconds)


def print_split(card: SplitCard, path: Path, table: Table) -> None:
    """Print the parts, and what leaks from one to the other."""
    total = sum(card.rows.values())
    what = "fold " if card.folds is not None else ""
    for name, count in card.rows.items():
        _line(f"{what}{name}", count, f"{count / total:.1%}")
    _line("rejects", card.rejects)
    for reject in table.rejects[:_FIRST]:
        say(f"  {reject.id}: {reject.detail}")
    tested = total if card.folds is not None else card.rows["test"]
    say("test rows whose key is that of a training or validation row")
    for key, count in card.leaks.items():
        _line(f"  {key}", count, f"{count / tested:.1%}" if tested else "")
    say(f"split          {path}")
    say(f"sha256         {card.sha256}")


def print_card(card: DataCard, path: Path, what: str) -> None:
    """Print what a card says, and of which columns nobody said the unit."""
    say(f"{path}: {what}")
    for found in card.files:
        rows = "" if found.rows is None else f"{found.rows:,} rows, "
        say(f"  {found.file}: {rows}{found.bytes:,} bytes, sha256 {found.sha256}")
    without = [column.name for column in card.columns if column.unit is None]
    if without:
        say(f"  no unit is said of {', '.join(without)}")


def _line(name: str, count: int, note: str = "") -> None:
    say(f"{name:<15}{count:>12,}   {note}".rstrip())


def _time(rows: int, seconds: float) -> None:
    rate = rows / seconds if seconds else 0.0
    say(f"{'time':<15}{seconds:>10,.1f} s   {rate:,.0f} rows/s")
