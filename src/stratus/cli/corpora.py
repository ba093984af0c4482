"""``stratus corpora``: thin, clean, split and describe tables of crystals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stratus.cli.failures import reported
from stratus.cli.flags import (
    FormulaColumn,
    IdColumn,
    Progress,
    Quiet,
    SpaceGroupColumn,
    StructureColumn,
    read_flags,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratus.corpora.keys import Key
    from stratus.corpora.tables.folds import Fold
    from stratus.corpora.tables.table import Table

app = typer.Typer(
    name="corpora",
    help="Thin, clean, split and describe tables of crystals.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_GROUPS = {
    "random": "none",
    "formula": "composition",
    "scope": "scope",
    "chemical-system": "chemical-system",
    "prototype": "prototype",
}
_TIME = "time"
_FRACTIONS = (0.8, 0.1, 0.1)

_Removed = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Where the rows left out are listed, .csv or .parquet."),
]
_Workers = Annotated[
    int | None,
    typer.Option(help="Processes that encode structures; 0: this one.  [default: one a core]"),
]


@app.command()
def dedupe(  # noqa: PLR0917 - one parameter for each flag
    table: Annotated[
        list[Path], typer.Argument(metavar="TABLE...", help="Parquets of stratus encode.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="The table to write, .parquet.")
    ],
    by: Annotated[
        str, typer.Option(metavar="KEY", help="What one crystal is: scope or formula-group.")
    ] = "scope",
    energy: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Energies per atom; the row with the lowest is kept."),
    ] = None,
    volume: Annotated[
        str, typer.Option(metavar="COL", help="Volumes per atom; the smallest is kept, then.")
    ] = "volume_per_atom",
    no_volume: Annotated[
        bool, typer.Option("--no-volume", help="Do not ask for volumes; the first id is kept.")
    ] = False,
    removed: _Removed = None,
    quiet: Quiet = False,
    progress: Progress = True,
) -> None:
    """Keep one row of each crystal.

    OUT holds the rows kept, in the order of the tables, and appears when it is whole.
    """
    with reported(lambda: "Nothing was written."):
        from stratus.cli.corpora_report import print_dedupe, rows_bar
        from stratus.corpora.dedupe import DedupeOptions
        from stratus.corpora.dedupe import dedupe as run

        options = DedupeOptions.model_validate(
            {
                "by": _key(by),
                "energy": energy,
                "volume": None if no_volume else volume,
            }
        )
        with rows_bar("thinning", table, passes=2, shown=progress and not quiet) as on_rows:
            summary = run(table, output, options, removed=removed, on_rows=on_rows)
        if not quiet:
            print_dedupe(summary, options, removed)


@app.command()
def decontaminate(  # noqa: PLR0917 - one parameter for each flag
    corpus: Annotated[Path, typer.Argument(metavar="CORPUS", help="A Parquet of stratus encode.")],
    against: Annotated[
        list[str],
        typer.Option(metavar="TABLE", help="Crystals that must not be in it; repeat it."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="The table to write, .parquet.")
    ],
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY", help="id, scope, formula, ...; repeat it.  [default: these three]"
        ),
    ] = None,
    removed: _Removed = None,
    id_column: IdColumn = None,
    structure: StructureColumn = None,
    formula: FormulaColumn = None,
    space_group: SpaceGroupColumn = None,
    workers: _Workers = None,
    quiet: Quiet = False,
    progress: Progress = True,
) -> None:
    """Leave out the crystals that stand in other tables.

    A TABLE holds structures, SCOPE strings or formulas. OUT holds the rows kept, in their order,
    and appears when it is whole.
    """
    with reported(lambda: "Nothing was written."):
        from stratus.cli.corpora_report import print_decontaminate, rows_bar
        from stratus.corpora.decontaminate import KEYS
        from stratus.corpora.decontaminate import decontaminate as run
        from stratus.corpora.encoding.options import EncodeOptions

        keys = [_key(text) for text in by] if by else KEYS
        with rows_bar("cleaning", [corpus], passes=1, shown=progress and not quiet) as on_rows:
            summary = run(
                corpus,
                [Path(name) for name in against],
                output,
                by=keys,
                removed=removed,
                options=EncodeOptions.model_validate(
                    {"workers": workers, "read": read_flags(structure, id_column)}
                ),
                formula_column=formula,
                space_group_column=space_group,
                on_rows=on_rows,
            )
        if not quiet:
            print_decontaminate(summary, removed)


@app.command()
def split(  # noqa: PLR0917 - one parameter for each flag
    table: Annotated[
        list[Path],
        typer.Argument(metavar="TABLE...", help="Crystals, SCOPE strings or formulas."),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="SPLIT", help="The file to write: .csv, .parquet."),
    ],
    by: Annotated[
        str,
        typer.Option(
            metavar="RULE",
            help="random, formula, scope, chemical-system, prototype or time.",
        ),
    ],
    fractions: Annotated[
        tuple[float, float, float] | None,
        typer.Option(
            metavar="TRAIN VALIDATION TEST", help="Shares of the rows.  [default: 0.8 0.1 0.1]"
        ),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Folds, each of which is the test once, instead of shares.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Which lot.")] = 0,
    time: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Column of years or dates, for --by time."),
    ] = None,
    id_column: IdColumn = None,
    structure: StructureColumn = None,
    formula: FormulaColumn = None,
    space_group: SpaceGroupColumn = None,
    workers: _Workers = None,
    quiet: Quiet = False,
) -> None:
    """Split crystals into parts or folds.

    Parts are training, validation and test rows.
    SPLIT holds the part of each id, for stratus finetune --split SPLIT; its card beside it says how
    it was made. What of the test a model meets in training is printed.
    """
    with reported(lambda: "Nothing was written."):
        from stratus.cli.corpora_report import print_split
        from stratus.corpora.encoding.options import EncodeOptions
        from stratus.corpora.splits.files import check_split_path, write_split
        from stratus.corpora.tables.read_tables import read_all_crystals
        from stratus.errors import InputError
        from stratus.names import pick

        pick({**_GROUPS, _TIME: _TIME}, by, "rule")
        if (by == _TIME) != (time is not None):
            raise InputError("--by time and --time COL belong together; give both or neither")
        if folds is not None and (fractions is not None or by == _TIME):
            raise InputError("give --folds or --fractions, not both; time makes no folds")
        check_split_path(output)
        read = read_all_crystals(
            table,
            fold_column=time,
            formula_column=formula,
            space_group_column=space_group,
            options=EncodeOptions.model_validate(
                {"workers": workers, "read": read_flags(structure, id_column)}
            ),
        )
        made = _make(read, by, folds, fractions or _FRACTIONS, seed)
        how = {
            "by": by,
            "seed": None if by == _TIME else seed,
            "folds": folds,
            "fractions": None if folds is not None else fractions or _FRACTIONS,
            "time_column": time,
        }
        card = write_split(output, read, made, how, table)
        if not quiet:
            print_split(card, output, read)


def _make(
    table: Table,
    by: str,
    folds: int | None,
    fractions: tuple[float, float, float],
    seed: int,
) -> Sequence[Fold]:
    from stratus.corpora.splits.shares import by_shares, by_time
    from stratus.corpora.tables.folds import kfold

    if by == _TIME:
        return [by_time(table, fractions)]
    if folds is not None:
        return kfold(table, folds, seed, group=_GROUPS[by])
    return [by_shares(table, fractions, seed, group=_GROUPS[by])]


@app.command()
def card(  # noqa: PLR0917 - one parameter for each flag
    table: Annotated[
        list[Path],
        typer.Argument(metavar="TABLE...", help="Tables to describe; or one card, to check it."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="CARD", help="The card to write.  [default: beside the table]"
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the data set.  [default: that of the table]")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Its licence, as an SPDX name if there is one.")
    ] = None,
    origin: Annotated[
        str | None, typer.Option(help="Where it is from: a link or a citation.")
    ] = None,
    summary: Annotated[str, typer.Option(help="What it is, in one sentence.")] = "",
    unit: Annotated[
        list[str] | None,
        typer.Option(metavar="COL=UNIT", help="Unit of a column; repeat it."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write the card of a data set, or check one.

    A card that is there is held against its files.
    """
    with reported(lambda: "Nothing was written."):
        from stratus.cli.corpora_report import print_card
        from stratus.corpora.cards.files import (
            card_path,
            check_files,
            describe,
            read_data_card,
            write_data_card,
        )
        from stratus.errors import InputError

        if len(table) == 1 and table[0].suffix in {".yaml", ".yml"}:
            found = read_data_card(table[0])
            check_files(found, table[0].parent)
            if not quiet:
                print_card(found, table[0], "fits its files")
            return
        if licence is None or origin is None:
            raise InputError("a card needs --licence and --origin; give both")
        path = output or card_path(table[0])
        made = describe(
            table,
            name=name or table[0].stem,
            licence=licence,
            origin=origin,
            summary=summary,
            units=dict(map(_unit, unit or [])),
        )
        write_data_card(path, made)
        if not quiet:
            print_card(made, path, "written")


def _unit(text: str) -> tuple[str, str]:
    from stratus.errors import InputError

    column, equals, unit = text.rpartition("=")
    if not equals or not column:
        raise InputError(f"the unit {text!r} names no column; write COL=UNIT")
    return column, unit


def _key(text: str) -> Key:
    from stratus.corpora.keys import Key
    from stratus.names import pick

    return pick({key.value: key for key in Key}, text, "key")
