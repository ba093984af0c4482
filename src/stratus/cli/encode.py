"""``stratus encode``: any crystals to a table of SCOPE strings, of atoms, or of both."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stratus.cli.failures import reported
from stratus.cli.flags import (
    Dialect,
    IdColumn,
    Inputs,
    MaxAtoms,
    NotPeriodic,
    Progress,
    Quiet,
    Resume,
    SafeCells,
    Stress,
    Strict,
    StructureColumn,
    Symprec,
    Timeout,
    Workers,
    keep_flag,
    made,
    read_flags,
)


class Backend(StrEnum):
    """Symmetry finders."""

    MOYOPY = "moyopy"
    SPGLIB = "spglib"


class Engine(StrEnum):
    """Where the work is done."""

    LOCAL = "local"
    RAY = "ray"


def encode(  # noqa: PLR0917 - one parameter for each flag
    inputs: Inputs,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="OUT", help="The table to write, .parquet or .csv."),
    ],
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where rejects go.  [default: OUT with .rejects.csv]"),
    ] = None,
    keep: Annotated[
        str,
        typer.Option(
            metavar="scope,atoms",
            help="What is kept of each crystal: its SCOPE string, its atoms, or both.",
        ),
    ] = "scope",
    dialect: Annotated[Dialect, typer.Option(help="How SCOPE is written.")] = Dialect.ORBIT,
    symprec: Symprec = 0.01,
    angle_tolerance: Annotated[
        float | None,
        typer.Option(help="Angle tolerance, in degrees.  [default: follows from symprec]"),
    ] = None,
    backend: Annotated[
        Backend | None,
        typer.Option(help="What finds the symmetry.  [default: moyopy; spglib for paper]"),
    ] = None,
    workers: Workers = None,
    resume: Resume = False,
    strict: Strict = False,
    safe_cells: SafeCells = False,
    max_atoms: MaxAtoms = None,
    not_periodic: NotPeriodic = None,
    stress: Stress = None,
    structure: StructureColumn = None,
    id_column: IdColumn = None,
    timeout: Timeout = 60.0,
    engine: Annotated[Engine, typer.Option(help="This machine, or a Ray cluster.")] = Engine.LOCAL,
    quiet: Quiet = False,
    progress: Progress = True,
) -> None:
    """Encode crystals to a table with one SCOPE string a row.

    Every crystal ends as a row of OUT or a row of the rejects file. OUT appears when it is whole;
    until then finished rows are kept in OUT.parts, from where --resume goes on.

    With --keep atoms a row has lattice, species and frac_coords as they were read, and no symmetry
    is searched. Such a table is read again like any other with structures.
    """
    with reported(lambda: _hint(Path(f"{output}.parts"))):
        from stratus.cli.encode_report import print_summary, progress_bar
        from stratus.corpora.encoding.job import encode_corpus
        from stratus.corpora.encoding.options import EncodeOptions

        values = {
            "read": read_flags(structure, id_column, max_atoms, not_periodic, stress),
            "keep": keep_flag(keep),
            "scope": {
                "dialect": dialect.value,
                "symprec": symprec,
                "angle_tolerance": angle_tolerance,
                "backend": backend.value if backend else None,
            },
            "rejects": str(rejects) if rejects else None,
            "workers": workers,
            "resume": resume,
            "strict": strict,
            "safe_cells": safe_cells,
            "timeout_s": timeout,
            "engine": engine.value,
        }
        options = made(lambda: EncodeOptions.model_validate(values))
        with progress_bar(inputs, shown=progress and not quiet) as on_progress:
            summary = encode_corpus(inputs, output, options, on_progress)
        if not quiet:
            print_summary(summary)


def _hint(parts: Path) -> str:
    if not parts.exists():
        return "Nothing was finished yet."
    return f"Finished rows are kept in {parts}: repeat the command with --resume to go on."
