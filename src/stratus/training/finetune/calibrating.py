"""Intervals of a fold: calibrated on its validation rows, measured on its test rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from stratus.crystals.facets import Detail
from stratus.errors import InputError
from stratus.models.values import predict_nets
from stratus.tasks.by import ByLaw
from stratus.tasks.conformal import Calibration, Scores, calibrate, intervals, moments
from stratus.tasks.predictions import Prediction
from stratus.training.device import on_device
from stratus.training.epochs import batches_of
from stratus.training.finetune.labels import atoms_of, labels_of, of_rows, with_a_label

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from stratus.corpora.tables.folds import Fold
    from stratus.corpora.tables.table import Table
    from stratus.models.net import Net
    from stratus.tasks.task import Task
    from stratus.training.finetune.options import FinetuneOptions
    from stratus.views.view import Sample, View

    Floats = npt.NDArray[np.float64]
    Indices = npt.NDArray[np.int64]

LEVELS: Final = (0.5, 0.8, 0.9, 0.95)
"""Levels of the intervals that are measured."""

_KINDS: Final = tuple(Detail)


@dataclass(frozen=True)
class Coverage:
    """How often intervals hold the label, and how wide they are, of one kind of crystal.

    Attributes:
        rows: test rows with a label that they were measured on.
        calibration_rows: validation rows that they were made from.
        mae: mean absolute error on the test rows, in the unit of the task.
        levels: shares of labels that intervals are to hold.
        coverage: shares that they do hold, by level.
        mean_width: their mean width in the unit of the task, by level; None where it is infinite.
    """

    rows: int
    calibration_rows: int
    mae: float
    levels: tuple[float, ...]
    coverage: tuple[float, ...]
    mean_width: tuple[float | None, ...]


class Calibrated(NamedTuple):
    """What the validation rows of a fold say, and how true it is of its test rows.

    Attributes:
        tasks: scores of each regression, by task and kind of crystal.
        coverage: of the intervals on the test rows, likewise.
        curves: scores of each task of a law per atom, in the units of the law, likewise.
    """

    tasks: dict[str, dict[Detail, Scores]]
    coverage: dict[str, dict[Detail, Coverage]]
    curves: dict[str, dict[Detail, Scores]]


def calibrate_fold(
    *,
    table: Table,
    fold: Fold,
    tasks: Sequence[Task],
    view: View,
    samples: Sequence[Sample],
    nets: Sequence[Net],
    options: FinetuneOptions,
) -> Calibrated:
    """Calibrate the regressions of a fold on its validation rows, and measure on its test rows.

    With ``hide`` each row also stands, with less known of it, for the kinds that tell less.

    Args:
        table: all rows.
        fold: who is in which part.
        tasks: what was learned.
        view: how the nets see a crystal.
        samples: how it sees each row of the table.
        nets: the members.
        options: of the run.

    """
    regressions = [task for task in tasks if task.kind == "regression"]
    found = Calibrated(
        tasks={task.name: {} for task in regressions},
        coverage={task.name: {} for task in regressions},
        curves={task.name: {} for task in regressions},
    )
    if not regressions:
        return found
    atoms = {task.name: atoms_of(table, task) for task in tasks}

    def shown(rows: Indices) -> Iterator[tuple[Detail, Indices, dict[str, list[Prediction]]]]:
        for kind, chosen in rows_by_kind(table, rows, hiding=options.hide > 0).items():
            seen = shown_as(kind, table, chosen, view, samples)
            of_these = {name: of_rows(each, chosen) for name, each in atoms.items()}
            with on_device(*nets):
                found = predict_nets(
                    nets,
                    view,
                    seen,
                    lambda task, of_these=of_these: of_these[task.name],  # type: ignore[misc]
                    batch_size=options.batch_size,
                    batches=batches_of(view.sizes(seen), options.batch_size, padded=view.padded),
                )
            yield kind, chosen, found

    for kind, rows, of_members in shown(with_a_label(table, fold.validation, regressions)):
        for task in regressions:
            told = as_told(task, kind, of_members[task.name])
            scores = scores_of(task, labels_of(table, task)[rows], told)
            if scores is not None:
                found.tasks[task.name][kind] = scores
            of_curve = curve_scores_of(task, table, rows, of_members[task.name])
            if of_curve is not None:
                found.curves[task.name][kind] = of_curve
    for kind, rows, of_members in shown(fold.test):
        for task in regressions:
            if kind in found.tasks[task.name]:
                truth = labels_of(table, task)[rows]
                made = found.tasks[task.name][kind]
                told = as_told(task, kind, of_members[task.name])
                measured = measure_coverage(task, kind, made, truth, told)
                if measured is not None:
                    found.coverage[task.name][kind] = measured
    return found


def as_told(task: Task, kind: Detail, predictions: Sequence[Prediction]) -> Sequence[Prediction]:
    """Return predictions as a model gives them that is told no more than a kind says.

    Without orbits the atoms of the cell are unknown, so what is per cell is NaN.
    """
    if kind is Detail.WHOLE or task.per != "cell":
        return predictions
    return [Prediction(np.full_like(one.values, np.nan)) for one in predictions]


def curve_scores_of(
    task: Task, table: Table, rows: Indices, predictions: Sequence[Prediction]
) -> Scores | None:
    """Return the scores of calibration rows per atom, in the units of a law; None without a law.

    Args:
        task: a regression.
        table: all rows.
        rows: the calibration rows.
        predictions: for them, one a member.
    """
    if not isinstance(task.by, ByLaw):
        return None
    atoms = of_rows(atoms_of(table, task), rows)
    labels = per_atom(task, labels_of(table, task)[rows], atoms)
    return scores_of(
        task, labels, [Prediction(per_atom(task, one.values, atoms)) for one in predictions]
    )


def per_atom(task: Task, values: Floats, atoms: Indices | None) -> Floats:
    """Return values of a task of a law per atom, in the units of the law.

    Args:
        task: one of a law.
        values: ``[n]``, in its unit.
        atoms: ``[n]``, that they are of; None where they are per atom already.
    """
    factor = task.by.factor(task.unit) if isinstance(task.by, ByLaw) else 1.0
    return values * factor / (1 if atoms is None else np.where(atoms >= 1, atoms, np.nan))


def rows_by_kind(table: Table, rows: Indices, *, hiding: bool) -> dict[Detail, Indices]:
    """Return the rows that are shown as each kind of crystal.

    Args:
        table: all rows.
        rows: some of them.
        hiding: whether a row also stands for the kinds that tell less than it does.
    """
    given = np.array([_KINDS.index(table.details[row]) for row in rows.tolist()], dtype=np.int64)
    found = {}
    for place, kind in enumerate(_KINDS):
        chosen = rows[given <= place if hiding else given == place]
        if len(chosen):
            found[kind] = chosen
    return found


def shown_as(
    kind: Detail,
    table: Table,
    rows: Indices,
    view: View,
    samples: Sequence[Sample],
) -> list[Sample]:
    """Return rows as if no more were known of them than a kind says."""
    if all(table.details[row] is kind for row in rows.tolist()):
        return [samples[row] for row in rows.tolist()]
    from stratus.scope.partial import hide_crystal

    return [
        samples[row]
        if table.details[row] is kind
        else view.sample(hide_crystal(table.crystals[row], kind))
        for row in rows.tolist()
    ]


def scores_of(task: Task, labels: Floats, predictions: Sequence[Prediction]) -> Scores | None:
    """Return the scores of calibration rows; None where there is none with label and prediction.

    Args:
        task: a regression.
        labels: of the calibration rows, NaN where absent.
        predictions: for them, one a member.
    """
    mu, sigma = moments([each.values for each in predictions])
    truth = np.where(np.isnan(mu), np.nan, labels)
    try:
        return calibrate(truth, mu, sigma)
    except InputError as error:
        raise InputError(f"{task.name}: {error}") from error


def bounds(
    task: Task,
    scores: Mapping[Detail, Scores],
    kinds: Sequence[Detail],
    predictions: Sequence[Prediction],
    level: float,
) -> tuple[Floats, Floats]:
    """Return the intervals of one fold alone, lo ``[n]`` and hi ``[n]``.

    Args:
        task: a regression.
        scores: of the fold, by kind.
        kinds: of each crystal.
        predictions: for them, one a member.
        level: share of labels that the intervals are to hold.
    """
    mu, sigma = moments([each.values for each in predictions])
    one = Calibration(tasks={task.name: {"": dict(scores)}})
    return intervals(one, task, kinds, {"": mu}, {"": sigma}, level)


def measure_coverage(
    task: Task,
    kind: Detail,
    scores: Scores,
    truth: Floats,
    predictions: Sequence[Prediction],
) -> Coverage | None:
    """Measure the intervals on test rows of one kind; None where none has label and prediction.

    Args:
        task: a regression.
        kind: of all the rows.
        scores: of the fold and the kind.
        truth: labels ``[n]``, NaN where absent.
        predictions: for the rows, one a member.
    """
    mu, _ = moments([each.values for each in predictions])
    here = ~np.isnan(truth) & ~np.isnan(mu)
    if not here.any():
        return None
    shares, widths = [], []
    for level in LEVELS:
        lo, hi = bounds(task, {kind: scores}, [kind] * len(mu), predictions, level)
        shares.append(float(np.mean((lo <= truth)[here] & (truth <= hi)[here])))
        width = float(np.mean((hi - lo)[here]))
        widths.append(width if np.isfinite(width) else None)
    return Coverage(
        rows=int(here.sum()),
        calibration_rows=scores.rows,
        mae=float(np.abs(mu - truth)[here].mean()),
        levels=LEVELS,
        coverage=tuple(shares),
        mean_width=tuple(widths),
    )


def pooled(found: Sequence[Coverage]) -> Coverage:
    """Return the coverage over the test rows of several folds, each row counting the same."""
    counts = np.array([each.rows for each in found])
    mean_widths = []
    for widths in zip(*(each.mean_width for each in found), strict=True):
        finite = [width for width in widths if width is not None]
        whole = len(finite) == len(widths)
        mean_widths.append(float(np.average(finite, weights=counts)) if whole else None)
    shares = np.average([each.coverage for each in found], axis=0, weights=counts)
    return Coverage(
        rows=int(counts.sum()),
        calibration_rows=sum(each.calibration_rows for each in found),
        mae=float(np.average([each.mae for each in found], weights=counts)),
        levels=LEVELS,
        coverage=tuple(shares.tolist()),
        mean_width=tuple(mean_widths),
    )
