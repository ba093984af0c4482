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

    Models that were run on the same rows are compared row by row, which is printed too. The page
    holds tables, parity, errors by kind of crystal, calibration, learning curves, and all that
    is needed to run them again.
    """
    with reported():
        from stratus.benchmarks.record import read_run
        from stratus.benchmarks.report_page import report_page
        from stratus.benchmarks.run_pairs import paired_runs
        from stratus.cli.benchmark_report import pair_line
        from stratus.plots.crystal_page import write_page

        read = [read_run(run) for run in runs]
        write_page(report_page(read, title=title), output)
        for pair in paired_runs(read):
            typer.echo(pair_line(pair))
        typer.echo(str(output))
