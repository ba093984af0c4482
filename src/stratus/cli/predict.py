"""``stratus predict``: properties of any crystals, with how sure they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stratus.cli.failures import reported
from stratus.cli.flags import (
    Bundle,
    IdColumn,
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


def predict(  # noqa: PLR0917 - one parameter for each flag
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT...",
            help="Crystal files, tables, archives or folders of them; - reads standard input.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="OUT", help="The table to write, .csv."),
    ] = None,
    model: Bundle = "bundled",
    interval: Interval = 0.9,
    formula: Annotated[
        str | None,
        typer.Option(metavar="FORMULA", help="Predict for a formula, instead of INPUT."),
    ] = None,
    space_group: Annotated[
        str | None,
        typer.Option(metavar="GROUP", help="Its space group, by number or symbol, if known."),
    ] = None,
    symprec: Symprec = 0.01,
    workers: Workers = None,
    max_atoms: MaxAtoms = None,
    structure: StructureColumn = None,
    id_column: IdColumn = None,
    timeout: Timeout = 60.0,
    quiet: Quiet = False,
    progress: Progress = True,
) -> None:
    """Predict the properties of crystals, with intervals.

    OUT gets one row for each crystal, in the order of the inputs, those that can not be read
    included; it appears when it is whole. Tables of SCOPE strings or of formulas are inputs too.
    With --formula the predictions for one formula are printed.
    """
    with reported(lambda: "Nothing was written."):
        from stratus.errors import InputError

        if space_group is not None and formula is None:
            raise InputError("--space-group belongs to --formula; give both")
        if bool(inputs) == (formula is not None):
            raise InputError("give files or folders of crystals, or else --formula FORMULA")
        if formula is not None:
            if output is not None:
                raise InputError("--formula prints its predictions; leave out --output")
            _predict_formula(formula, space_group, model, interval)
            return
        if output is None:
            raise InputError("name the table to write with -o OUT.csv")
        from stratus.cli.predict_report import Report
        from stratus.inference import predict_corpus
        from stratus.models.loading import load

        read = read_flags(structure, id_column, max_atoms)
        options = predict_options(read, symprec=symprec, workers=workers, timeout=timeout)
        loaded = load(model)
        with Report(loaded, inputs or [], progress=progress, quiet=quiet) as report:
            summary = predict_corpus(
                inputs or [],
                output,
                loaded,
                interval=interval,
                options=options,
                on_window=report.window,
            )
        report.finish(summary)


def _predict_formula(formula: str, space_group: str | None, bundle: str, interval: float) -> None:
    from stratus.cli.predict_report import print_one
    from stratus.models.loading import load
    from stratus.scope.partial import noted_scope

    text, notes = noted_scope(formula, space_group)
    for note in notes:
        typer.echo(f"{formula}: {note}", err=True)
    model = load(bundle)
    print_one(model, model.predict(text, interval=interval), interval)
