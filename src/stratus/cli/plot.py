"""``stratus plot``: what a fine-tuned model is like, in pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from stratus.cli.failures import reported
from stratus.cli.flags import (
    FormulaColumn,
    IdColumn,
    PictureKind,
    SpaceGroupColumn,
    StructureColumn,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stratus.inference.predictor import Predictor
    from stratus.models.model import Model
    from stratus.tasks.task import Task

Part: TypeAlias = "tuple[str, Callable[[], Figure]]"
"""The name of a picture, and what draws it."""


def plot(  # noqa: PLR0917 - one parameter for each flag
    bundle: Annotated[
        str, typer.Argument(metavar="BUNDLE", help="A model that `stratus finetune` wrote.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the pictures go.")
    ],
    embed: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="Crystals or SCOPE strings to draw a map of."),
    ] = None,
    colour: Annotated[
        str | None,
        typer.Option(metavar="COL[:UNIT]", help="The column of TABLE that colours the map."),
    ] = None,
    id_column: IdColumn = None,
    structure: StructureColumn = None,
    formula: FormulaColumn = None,
    space_group: SpaceGroupColumn = None,
    kind: PictureKind = "png",
) -> None:
    """Draw what a model has learned, or a map of crystals.

    That is its learning curves, parity and calibration.
    A map is drawn with --embed TABLE --colour COL.
    """
    with reported():
        import stratus
        from stratus.errors import InputError
        from stratus.names import pick

        pick(dict.fromkeys(("png", "svg", "pdf")), kind, "format")
        if (embed is None) != (colour is None):
            raise InputError("a map needs both --embed TABLE and --colour COL")
        predictor = stratus.load(bundle)
        if embed is not None and colour is not None:
            columns = {
                "id_column": id_column,
                "structure_column": structure,
                "formula_column": formula,
                "space_group_column": space_group,
            }
            parts = _map(predictor, embed, colour, columns)
        else:
            parts = _of_run(predictor.model, Path(bundle))
        _draw(parts, output, kind, bundle)


def _draw(parts: Iterator[Part], folder: Path, kind: str, bundle: str) -> None:
    """Draw what can be drawn, and say of the rest what is missing."""
    from stratus.cli.plot_files import MissingPart
    from stratus.errors import InputError
    from stratus.plots.figure import save_figure

    drawn = 0
    for name, draw in parts:
        try:
            figure = draw()
        except MissingPart as missing:
            typer.echo(f"no {name}: {missing}", err=True)
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder} cannot be made ({error.strerror})") from error
        path = folder / f"{name}.{kind}"
        save_figure(figure, path)
        typer.echo(str(path))
        drawn += 1
    if not drawn:
        raise InputError(f"nothing of {bundle} can be drawn; give a model of stratus finetune")


def _of_run(model: Model, folder: Path) -> Iterator[Part]:
    yield "learning-curves", partial(_learning_curves, model)
    for task in model.tasks.values():
        if task.kind == "regression":
            yield f"parity-{task.name}", partial(_parity, model, folder, task)
            yield f"calibration-{task.name}", partial(_calibration, model, task)


def _learning_curves(model: Model) -> Figure:
    from stratus.cli.plot_files import learning
    from stratus.plots.learning_curves import learning_curves

    curves = learning(model.metrics)
    return learning_curves(curves, loss="loss of normalised labels", title=", ".join(model.tasks))


def _calibration(model: Model, task: Task) -> Figure:
    from stratus.cli.plot_files import coverages
    from stratus.plots.calibration import calibration

    return calibration(coverages(model.metrics, task.name), title=task.name)


def _parity(model: Model, folder: Path, task: Task) -> Figure:
    from stratus.cli.plot_files import LEVEL, best_baseline, read_predictions
    from stratus.plots.parity import parity

    rows = read_predictions(folder, task.name)
    return parity(
        rows.labels,
        rows.predictions,
        name=task.name,
        unit=task.unit,
        interval=(rows.lo, rows.hi),
        level=LEVEL,
        baseline=best_baseline(model.metrics, task.name, rows),
    )


def _map(
    predictor: Predictor, table: Path, colour: str, columns: Mapping[str, Any]
) -> Iterator[Part]:
    from stratus.corpora.encoding.options import facet_arguments
    from stratus.corpora.tables.reading import read_labelled
    from stratus.plots.embedding_map import embedding_map, principal_axes
    from stratus.tasks.task import make_task, split_target

    column, unit = split_target(colour)
    task = make_task({"column": column, "unit": unit})
    as_model = facet_arguments(predictor.model.view.reads)
    read = read_labelled(table, [task.column], **as_model, **columns)

    def draw() -> Figure:
        points, shares = principal_axes(predictor.embed(read.crystals))
        title = f"{len(read):,} crystals, as {predictor.card.name} sees them"
        values = read.labels[:, 0]
        return embedding_map(
            points, values, name=task.name, unit=task.unit, shares=shares, title=title
        )

    yield f"map-{task.name}", draw
