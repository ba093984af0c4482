"""The predict job: any pile of crystals to one CSV of predictions."""

from __future__ import annotations

import csv
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from stratus.corpora.encoding.files import whole_file
from stratus.corpora.encoding.precautions import check_apart, check_place
from stratus.errors import InputError, StratusError
from stratus.inference.columns import cells, header
from stratus.inference.windows import predict_windows

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from stratus.crystals.entry import Reject
    from stratus.inference.inputs import PredictOptions
    from stratus.inference.windows import Window
    from stratus.models.model import Model

_REJECTS_KEPT: Final = 5


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
    path = Path(output)
    _check_output(path)
    check_apart(inputs, path)
    codes: Counter[str] = Counter()
    first: list[str] = []
    count = 0
    windows = predict_windows(
        inputs, model, interval=interval, options=options, batch_size=batch_size
    )
    try:
        with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as to:
            writer = csv.writer(to)
            writer.writerow(header(model.tasks))
            for window in windows:
                writer.writerows(cells(window, model.tasks))
                count += len(window.rows)
                rejects = [row.reject for row in window.rows if row.reject is not None]
                codes.update(str(reject.code) for reject in rejects)
                first += map(_in_words, rejects[: _REJECTS_KEPT - len(first)])
                if on_window is not None:
                    on_window(window)
    except OSError as error:
        raise StratusError(
            f"The predictions can not be written: {error.filename or path}: "
            f"{error.strerror or error}; make room or choose another place"
        ) from error
    return PredictSummary(
        output=str(path),
        rows=count,
        rejects=dict(codes),
        first_rejects=tuple(first),
        seconds=time.monotonic() - started,
    )


def _in_words(reject: Reject) -> str:
    return f"{reject.source or reject.id}: {reject.detail} ({reject.code})"


def _check_output(path: Path) -> None:
    if path.suffix != ".csv":
        raise InputError(f"{path} must end in .csv")
    check_place(path)
