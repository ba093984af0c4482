"""How good a model is on a table of labels: what it predicts, by every metric of its targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from stratus.corpora.encoding.options import facet_arguments
from stratus.corpora.tables.read_tables import CrystalFiles
from stratus.errors import InputError
from stratus.inference.predictions import Predictions
from stratus.inference.row import Row
from stratus.names import pick
from stratus.tasks.measurements import measure

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from stratus.corpora.tables.table import Table
    from stratus.inference.predictor import Predictor
    from stratus.tasks.task import Task

    Floats = NDArray[np.float64]


class TargetScore(BaseModel):
    """How good the predictions of one target are.

    Attributes:
        unit: of the target.
        metric: the one that the task is chosen by.
        rows: crystals with a label and a prediction, which were measured.
        unpredicted: crystals with a label and no prediction.
        model: numbers by metric; None where one is not defined on these rows.
        constant: those of the best guess that knows the labels of these rows and no crystal: their
            mean, or the shares of the classes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: str
    metric: str
    rows: int
    unpredicted: int
    model: dict[str, float | None]
    constant: dict[str, float | None]


class LabelledScores(BaseModel):
    """How good a model is on a table.

    Attributes:
        model: its name.
        rows: crystals of the table.
        rejects: crystals that could not be read, encoded or predicted, by the code.
        formulas: different compositions.
        seen: those of them that the weights have learned from; None where nobody knows.
        targets: by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    rows: int
    rejects: dict[str, int]
    formulas: int
    seen: int | None
    targets: dict[str, TargetScore]


def read_for_scores(
    predictor: Predictor,
    paths: Sequence[str | os.PathLike[str]],
    targets: Sequence[str] = (),
    **columns: Any,
) -> Table:
    """Read the crystals and labels of files for which a model predicts something.

    Args:
        predictor: what is to be measured.
        paths: files as :func:`stratus.corpora.read_labelled` takes them.
        targets: names of targets of the model; by default all that the files have a column of.
        columns: the other arguments of :class:`stratus.corpora.tables.read_tables.CrystalFiles`.

    Raises:
        stratus.errors.InputError: the model has no such target, no file has a column of one, or
            the files cannot be read.
    """
    files = CrystalFiles(
        paths,
        **facet_arguments(predictor.model.view.reads),
        **columns,
    )
    tasks = [pick(predictor.tasks, name, "target of the model") for name in targets]
    if not tasks:
        tasks = [
            task
            for task in predictor.tasks.values()
            if files.columns is None or task.column in files.columns
        ]
    if not tasks:
        names = ", ".join(task.column for task in predictor.tasks.values())
        raise InputError(
            f"{' '.join(map(str, paths))} has no column that the model predicts; it predicts "
            f"{names or 'nothing'}"
        )
    kinds = {task.column: task.kind for task in tasks if task.kind != "regression"}
    return files.read(list(dict.fromkeys(task.column for task in tasks)), kinds=kinds)


def score_labels(
    predictor: Predictor, table: Table, *, imposed: bool = True, batch_size: int = 256
) -> LabelledScores:
    """Measure what a model predicts against the labels of a table.

    Args:
        predictor: the model.
        table: as :func:`read_for_scores` reads it; what it has no target for is left out.
        imposed: whether identities are imposed, as of :meth:`Predictor.predict`.
        batch_size: crystals that go through an encoder together.

    Raises:
        stratus.errors.InputError: a label is no finite number or of a class that the model does
            not know, or no crystal has a label and a prediction.
    """
    model = predictor.model
    windows = predictor.stream_rows(_rows(table), imposed=imposed, batch_size=batch_size)
    predictions = Predictions.of(windows, model, None)
    rejects: dict[str, int] = {}
    for reject in (*table.rejects, *predictions.rejects):
        rejects[str(reject.code)] = rejects.get(str(reject.code), 0) + 1
    formulas = set(table.compositions)
    return LabelledScores(
        model=model.card.name,
        rows=table.rows_in,
        rejects=dict(sorted(rejects.items())),
        formulas=len(formulas),
        seen=None if model.seen is None else model.seen.count(formulas),
        targets={
            name: _score(task, _labels(table, task), predictions[name].value)
            for name, task in model.tasks.items()
            if task.column in table.targets
        },
    )


def _rows(table: Table) -> Iterator[Row]:
    """Yield the crystals of a table as rows of inputs."""
    for place, (id_, crystal) in enumerate(zip(table.ids, table.crystals, strict=True)):
        yield Row(
            id_, crystal, formula=crystal.formula, space_group=crystal.space_group, place=place
        )


def _labels(table: Table, task: Task) -> Floats:
    """Return the labels of a task, ``[n]``, classes in the order of the task; NaN where absent."""
    labels = table.labels[:, table.targets.index(task.column)]
    names = table.classes.get(task.column, ())
    if not task.classes or names == task.classes:
        return labels
    places = dict(zip(task.classes, range(len(task.classes)), strict=True))
    for name in names:
        pick(places, name, f"class of {task.name}")
    order = np.array([places[name] for name in names], dtype=np.float64)
    found = np.full(len(labels), np.nan)
    here = ~np.isnan(labels)
    found[here] = order[labels[here].astype(np.int64)]
    return found


def _score(task: Task, labels: Floats, values: Floats) -> TargetScore:
    labelled = ~np.isnan(labels)
    predicted = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    here = labelled & predicted
    if not here.any():
        raise InputError(
            f"none of the {int(labelled.sum())} crystals with a label of {task.name} has a "
            "prediction, so nothing can be measured"
        )
    return TargetScore(
        unit=task.unit,
        metric=task.metric,
        rows=int(here.sum()),
        unpredicted=int((labelled & ~predicted).sum()),
        model=measure(task, labels, values, here),
        constant=measure(task, labels, _constant(task, labels[here], len(labels)), here),
    )


def _constant(task: Task, labels: Floats, rows: int) -> Floats:
    """Return the same guess for every row: the mean of labels, or the shares of the classes."""
    if task.kind != "multiclass":
        return np.full(rows, labels.mean())
    shares = np.bincount(labels.astype(np.int64), minlength=len(task.classes)) / len(labels)
    return np.tile(shares, (rows, 1))
