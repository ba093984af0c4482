"""``stratus model score``: how good a model or a checkpoint is on a table of labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stratus.cli.failures import reported
from stratus.cli.flags import FormulaColumn, IdColumn, Quiet, SpaceGroupColumn, StructureColumn


def score(  # noqa: PLR0917 - one parameter for each flag
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="Folder of a model, bundled, or a checkpoint."),
    ],
    table: Annotated[
        list[Path], typer.Argument(metavar="TABLE...", help="Crystals, with labels or without.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.json", help="The numbers.")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Target of the model.  [default: those of the table]"),
    ] = None,
    imposed: Annotated[
        bool,
        typer.Option("--imposed/--not-imposed", help="Impose identities, as stratus predict does."),
    ] = True,
    id_column: IdColumn = None,
    structure: StructureColumn = None,
    formula: FormulaColumn = None,
    space_group: SpaceGroupColumn = None,
    quiet: Quiet = False,
) -> None:
    """Measure a model on crystals, beside the best constant guess.

    A model that predicts properties, or a checkpoint of stratus finetune, is measured on the labels
    of the table, by every metric; a checkpoint of stratus pretrain, or its model, by how well it
    guesses masked tokens.
    """
    with reported():
        from stratus.cli.model_score_report import print_labels, print_masked
        from stratus.errors import InputError
        from stratus.files.whole import write_whole
        from stratus.inference.labelled_scores import read_for_scores, score_labels
        from stratus.inference.masked_scores import score_masked
        from stratus.inference.predictor import Predictor, load
        from stratus.training.finetune.kept_checkpoint import is_kept, open_kept
        from stratus.training.run_checkpoints import is_checkpoint

        if not is_checkpoint(Path(model)):
            predictor = load(model)
        elif is_kept(model):
            predictor = Predictor(open_kept(model))
        else:
            predictor = None
        if predictor is not None and predictor.tasks:
            read = read_for_scores(
                predictor,
                table,
                target or (),
                id_column=id_column,
                structure_column=structure,
                formula_column=formula,
                space_group_column=space_group,
            )
            labelled = score_labels(predictor, read, imposed=imposed)
            text = labelled.model_dump_json(indent=1)
            if not quiet:
                print_labels(labelled)
        elif target:
            raise InputError(f"{model} guesses masked tokens and has no target; leave --target out")
        else:
            masked = score_masked(
                model,
                table,
                id_column=id_column,
                structure_column=structure,
                formula_column=formula,
                space_group_column=space_group,
            )
            text = masked.model_dump_json(indent=1)
            if not quiet:
                print_masked(masked)
        if output is not None:
            write_whole(output, text + "\n")
