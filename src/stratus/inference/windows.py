"""Predictions for a stream of crystals, some at a time, so that memory does not grow with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from stratus.inference.inputs import PredictOptions, rows
from stratus.inference.samples import seen_rows
from stratus.models.predicting import predict_samples, require_tasks
from stratus.tasks.conformal import check_level
from stratus.tasks.predicted import notes_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from stratus.inference.row import Row
    from stratus.models.model import Model
    from stratus.tasks.predicted import Predicted

_BATCHES: Final = 4
"""Batches of a window: enough to sort by length. A window of 4 x 64 crystals is half of what two
workers have in their queues, so they go on encoding while it is predicted."""


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


def predict_windows(
    inputs: Sequence[object],
    model: Model,
    *,
    interval: float | None = None,
    options: PredictOptions | None = None,
    batch_size: int = 64,
) -> Iterator[Window]:
    """Predict for every crystal of some inputs, in their order, a window at a time.

    A crystal that cannot be read or encoded, or is too long for the model, is a reject and keeps
    its place.

    Args:
        inputs: what :func:`stratus.read` takes; tables of SCOPE strings or formulas as well.
        model: one with property heads.
        interval: share of crystals that the intervals are to hold; no intervals if None.
        options: how crystals are read and encoded.
        batch_size: crystals that go through an encoder together.

    Raises:
        stratus.errors.InputError: an input cannot be used, the model predicts nothing, or the
            interval cannot be; at the call or, for a table, when it is reached.
        stratus.errors.StratusError: a worker cannot start.
    """
    require_tasks(model)
    if interval is not None:
        check_level(interval)
    stream = rows(inputs, model.dialect, options or PredictOptions())
    return predict_rows(stream, model, interval, batch_size)


def predict_rows(
    stream: Iterable[Row], model: Model, interval: float | None, batch_size: int = 64
) -> Iterator[Window]:
    """Predict for rows, a window at a time; see :func:`predict_windows`."""
    for seen in seen_rows(stream, model, _BATCHES * batch_size):
        predicted = predict_samples(
            model,
            seen.samples,
            seen.given,
            level=interval,
            batch_size=batch_size,
        )
        notes = {
            number: said
            for number, place in enumerate(seen.where.tolist())
            if place >= 0 and (said := notes_on(predicted, place))
        }
        yield Window(seen.rows, seen.where, predicted, notes)
