"""What is predicted for a stream of crystals, some at a time: memory does not grow with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from stratus.inference.curves import thermo_samples
from stratus.inference.properties import predict_samples
from stratus.tasks.predicted import notes_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from stratus.crystals.facets import Crystal
    from stratus.inference.row import Row
    from stratus.inference.samples import SampleWindow
    from stratus.inference.thermo_curves import ThermoCurves, ThermoPer
    from stratus.models.model import Model
    from stratus.tasks.predicted import Predicted


@dataclass(frozen=True, eq=False)
class Window:
    """Some crystals of a stream, with what is predicted for them.

    Attributes:
        rows: the crystals, in order; rejects are among them.
        where: ``[n]``, for each row its place in ``predicted``, -1 for a reject.
        predicted: by target, for the crystals that are no rejects.
        notes: what was decided about the predictions of a row, by its number in ``rows``; they
            are written behind those of its reading.
    """

    rows: Sequence[Row]
    where: NDArray[np.int64]
    predicted: dict[str, Predicted]
    notes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


def predicted_windows(
    stream: Iterable[SampleWindow],
    model: Model,
    interval: float | None,
    *,
    imposed: bool = True,
    batch_size: int = 64,
) -> Iterator[Window]:
    """Predict for crystals as a model sees them, a window at a time.

    Args:
        stream: some crystals at a time.
        model: one with property heads.
        interval: share of crystals that the intervals are to hold; no intervals if None.
        imposed: whether identities are imposed.
        batch_size: crystals that go through an encoder together.
    """
    for window in stream:
        predicted = predict_samples(
            model,
            window.samples,
            window.crystals,
            level=interval,
            batch_size=batch_size,
            imposed=imposed,
        )
        notes = {
            number: said
            for number, place in enumerate(window.where.tolist())
            if place >= 0 and (said := notes_on(predicted, place))
        }
        yield Window(window.rows, window.where, predicted, notes)


def joined_rows(
    windows: Sequence[Window] | Sequence[ThermoWindow],
) -> tuple[list[Row], NDArray[np.int64], dict[int, tuple[str, ...]]]:
    """Put the rows of windows after one another.

    Returns:
        the rows; ``[rows]``, for each its place among all of them, -1 for a reject; and the notes
        by the number of the row.
    """
    rows: list[Row] = []
    notes: dict[int, tuple[str, ...]] = {}
    for window in windows:
        notes |= {len(rows) + number: said for number, said in window.notes.items()}
        rows += window.rows
    where = np.array([-1 if row.reject else k for k, row in enumerate(rows)], np.int64)
    return rows, where, notes


@dataclass(frozen=True, eq=False)
class ThermoWindow:
    """Some crystals of a stream with their curves.

    Attributes:
        rows: the crystals, in order; rejects are among them.
        where: ``[rows]``, for each its place in ``curves`` and ``crystals``, -1 for a reject.
        crystals: what is known of those that are no rejects.
        curves: of those that are no rejects.
        notes: what was decided about the curves of a row, by its number in ``rows``; they are
            written behind those of its reading.
    """

    rows: Sequence[Row]
    where: NDArray[np.int64]
    crystals: Sequence[Crystal]
    curves: ThermoCurves
    notes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


def curve_windows(
    stream: Iterable[SampleWindow],
    model: Model,
    temperatures_k: NDArray[np.float64],
    per: ThermoPer,
    interval: float | None,
    *,
    imposed: bool = True,
    batch_size: int = 64,
) -> Iterator[ThermoWindow]:
    """Give the curves of crystals as a model sees them, a window at a time.

    Args:
        stream: some crystals at a time.
        model: one with the head of a law.
        temperatures_k: t temperatures, in K.
        per: what a mole is of.
        interval: share of crystals that the intervals are to hold; no intervals if None.
        imposed: whether intervals are kept within what can be.
        batch_size: crystals that go through an encoder together.
    """
    for window in stream:
        curves = thermo_samples(
            model,
            window.samples,
            window.crystals,
            temperatures_k,
            per=per,
            level=interval,
            batch_size=batch_size,
            imposed=imposed,
        )
        notes = {
            number: (f"The curves are {why}.",)
            for number, place in enumerate(window.where.tolist())
            if place >= 0 and (why := curves.notes[place] if curves.notes else "")
        }
        yield ThermoWindow(window.rows, window.where, window.crystals, curves, notes)
