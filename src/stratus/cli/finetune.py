"""``stratus finetune``: crystals with labels to models that predict them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stratus.cli.failures import reported
from stratus.cli.flags import (
    BatchSize,
    Config,
    Dialect,
    Encoder,
    Epochs,
    Folds,
    FormulaColumn,
    IdColumn,
    LearningRate,
    Overfit,
    Preset,
    Quiet,
    Resume,
    Seed,
    Settings,
    SpaceGroupColumn,
    Split,
    StartModel,
    StructureColumn,
    Targets,
    option_layers,
)

if TYPE_CHECKING:
    from stratus.corpora.tables.folds import Fold
    from stratus.corpora.tables.table import Table
    from stratus.training.finetune.options import FinetuneOptions

FOLDS = 5
"""Folds that are made where nothing is said."""


def finetune(  # noqa: PLR0917 - one parameter for each flag
    table: Annotated[
        list[Path],
        typer.Argument(metavar="TABLE...", help="Crystals, SCOPE strings or formulas with labels."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="BUNDLE", help="Folder of the model, new."),
    ] = None,
    target: Targets = None,
    split: Split = None,
    folds: Folds = None,
    encoder: Encoder = None,
    preset: Preset = None,
    model: StartModel = None,
    epochs: Epochs = None,
    lr: LearningRate = None,
    batch_size: BatchSize = None,
    seed: Seed = None,
    config: Config = None,
    settings: Settings = None,
    id_column: IdColumn = None,
    structure: StructureColumn = None,
    formula: FormulaColumn = None,
    space_group: SpaceGroupColumn = None,
    dialect: Annotated[
        Dialect | None,
        typer.Option(help="How SCOPE is written.  [default: as the model reads it, else orbit]"),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(metavar="FILE.yaml", help="What the models' cards say: licences, data, use."),
    ] = None,
    overfit: Overfit = None,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Learn properties of crystals from a table of labels.

    They are scored on rows that were not looked at.
    BUNDLE is one model of the nets of all folds; in it are the predictions of the test rows
    (predictions.csv) and their metrics beside simple models (metrics.json). Until it is whole,
    finished nets are kept in BUNDLE.parts, from where --resume goes on.

    Without --encoder and --model, tables with coordinates are learned from atoms and others from
    the bundled model of symmetry. Epochs, batch size and the like, where they are not set, are what
    is usual for the encoder; docs/reference/encoders.md lists it.

    What belongs to a target is set by its name: --set tasks.gap.minimum=0.
    """
    flags = {
        "tasks": target,
        "encoder": encoder,
        "preset": preset,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": lr,
        "seed": seed,
    }
    with reported(lambda: _hint(output)), ExitStack() as stack:
        from stratus.errors import InputError
        from stratus.training.finetune.card import check_card
        from stratus.training.finetune.kept import kept_nets
        from stratus.training.finetune.options import make_finetune_options
        from stratus.training.finetune.result_files import check_new
        from stratus.training.option_layers import read_options

        if folds is not None and split is not None:
            raise InputError("give --folds or --split, not both")
        if (output is None) == (overfit is None):
            raise InputError("name the folder of the model with -o; with --overfit there is none")
        if output is not None:
            check_new(output)
        options = make_finetune_options(*option_layers(config, flags, settings))
        card_values = read_options(card) if card else None
        check_card(card_values)
        kept = stack.enter_context(kept_nets(output, resume=resume)) if output else None

        from stratus.cli.finetune_report import Report
        from stratus.corpora.splits.files import is_split_file, with_split
        from stratus.corpora.tables.read_tables import CrystalFiles
        from stratus.training.device import is_first_process
        from stratus.training.finetune.choice import choose
        from stratus.training.finetune.reading import read_for
        from stratus.training.finetune.run import finetune as run
        from stratus.training.finetune.start import read_facet

        report = Report(quiet=quiet or not is_first_process())
        split_file = Path(split) if split is not None and is_split_file(split) else None
        files = CrystalFiles(
            table,
            id_column=id_column,
            structure_column=structure,
            formula_column=formula,
            space_group_column=space_group,
            material_column=options.material_column,
            facets=("atoms",),  # until it is decided what is read: strings may not be needed
        )
        options, loaded, reason = choose(options, model, atoms=files.tell_atoms, strings=dialect)
        report.start(options, loaded, reason)
        read, tasks = read_for(
            options.tasks,
            files,
            fold_column=split if split_file is None else None,
            reads=read_facet(options, loaded, dialect),
        )
        if overfit is not None:
            from stratus.cli.overfit_report import shown, verdict
            from stratus.training.finetune.overfit import overfit_labels

            report.table(read)
            events = shown(quiet=quiet)
            verdict(
                overfit_labels(read, tasks, overfit, options, model=loaded, on_event=events),
                quiet=quiet,
            )
            return
        if split_file is not None:
            read = with_split(read, split_file)
        options, made = _folds(read, options, folds, is_told=split is not None)
        report.table(read, options)
        if loaded is not None:
            report.seen(read, loaded)
        result = run(read, made, tasks, options, model=loaded, on_progress=report.show, kept=kept)
        if is_first_process() and output is not None and kept is not None:
            result.save(output, card=card_values)
            kept.remove()
            report.finish(result, output)


def _folds(
    table: Table, options: FinetuneOptions, folds: int | None, *, is_told: bool
) -> tuple[FinetuneOptions, list[Fold]]:
    """Return the folds that the table tells or that are made, and options that say how."""
    from stratus.corpora.tables.folds import from_column, kfold

    if is_told:
        return options, from_column(table, seed=options.seed, group=options.group)
    count = FOLDS if folds is None else folds
    options = options.with_usual_group(table, count)
    return options, kfold(table, count, options.seed, group=options.group)


def encoders() -> str:
    """Return the encoders with a line each, as the end of the help."""
    from stratus.encoders.summaries import SUMMARIES

    lines = (f"  {name:<10} {summary}" for name, summary in SUMMARIES.items())
    return "\n".join(["\b", "Encoders, and what each reads:", *lines])


def _hint(output: Path | None) -> str:
    if output is None:
        return ""
    from stratus.training.finetune.kept import KeptNets

    return KeptNets(output, resume=True).hint()
