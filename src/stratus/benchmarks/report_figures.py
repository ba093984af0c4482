"""The pictures of a run, as data inside a page."""

from __future__ import annotations

import base64
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stratus.benchmarks.certainty import row_losses
from stratus.plots.calibration import Coverage, calibration
from stratus.plots.figure import save_figure
from stratus.plots.group_errors import GroupError, group_errors
from stratus.plots.learning_curves import Curve, learning_curves
from stratus.plots.parity import parity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from stratus.benchmarks.record import BenchmarkRun, Method

    Floats = NDArray[np.float64]

_MOST_CURVES = 60


def pictures(run: BenchmarkRun) -> Iterator[tuple[str, str, str]]:
    """Draw what a run has to show of its first method.

    Args:
        run: the run.

    Yields:
        a name, a caption, and the picture as a ``data:`` address.
    """
    method = run.methods[0] if run.methods[0].role == "model" else run.method(run.rival)
    if run.asked.kind == "regression":
        yield (
            f"Predictions of {method.name} over true values of {run.asked.name}",
            f"True value and prediction of {method.name}, all test rows.",
            as_data(_parity(run, method)),
        )
    for name in run.rows.groups:
        yield (
            f"Errors of {method.name} by {in_words(name)}",
            f"Mean {_loss(run)} by {in_words(name)}, with the number of rows.",
            as_data(_groups(run, method, name)),
        )
    if run.coverage:
        yield (
            f"Calibration of the intervals of {method.name}",
            "How many labels the intervals hold, beside how many they are to hold.",
            as_data(calibration(_coverages(run), title=run.asked.name)),
        )
    if run.curves:
        yield (
            f"Learning curves of {method.name}",
            "Loss by epoch of each fold.",
            as_data(learning_curves(_curves(run), loss="loss of normalised labels")),
        )


def as_data(figure: Figure) -> str:
    """Return a figure as a ``data:`` address of a PNG; the same figure gives the same text."""
    with tempfile.TemporaryDirectory(prefix="stratus-figure-") as folder:
        path = Path(folder) / "figure.png"
        save_figure(figure, path)
        return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def in_words(groups: str) -> str:
    """Return what groups of rows are by, such as ``number of elements`` for ``elements``."""
    return "number of elements" if groups == "elements" else groups


def errors_by_group(run: BenchmarkRun, method: Method, name: str) -> list[GroupError]:
    """Return the mean loss of a method and of the rival in each group of rows.

    Args:
        run: the run.
        method: one of its methods.
        name: of the groups, such as ``crystal system``.
    """
    first, second = _losses(run, method), _losses(run, run.method(run.rival))
    alone = method.name == run.rival
    found = []
    of = np.array(run.rows.groups[name])
    for group in sorted(set(run.rows.groups[name])):
        here = (of == group) & np.isfinite(first) & np.isfinite(second)
        if here.any():
            beside = None if alone else float(second[here].mean())
            found.append(GroupError(group, int(here.sum()), float(first[here].mean()), beside))
    return found


def _groups(run: BenchmarkRun, method: Method, name: str) -> Figure:
    unit = run.asked.unit if run.asked.kind == "regression" else ""
    return group_errors(
        errors_by_group(run, method, name),
        methods=(method.name, None if method.name == run.rival else run.rival),
        loss=f"mean {_loss(run)}",
        unit=unit,
        title=f"by {in_words(name)}",
    )


def _loss(run: BenchmarkRun) -> str:
    regression = run.asked.kind == "regression"
    return "absolute error" if regression else "squared error of the probability"


def _losses(run: BenchmarkRun, method: Method) -> Floats:
    labels, values = np.array(run.rows.labels), np.array(method.values, np.float64)
    return row_losses(run.asked.kind, labels, values)


def _parity(run: BenchmarkRun, method: Method) -> Figure:
    rival = _losses(run, run.method(run.rival))
    interval = None
    if method.lo is not None and method.hi is not None:
        ends = np.array(method.lo, np.float64), np.array(method.hi, np.float64)
        interval = ends if np.isfinite(ends).all(axis=0).any() else None
    return parity(
        run.rows.labels,
        np.array(method.values, np.float64),
        name=run.asked.name,
        unit=run.asked.unit,
        interval=interval,
        level=method.level if interval is not None else None,
        baseline=None if method.name == run.rival else (run.rival, float(np.nanmean(rival))),
    )


def _coverages(run: BenchmarkRun) -> list[Coverage]:
    return [
        Coverage(name, found["levels"], found["coverage"], found["rows"])
        for name, found in run.coverage.items()
    ]


def _curves(run: BenchmarkRun) -> list[Curve]:
    def gaps(losses: list[float | None]) -> list[float]:
        return [math.nan if loss is None else loss for loss in losses]

    return [
        Curve(
            name=f"fold {curve['fold']}",
            train=gaps(curve["train"]),
            validation=gaps(curve["validation"]),
            chosen=curve["best_epoch"],
        )
        for curve in run.curves[:_MOST_CURVES]
    ]
