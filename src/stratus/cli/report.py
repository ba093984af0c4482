"""``stratus report``: benchmark runs on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stratus.cli.failures import reported


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folders of `stratus benchmark`.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PAGE", help="The page to write, .html.")
    ],
    title: Annotated[str, typer.Option(help="Title of the page.")] = "Benchmarks",
) -> None:
    """Put benchmark runs on one page for any browser.

    It holds tables, parity, errors by kind of crystal, calibration, learning curves, and all that
    is needed to run them again.
    """
    with reported():
        from stratus.benchmarks.record import read_run
        from stratus.benchmarks.report_page import report_page
        from stratus.plots.crystal_page import write_page

        page = report_page([read_run(run) for run in runs], title=title)
        write_page(page, output)
        typer.echo(str(output))
