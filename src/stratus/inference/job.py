"""The predict job: any pile of crystals to one CSV of predictions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from stratus.inference.columns import cells, header
from stratus.inference.windows import predict_windows
from stratus.inference.writing import check_output, write_windows

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from stratus.inference.inputs import PredictOptions
    from stratus.inference.windows import Window
    from stratus.models.model import Model


class PredictSummary(BaseModel):
    """What a predict job did.

    Attributes:
        output: the table.
        rows: its rows, one for each crystal met.
        rejects: number of rejects by code.
        first_rejects: source and reason of the first of them.
        seconds: wall time, in s.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    output: str
    rows: int
    rejects: dict[str, int]
    first_rejects: tuple[str, ...]
    seconds: float

    @property
    def rate(self) -> float:
        """Crystals per second."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0


def predict_corpus(
    inputs: Sequence[object],
    output: str | os.PathLike[str],
    model: Model,
    *,
    interval: float | None = 0.9,
    options: PredictOptions | None = None,
    batch_size: int = 64,
    on_window: Callable[[Window], None] | None = None,
) -> PredictSummary:
    """Predict for crystals and write a CSV with one row for each, in the order of the inputs.

    Nothing is at ``output`` before the table is whole; an older table there is replaced at that
    moment. Memory does not grow with the number of crystals.

    Args:
        inputs: files, folders, archives, tables or objects that :func:`stratus.read` takes; tables
            of SCOPE strings or formulas as well.
        output: where the table goes, ``.csv``.
        model: one with property heads.
        interval: share of crystals that the intervals are to hold; their cells are empty if None.
        options: how crystals are read and encoded.
        batch_size: crystals that go through an encoder together.
        on_window: called with the predictions of some crystals, in order.

    Returns:
        the counts.

    Raises:
        stratus.errors.InputError: an input, the output, the model or the interval can not be used.
        stratus.errors.StratusError: writing failed, or a worker can not start.
    """
    started = time.monotonic()
    path = check_output(inputs, output)
    windows = predict_windows(
        inputs, model, interval=interval, options=options, batch_size=batch_size
    )
    written = write_windows(
        path, header(model.tasks), windows, lambda window: cells(window, model.tasks), on_window
    )
    return PredictSummary(
        output=str(path),
        rows=written.crystals,
        rejects=written.rejects,
        first_rejects=written.first_rejects,
        seconds=time.monotonic() - started,
    )
