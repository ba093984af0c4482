"""``stratus finetune``: crystals with labels to models that predict them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stratus.cli.failures import reported
from stratus.cli.flags import (
    Config,
    Dialect,
    Folds,
    FormulaColumn,
    Members,
    Preset,
    Quiet,
    Resume,
    SpaceGroupColumn,
    set_flags,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratus.corpora.tables.read_tables import CrystalFiles
    from stratus.corpora.tables.table import Table
    from stratus.models.model import Model
    from stratus.tasks.task import Task
    from stratus.training.finetune.options import FinetuneOptions

FROM_SCRATCH = "none"
"""The name of no model; a folder of that name is ``./none``."""


def finetune(  # noqa: PLR0917 - one parameter for each flag
    table: Annotated[
        list[Path],
        typer.Argument(metavar="TABLE...", help="Crystals, SCOPE strings or formulas with labels."),
    ],
    target: Annotated[
        list[str],
        typer.Option(metavar="COL[:UNIT]", help="A column to learn; repeat it for several."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="BUNDLE", help="Folder of the model, new.")
    ],
    kind: Annotated[
        list[str] | None,
        typer.Option(metavar="COL=KIND", help="binary or multiclass, where not a number."),
    ] = None,
    per_cell: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="A target that doubles when the cell does."),
    ] = None,
    minimum: Annotated[
        list[str] | None,
        typer.Option(metavar="COL=VALUE", help="Predict nothing below it, such as gap=0."),
    ] = None,
    functional: Annotated[
        list[str] | None,
        typer.Option(metavar="COL=NAME", help="Functional of the labels, such as gap=PBE."),
    ] = None,
    physics: Annotated[
        str | None,
        typer.Option(metavar="LAW", help="debye or mixture: by it targets such as cv@300K."),
    ] = None,
    per: Annotated[
        str | None,
        typer.Option(help="What those are per: atom, formula or cell.  [default: atom]"),
    ] = None,
    atoms: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Column of the atoms of the cells those are per."),
    ] = None,
    folds: Folds = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="COL",
            help="Column of folds, or of train, validation and test; or a file of stratus corpora.",
        ),
    ] = None,
    formula: FormulaColumn = None,
    space_group: SpaceGroupColumn = None,
    dialect: Annotated[
        Dialect | None,
        typer.Option(help="How SCOPE is written.  [default: as the model reads it, else orbit]"),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="BUNDLE",
            help="Model to start from; none: from scratch.  [default: bundled, if it fits]",
        ),
    ] = None,
    keep_heads: Annotated[
        bool, typer.Option("--keep-heads", help="Go on from the model's heads for these targets.")
    ] = False,
    encoder: Annotated[
        str | None, typer.Option(help="Architecture, from scratch.  [default: orbit-set]")
    ] = None,
    preset: Preset = None,
    config: Config = None,
    epochs: Annotated[
        int | None, typer.Option(help="Times each crystal is seen at most.  [default: 100]")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Crystals in a step on average.  [default: 32]")
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate.  [default: 5e-4]")] = None,
    hide: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Share of crystals shown in part.  [default: 0]"),
    ] = None,
    members: Members = None,
    train_share: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Share of the training rows used.  [default: 1]"),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of folds, weights, order and dropout.")] = None,
    card: Annotated[
        Path | None,
        typer.Option(metavar="FILE.yaml", help="What the models' cards say: licences, data, use."),
    ] = None,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Learn properties of crystals from a table of labels.

    They are scored on rows that were not looked at.
    BUNDLE is one model of the nets of all folds; in it are the predictions of the test rows
    (predictions.csv) and their metrics beside simple models (metrics.json). Until it is whole,
    finished nets are kept in BUNDLE.parts, from where --resume goes on.
    """
    flags = {
        "encoder": encoder,
        "preset": preset,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": lr,
        "hide": hide,
        "members": members,
        "keep_heads": keep_heads or None,  # a file may ask for it
        "train_share": train_share,
        "seed": seed,
    }
    with reported(lambda: _hint(output)), ExitStack() as stack:
        from stratus.errors import InputError
        from stratus.training.finetune.card import check_card
        from stratus.training.finetune.kept import kept_nets
        from stratus.training.finetune.options import make_finetune_options
        from stratus.training.finetune.result_files import check_new
        from stratus.training.options import read_options

        if folds is not None and split is not None:
            raise InputError("give --folds or --split, not both")
        check_new(output)
        options = make_finetune_options(read_options(config) if config else {}, set_flags(flags))
        card_values = read_options(card) if card else None
        check_card(card_values)
        kept = stack.enter_context(kept_nets(output, resume=resume))

        from stratus.cli.finetune_report import Report
        from stratus.corpora.splits.files import is_split_file, with_split
        from stratus.corpora.tables.folds import from_column, kfold
        from stratus.corpora.tables.read_tables import CrystalFiles
        from stratus.scope import ScopeOptions
        from stratus.training.finetune.run import finetune as run

        report = Report(quiet=quiet)
        loaded, reason = _start(model, options, dialect)
        report.start(options, loaded, reason)
        reads = loaded.dialect if loaded is not None else Dialect.ORBIT
        split_file = Path(split) if split is not None and is_split_file(split) else None
        files = CrystalFiles(
            table,
            formula_column=formula,
            space_group_column=space_group,
            scope_options=ScopeOptions.model_validate({"dialect": str(dialect or reads)}),
        )
        if physics is None and (per is not None or atoms is not None):
            raise InputError("--per and --atoms are for targets of a law; give --physics with them")
        law = None if physics is None else set_flags({"law": physics, "per": per, "atoms": atoms})
        of = {
            "kind": _by_column("kind", kind, "binary"),
            "minimum": _by_column("minimum", minimum, "0"),
            "functional": _by_column("functional", functional, "PBE"),
        }
        fold_column = split if split_file is None else None
        read, tasks = _read(files, target, of, per_cell or [], fold_column, law)
        if split_file is not None:
            read = with_split(read, split_file)
        made = (
            from_column(read, seed=options.seed)
            if split is not None
            else kfold(read, 5 if folds is None else folds, options.seed)
        )
        report.table(read)
        if loaded is not None:
            report.seen(read, loaded)
        result = run(read, made, tasks, options, model=loaded, on_progress=report.show, kept=kept)
        result.save(output, card=card_values)
        kept.remove()
        report.finish(result, output)


def _start(
    model: str | None, options: FinetuneOptions, dialect: Dialect | None
) -> tuple[Model | None, str]:
    """Return the model to start from, or None and why there is none."""
    from stratus.models.loading import load_model
    from stratus.scope import Dialect as Way
    from stratus.training.finetune.start import default_model

    if model == FROM_SCRATCH:
        return None, ""
    if model is not None:
        return load_model(model), ""
    return default_model(options, Way(str(dialect or Dialect.ORBIT)))


def _hint(output: Path) -> str:
    from stratus.training.finetune.kept import KeptNets

    return KeptNets(output, resume=True).hint()


def _read(
    files: CrystalFiles,
    targets: list[str],
    of: Mapping[str, Mapping[str, str]],
    per_cell: list[str],
    fold_column: str | None,
    law: Mapping[str, str] | None,
) -> tuple[Table, list[Task]]:
    """Read the tables as one, and make the tasks, whose classes are those of the table."""
    from stratus.names import pick
    from stratus.tasks.task import check_names, make_task, parse_target

    of_law = {} if law is None else _of_law(files.columns, targets, law)
    given = [of_law.get(text) or parse_target(text) for text in targets]
    check_names(given)
    learned = {task.column: task for task in given if task.physics is None}
    for column in (*of["kind"], *of["minimum"], *per_cell):
        pick(learned, column, "target")
    for column in of["functional"]:
        pick({task.column: task for task in given}, column, "target")
    others = {task.atoms for task in of_law.values() if task.atoms is not None}
    wanted = dict.fromkeys([*(task.column for task in given), *sorted(others)])
    table = files.read(list(wanted), kinds=of["kind"], fold_column=fold_column)
    return table, [
        task.model_copy(update={"functional": of["functional"].get(task.column, "")})
        if task.physics is not None
        else make_task(
            {
                "column": task.column,
                "unit": task.unit,
                "kind": of["kind"].get(task.column, "regression"),
                "minimum": of["minimum"].get(task.column),
                "functional": of["functional"].get(task.column, ""),
                "per": "cell" if task.column in per_cell else "crystal",
                "classes": table.classes.get(task.column, ()),
            }
        )
        for task in given
    ]


def _by_column(flag: str, said: list[str] | None, such_as: str) -> dict[str, str]:
    """Return what COL=VALUE says of each column."""
    from stratus.errors import InputError

    found: dict[str, str] = {}
    for text in said or []:
        column, equals, value = text.rpartition("=")
        if not equals:
            raise InputError(f"the {flag} {text!r} names no column; write COL={such_as}")
        found[column] = value
    return found


def _of_law(
    there: frozenset[str] | None,
    targets: list[str],
    law: Mapping[str, str],
) -> dict[str, Task]:
    """Return the targets that are quantities at temperatures, by how they are written."""
    from stratus.errors import InputError
    from stratus.tasks.task import parse_physics_target

    found: dict[str, Task] = {}
    for text in targets:
        task = parse_physics_target(text, columns=there, **law)
        if task is None:
            continue
        for other in found.values():
            if other.column == task.column:
                raise InputError(
                    f"{other.name} and {task.name} would both be read from the column "
                    f"{task.column!r}; give each a column of its name"
                )
        found[text] = task
    if not found:
        raise InputError(
            "--physics is for quantities at temperatures, and no target is one; write such as "
            "--target cv@300K:J/mol/K"
        )
    return found
