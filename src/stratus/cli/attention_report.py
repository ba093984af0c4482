"""What ``stratus attention`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from stratus.cli.console import Console, say

if TYPE_CHECKING:
    from stratus.studies.attention.job import Done
    from stratus.studies.attention.nulls import Rate


def print_report(done: Done) -> None:
    """Print the shares of each method beside chance and random weights, and the verdict."""
    report = done.report
    say(
        f"{report.crystals:,} crystals, {report.parts:.1f} tokens each, "
        f"{report.base_share:.1%} of them of the space group; layer {report.layer} of "
        f"{report.model}; gradients of {report.outputs}"
    )
    table = Table("scores", "k", box=box.SIMPLE)
    for name in ("share of the space group", "chance", "random weights", "at least one", "chance"):
        table.add_column(name, justify="right")
    for name, method in report.methods.items():
        for mine, other in zip(method.trained, method.random, strict=True):
            table.add_row(
                name,
                str(mine.k),
                _rate(mine.share),
                f"{mine.share.null:.3f}",
                _rate(other.share),
                _rate(mine.at_least_one),
                f"{mine.at_least_one.null:.3f}",
            )
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=120)
    console.print(table)
    for name, method in report.methods.items():
        same = method.with_random
        say(
            f"{name}: rank correlation with random weights {same.mean:+.2f} "
            f"[{same.lo:+.2f}, {same.hi:+.2f}], with attention {method.with_attention.mean:+.2f}"
        )
    for sentence in report.verdict:
        say(sentence)
    for code, count in sorted(done.rejects.items()):
        say(f"rejected       {count:,}   {code}")
    for path in done.files:
        say(str(path))


def _rate(rate: Rate) -> str:
    return f"{rate.value:.3f} [{rate.lo:.3f}, {rate.hi:.3f}]"
