"""``stratus thermo``: heat capacity, energies and entropy of any crystals, over temperature."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stratus.cli.failures import reported
from stratus.cli.flags import (
    Bundle,
    Digits,
    IdColumn,
    Inputs,
    Interval,
    KeepColumns,
    MaxAtoms,
    OutputTable,
    Progress,
    Quiet,
    RejectsFile,
    SafeCells,
    Strict,
    StructureColumn,
    Symprec,
    Timeout,
    Workers,
    end,
    predict_options,
    read_flags,
    write_options,
)


def thermo(  # noqa: PLR0917 - one parameter for each flag
    inputs: Inputs,
    output: OutputTable = None,
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
    digits: Digits = None,
    keep_columns: KeepColumns = False,
    rejects: RejectsFile = None,
    strict: Strict = False,
    safe_cells: SafeCells = False,
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
    crystal and temperature, and one for each crystal that cannot be read; it appears when it is
    whole. Without it the first crystals are printed. The model needs the head of a law (stratus
    finetune --set law=...).
    """
    with reported(lambda: "Nothing was written."):
        from stratus.cli.thermo_report import Report
        from stratus.inference.curves import require_law
        from stratus.inference.jobs.thermo import temperature_range, thermo_corpus
        from stratus.inference.predictor import load
        from stratus.inference.writing import check_output

        temperatures = temperature_range(t_min, t_max, step)
        if plot is not None:
            check_output(inputs, plot, (".png", ".svg", ".pdf"))
        read = read_flags(structure, id_column, max_atoms)
        options = predict_options(
            read, symprec=symprec, workers=workers, timeout=timeout, keep_columns=keep_columns
        )
        write = write_options(digits=digits, safe_cells=safe_cells, rejects=rejects, strict=strict)
        loaded = load(model)
        require_law(loaded.model)
        report = Report(
            per, interval, inputs, loaded.model, digits=digits, progress=progress, quiet=quiet
        )
        with report:
            summary = thermo_corpus(
                inputs,
                output,
                loaded,
                temperatures,
                per=per,
                interval=interval,
                options=options,
                write=write,
                on_window=report.window,
            )
        report.finish(summary)
        if plot is not None:
            report.draw(plot)
        end(summary.crystals, summary.rejects)
