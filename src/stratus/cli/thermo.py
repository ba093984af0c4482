"""``stratus thermo``: heat capacity, energies and entropy of any crystals, over temperature."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stratus.cli.failures import reported
from stratus.cli.flags import (
    Bundle,
    IdColumn,
    Inputs,
    Interval,
    MaxAtoms,
    Progress,
    Quiet,
    StructureColumn,
    Symprec,
    Timeout,
    Workers,
    predict_options,
    read_flags,
)


def thermo(  # noqa: PLR0917 - one parameter for each flag
    inputs: Inputs,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="The table to write, .csv.")
    ],
    t_min: Annotated[float, typer.Option(metavar="K", help="Lowest temperature, in K.")] = 0.0,
    t_max: Annotated[float, typer.Option(metavar="K", help="Highest temperature, in K.")] = 1500.0,
    step: Annotated[float, typer.Option(metavar="K", help="From one to the next, in K.")] = 10.0,
    per: Annotated[
        str, typer.Option(metavar="WHAT", help="What a mole is of: atom, formula or cell.")
    ] = "atom",
    interval: Interval = 0.9,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="A picture of the first seven, .png, .svg or .pdf."),
    ] = None,
    model: Bundle = "bundled",
    symprec: Symprec = 0.01,
    workers: Workers = None,
    max_atoms: MaxAtoms = None,
    structure: StructureColumn = None,
    id_column: IdColumn = None,
    timeout: Timeout = 60.0,
    quiet: Quiet = False,
    progress: Progress = True,
) -> None:
    """Give heat capacity, energies and entropy over temperature.

    They are of the vibrations of a crystal of fixed volume: C_v, not C_p. OUT gets a line for each
    crystal and temperature, and one for each crystal that can not be read; it appears when it is
    whole. The model needs the head of a law (stratus finetune --physics).
    """
    with reported(lambda: "Nothing was written."):
        from stratus.cli.thermo_report import Report
        from stratus.inference.thermo import temperature_range, thermo_corpus
        from stratus.inference.writing import check_output
        from stratus.models.loading import load
        from stratus.models.thermo import require_law

        temperatures = temperature_range(t_min, t_max, step)
        if plot is not None:
            check_output(inputs, plot, (".png", ".svg", ".pdf"))
        read = read_flags(structure, id_column, max_atoms)
        options = predict_options(read, symprec=symprec, workers=workers, timeout=timeout)
        loaded = load(model)
        require_law(loaded)
        with Report(per, interval, inputs, progress=progress, quiet=quiet) as report:
            summary = thermo_corpus(
                inputs,
                output,
                loaded,
                temperatures,
                per=per,
                interval=interval,
                options=options,
                on_window=report.window,
            )
        report.finish(summary)
        if plot is not None:
            report.draw(plot)
