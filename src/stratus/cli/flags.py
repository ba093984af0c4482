"""Flags that several commands have, and flags as options: what was not given is left to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Progress = Annotated[
    bool, typer.Option("--progress/--no-progress", help="Show a progress bar on a terminal.")
]
Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Crystal files, tables, archives or folders of them; - reads standard input.",
    ),
]
StructureColumn = Annotated[
    str | None,
    typer.Option(
        metavar="COL", help="Table column of the structure.  [default: found by its name]"
    ),
]
IdColumn = Annotated[
    str | None,
    typer.Option(
        "--id", metavar="COL", help="Table column of the id.  [default: found by its name]"
    ),
]
FormulaColumn = Annotated[
    str | None,
    typer.Option(metavar="COL", help="Column of formulas, where it is not called formula."),
]
SpaceGroupColumn = Annotated[
    str | None, typer.Option(metavar="COL", help="Column of the space groups of formulas.")
]
Symprec = Annotated[float, typer.Option(help="Distance tolerance of the symmetry search, in Å.")]
MaxAtoms = Annotated[int | None, typer.Option(help="Largest cell, in atoms.  [default: 2000]")]
Timeout = Annotated[float, typer.Option(metavar="SECONDS", help="Longest time for one crystal.")]
Workers = Annotated[
    int | None, typer.Option(help="Worker processes; 0 works in this one.  [default: one a core]")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")]
Bundle = Annotated[str, typer.Option(metavar="BUNDLE", help="Folder of a model, or bundled.")]
Interval = Annotated[
    float, typer.Option(metavar="SHARE", help="Share of crystals that intervals are to hold.")
]
Config = Annotated[
    Path | None, typer.Option(metavar="FILE.yaml", help="Options; those of the command line win.")
]
Preset = Annotated[
    str | None, typer.Option(help="Its sizes: nano, small or base.  [default: nano]")
]
Folds = Annotated[
    int | None, typer.Option(help="Folds to make; no crystal is in two parts.  [default: 5]")
]
Members = Annotated[
    int | None, typer.Option(help="Nets for each fold, with other seeds.  [default: 1]")
]
PictureKind = Annotated[str, typer.Option("--format", metavar="KIND", help="png, svg or pdf.")]


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the flags that were given."""
    return {name: value for name, value in values.items() if value is not None}
