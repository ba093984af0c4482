"""Flags that several commands have, and flags as options: what was not given is left to a file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stratus.inference.inputs import PredictOptions
    from stratus.inference.writing import WriteOptions

_T = TypeVar("_T")


class Dialect(StrEnum):
    """Ways to write SCOPE."""

    ORBIT = "orbit"
    PAPER = "paper"


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
OutputTable = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="OUT", help="The table: .csv, .parquet, .jsonl or .xlsx."
    ),
]
StructureColumn = Annotated[
    str | None,
    typer.Option(
        "--structure",
        metavar="COL",
        help="Table column of the structure.  [default: found by its name]",
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
    typer.Option(
        "--formula",
        metavar="COL",
        help="Table column of the formula.  [default: found by its name]",
    ),
]
SpaceGroupColumn = Annotated[
    str | None,
    typer.Option(
        "--space-group", metavar="COL", help="Table column of the space groups of formulas."
    ),
]
Symprec = Annotated[float, typer.Option(help="Distance tolerance of the symmetry search, in Å.")]
MaxAtoms = Annotated[int | None, typer.Option(help="Largest cell, in atoms.  [default: 2000]")]
NotPeriodic = Annotated[
    str | None,
    typer.Option(metavar="note|reject", help="What is not periodic along three axes."),
]
Stress = Annotated[
    str | None,
    typer.Option(metavar="WORDS", help="How inputs write stress: ase, vasp, or 'GPa tension'."),
]
Timeout = Annotated[float, typer.Option(metavar="SECONDS", help="Longest time for one crystal.")]
Workers = Annotated[
    int | None, typer.Option(help="Worker processes; 0 works in this one.  [default: one a core]")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")]
Bundle = Annotated[str, typer.Option(metavar="BUNDLE", help="Folder of a model, or bundled.")]
Interval = Annotated[
    float, typer.Option(metavar="SHARE", help="Share of crystals that intervals are to hold.")
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target", metavar="COL[:UNIT]", help="A column to learn; repeat it for several."
    ),
]
Split = Annotated[
    str | None,
    typer.Option(
        metavar="COL", help="Column of folds, or of train, validation and test; or a split file."
    ),
]
Encoder = Annotated[str | None, typer.Option(help="Architecture, where weights are fresh.")]
Preset = Annotated[
    str | None, typer.Option(help="Its sizes: nano, small or base.  [default: by the encoder]")
]
StartModel = Annotated[
    str | None,
    typer.Option("--model", metavar="BUNDLE", help="Model to start from; none: from scratch."),
]
Epochs = Annotated[int | None, typer.Option(help="Times each crystal is seen at most.")]
BatchSize = Annotated[int | None, typer.Option(help="Crystals in a step on average.")]
LearningRate = Annotated[float | None, typer.Option("--lr", help="Peak learning rate.")]
Seed = Annotated[int | None, typer.Option(help="Of whatever is drawn by chance.  [default: 0]")]
Overfit = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, help="Learn N rows by heart, as a check; no model is written."
    ),
]
Config = Annotated[
    Path | None, typer.Option(metavar="FILE.yaml", help="Options; those of the command line win.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Any other option, such as patience=5; repeat it."
    ),
]
Folds = Annotated[
    int | None, typer.Option(help="Folds to make; no crystal is in two parts.  [default: 5]")
]
Digits = Annotated[
    int | None,
    typer.Option(metavar="N", help="Significant digits.  [default: by the interval; 9 in files]"),
]
SafeCells = Annotated[
    bool,
    typer.Option("--safe-cells", help="Put a ' before texts that a spreadsheet would run."),
]
RejectsFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A table of the rejects with their reasons.")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop at the first reject, with exit code 1.")
]
KeepColumns = Annotated[
    bool, typer.Option("--keep-columns", help="Write the other columns of the inputs too.")
]
PictureKind = Annotated[str, typer.Option("--format", metavar="KIND", help="png, svg or pdf.")]


def set_flags(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the flags that are set on the command line."""
    return {name: value for name, value in values.items() if value is not None}


def option_layers(
    config: Path | None, flags: Mapping[str, Any], settings: Sequence[str] | None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the options of a file, of flags and of ``--set``, of which later ones win.

    Raises:
        stratus.errors.InputError: the file or a setting cannot be read, or a flag and a setting
            say the same.
    """
    from stratus.errors import InputError
    from stratus.training.option_layers import parse_settings, read_options

    given, found = set_flags(dict(flags)), parse_settings(settings or ())
    for name in given.keys() & found.keys() - {"tasks"}:
        raise InputError(f"{name} is set by a flag and by --set; set it once")
    return (read_options(config) if config else {}), given, found


def read_flags(
    structure: str | None = None,
    id_column: str | None = None,
    max_atoms: int | None = None,
    not_periodic: str | None = None,
    stress: str | None = None,
) -> dict[str, Any]:
    """Return the values of ``ReadOptions`` that were given as flags."""
    return set_flags(
        {
            "structure_column": structure,
            "id_column": id_column,
            "max_atoms": max_atoms,
            "not_periodic": not_periodic,
            "stress": stress,
        }
    )


def keep_flag(words: str) -> list[str]:
    """Return the facets that are named with commas between them: ``scope,atoms``.

    Raises:
        stratus.errors.InputError: one of them cannot be kept; the message gives the close names.
    """
    from stratus.crystals.facets import Facet
    from stratus.names import pick

    facets = {facet.value: facet.value for facet in (Facet.SCOPE, Facet.ATOMS)}
    return [pick(facets, word.strip(), "facet that a table keeps") for word in words.split(",")]


def made(make: Callable[[], _T]) -> _T:
    """Return options, or say in a sentence which of the flags cannot be.

    Raises:
        stratus.errors.InputError: a value was refused.
    """
    from pydantic import ValidationError

    from stratus.errors import InputError

    try:
        return make()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{name} cannot be {first['input']!r}: {first['msg']}") from None


def predict_options(
    read: dict[str, Any],
    *,
    symprec: float,
    workers: int | None,
    timeout: float,
    keep_columns: bool = False,
) -> PredictOptions:
    """Return how crystals are read and encoded that are to be predicted.

    Raises:
        stratus.errors.InputError: a value was refused.
    """
    from stratus.inference.inputs import PredictOptions

    values = {
        "read": read,
        "symprec": symprec,
        "workers": workers,
        "timeout_s": timeout,
        "keep_columns": keep_columns,
    }
    return made(lambda: PredictOptions.model_validate(values))


def write_options(**values: Any) -> WriteOptions:
    """Return how a table of predictions is written.

    Raises:
        stratus.errors.InputError: a value was refused.
    """
    from stratus.inference.writing import WriteOptions

    return made(lambda: WriteOptions.model_validate(values))


def end(rows: int, rejects: Mapping[str, int]) -> None:
    """End with exit code 1 if every crystal was rejected."""
    if rows and sum(rejects.values()) == rows:
        raise typer.Exit(1)
