"""``stratus thermo``: heat capacity, energies and entropy of any crystals, over temperature."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stratus.cli.failures import reported


def thermo(  # noqa: PLR0917 - one parameter for each flag
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Crystal files, tables, archives or folders of them; - reads standard input.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="The table to write, .csv.")
    ],
    t_min: Annotated[float, typer.Option(metavar="K", help="Lowest temperature, in K.")] = 0.0,
    t_max: Annotated[float, typer.Option(metavar="K", help="Highest temperature, in K.")] = 1500.0,
    step: Annotated[float, typer.Option(metavar="K", help="From one to the next, in K.")] = 10.0,
    per: Annotated[
        str, typer.Option(metavar="WHAT", help="What a mole is of: atom, formula or cell.")
    ] = "atom",
    interval: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of crystals that intervals are to hold.")
    ] = 0.9,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="A picture of the first seven, .png, .svg or .pdf."),
    ] = None,
    model: Annotated[
        str, typer.Option(metavar="BUNDLE", help="Folder of a model, or bundled.")
    ] = "bundled",
    symprec: Annotated[
        float, typer.Option(help="Distance tolerance of the symmetry search, in Å.")
    ] = 0.01,
    workers: Annotated[
        int | None,
        typer.Option(help="Worker processes; 0 works in this one.  [default: one a core]"),
    ] = None,
    max_atoms: Annotated[
        int | None, typer.Option(help="Largest cell, in atoms.  [default: 2000]")
    ] = None,
    structure: Annotated[
        str | None,
        typer.Option(
            metavar="COL", help="Table column of the structure.  [default: found by its name]"
        ),
    ] = None,
    id: Annotated[  # noqa: A002 - the flag's name
        str | None,
        typer.Option(
            "--id", metavar="COL", help="Table column of the id.  [default: found by its name]"
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Longest time for one crystal.")
    ] = 60.0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    progress: Annotated[
        bool, typer.Option("--progress/--no-progress", help="Show a progress bar on a terminal.")
    ] = True,
) -> None:
    """Give heat capacity, internal energy, entropy and free energy over temperature.

    They are of the vibrations of a crystal of fixed volume: C_v, not C_p. OUT gets a line for each
    crystal and temperature, and one for each crystal that can not be read; it appears when it is
    whole. The model needs the head of a law (stratus finetune --physics).
    """
    with reported(lambda: "Nothing was written."):
        from stratus.cli.predict import read_options
        from stratus.cli.thermo_report import Report
        from stratus.inference.thermo import temperature_range, thermo_corpus
        from stratus.inference.writing import check_output
        from stratus.models.loading import load
        from stratus.models.thermo import require_law

        temperatures = temperature_range(t_min, t_max, step)
        if plot is not None:
            check_output(inputs, plot, (".png", ".svg", ".pdf"))
        options = read_options(
            read={"structure_column": structure, "id_column": id}
            | ({"max_atoms": max_atoms} if max_atoms is not None else {}),
            symprec=symprec,
            workers=workers,
            timeout_s=timeout,
        )
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
