"""``stratus predict``: properties of any crystals, with how sure they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stratus.cli.failures import reported
from stratus.cli.flags import (
    Bundle,
    Digits,
    IdColumn,
    Interval,
    KeepColumns,
    MaxAtoms,
    NotPeriodic,
    OutputTable,
    Progress,
    Quiet,
    RejectsFile,
    SafeCells,
    Stress,
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

_FIRST, _SHOWN = 10, 20
"""Rows that are shown beside a table, and without one."""

_FILES = {".cif", ".csv", ".parquet", ".xlsx", ".json", ".vasp", ".zip"}


def predict(  # noqa: PLR0917 - one parameter for each flag
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT...",
            help="Crystal files, tables, archives or folders of them, SCOPE strings or formulas; "
            "- reads standard input.",
        ),
    ] = None,
    output: OutputTable = None,
    model: Bundle = "bundled",
    interval: Interval = 0.9,
    formula: Annotated[
        list[str] | None,
        typer.Option(metavar="FORMULA...", help="Predict for formulas, instead of INPUT."),
    ] = None,
    space_group: Annotated[
        list[str] | None,
        typer.Option(metavar="GROUP", help="Space group of the formulas, by number or symbol."),
    ] = None,
    digits: Digits = None,
    units: Annotated[
        bool, typer.Option("--units", help="Write GPa beside log10(GPa), and the like.")
    ] = False,
    keep_columns: KeepColumns = False,
    rejects: RejectsFile = None,
    strict: Strict = False,
    safe_cells: SafeCells = False,
    symprec: Symprec = 0.01,
    workers: Workers = None,
    max_atoms: MaxAtoms = None,
    not_periodic: NotPeriodic = None,
    stress: Stress = None,
    structure: StructureColumn = None,
    id_column: IdColumn = None,
    timeout: Timeout = 60.0,
    quiet: Quiet = False,
    progress: Progress = True,
) -> None:
    """Predict the properties of crystals, with intervals.

    OUT gets one row for each crystal, in the order of the inputs, those that cannot be read
    included; it appears when it is whole. Without it the first rows are printed. Tables of SCOPE
    strings or of formulas are inputs too. Formulas may also follow --formula, one or several.
    """
    with reported(lambda: "Nothing was written."):
        from stratus.cli.predict_report import Report
        from stratus.inference.jobs.predict import predict_corpus, predict_formulas
        from stratus.inference.predictor import load

        formulas = _formulas(inputs or [], formula, space_group)
        read = read_flags(structure, id_column, max_atoms, not_periodic, stress)
        options = predict_options(
            read, symprec=symprec, workers=workers, timeout=timeout, keep_columns=keep_columns
        )
        write = write_options(
            digits=digits, units=units, safe_cells=safe_cells, rejects=rejects, strict=strict
        )
        loaded = load(model)
        named = [] if formulas else inputs or []
        report = Report(
            loaded.model,
            named,
            interval,
            units=units,
            digits=digits,
            first=_SHOWN if output is None else _FIRST,
            progress=progress,
            quiet=quiet,
        )
        with report:
            if formulas:
                summary = predict_formulas(
                    formulas,
                    output,
                    loaded,
                    space_groups=space_group or (),
                    interval=interval,
                    write=write,
                    on_window=report.window,
                )
            else:
                summary = predict_corpus(
                    named,
                    output,
                    loaded,
                    interval=interval,
                    options=options,
                    write=write,
                    on_window=report.window,
                )
        report.finish(summary)
        end(summary.rows, summary.rejects)


def _formulas(
    inputs: list[str], formulas: list[str] | None, space_groups: list[str] | None
) -> list[str]:
    """Return the formulas behind the flag: click takes the second of several for an input."""
    from stratus.errors import InputError

    if not formulas:
        if space_groups:
            raise InputError("--space-group belongs to --formula; give both")
        if not inputs:
            raise InputError("give files or folders of crystals, or else --formula FORMULA")
        return []
    for item in inputs:
        if item == "-" or Path(item).exists() or Path(item).suffix.lower() in _FILES:
            raise InputError(
                f"give files or folders of crystals, or else --formula FORMULA; {item} is a file"
            )
    return [*formulas, *inputs]
