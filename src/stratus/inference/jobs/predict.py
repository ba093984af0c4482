"""The predict job: any pile of crystals to one table of predictions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from stratus.corpora.tables.crystal_texts import crystal_texts
from stratus.errors import InputError
from stratus.inference.columns import cells, header
from stratus.inference.input_kinds import require_inputs
from stratus.inference.inputs import PredictOptions
from stratus.inference.row import formula_rows
from stratus.inference.writing import WriteOptions, about_table, check_files, write_windows

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from stratus.inference.predictor import Predictor
    from stratus.inference.windows import Window


class PredictSummary(BaseModel):
    """What a predict job did.

    Attributes:
        output: the table; empty where none was asked for.
        rejects_file: the table of rejects; empty where none was asked for.
        rows: its rows, one for each crystal met.
        rejects: number of rejects by code.
        first_rejects: source and reason of the first of them.
        seconds: wall time, in s.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    output: str
    rejects_file: str = ""
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
    output: str | os.PathLike[str] | None,
    predictor: Predictor,
    *,
    interval: float | None = 0.9,
    options: PredictOptions | None = None,
    write: WriteOptions | None = None,
    batch_size: int = 64,
    on_window: Callable[[Window], None] | None = None,
) -> PredictSummary:
    """Predict for crystals and write a table with one row for each, in the order of the inputs.

    Nothing is at ``output`` before the table is whole; an older table there is replaced at that
    moment. Memory does not grow with the number of crystals.

    Args:
        inputs: files, folders, archives, tables or objects that :func:`stratus.read` takes; tables
            of SCOPE strings or formulas as well.
        output: where the table goes: ``.csv``, ``.parquet``, ``.jsonl``, ``.ndjson`` or ``.xlsx``;
            no table is written if None.
        predictor: of a model with property heads.
        interval: share of crystals that the intervals are to hold; their cells are empty if None.
        options: how crystals are read and encoded.
        write: how the table is written.
        batch_size: crystals that go through an encoder together.
        on_window: called with the predictions of some crystals, in order.

    Returns:
        the counts.

    Raises:
        stratus.errors.InputError: an input, the output, the model or the interval cannot be used.
        stratus.errors.StrictError: a crystal was rejected and ``strict`` was asked for.
        stratus.errors.StratusError: writing failed, or a worker cannot start.
    """
    options, write = options or PredictOptions(), write or WriteOptions()
    path = check_files(inputs, output, write)
    require_inputs(inputs)
    windows = predictor.stream(inputs, interval=interval, options=options, batch_size=batch_size)
    return _write(
        path,
        predictor,
        windows,
        write,
        interval=interval,
        keep=options.keep_columns,
        then=on_window,
    )


def predict_formulas(
    formulas: Sequence[str],
    output: str | os.PathLike[str] | None,
    predictor: Predictor,
    *,
    space_groups: Sequence[str | int | None] = (),
    interval: float | None = 0.9,
    write: WriteOptions | None = None,
    on_window: Callable[[Window], None] | None = None,
) -> PredictSummary:
    """Predict for formulas, as :func:`predict_corpus` does for crystals.

    Args:
        formulas: the formulas, which are the ids of their rows too.
        output: where the table goes; no table is written if None.
        predictor: of a model that reads formulas, with property heads.
        space_groups: none, one for all formulas, or one for each, by number or symbol.
        interval: share of crystals that the intervals are to hold; their cells are empty if None.
        write: how the table is written.
        on_window: called with the predictions of some formulas, in order.

    Raises:
        stratus.errors.InputError: the output, the model, the interval or the space groups cannot
            be used; or the only formula cannot be read.
        stratus.errors.StrictError: a formula was rejected and ``strict`` was asked for.
        stratus.errors.StratusError: writing failed.
    """
    write = write or WriteOptions()
    path = check_files([], output, write)
    rows = list(formula_rows(formulas, crystal_texts(predictor.model.view.reads), space_groups))
    if len(rows) == 1 and rows[0].reject is not None:
        raise InputError(rows[0].reject.detail)
    windows = predictor.stream_rows(rows, interval=interval)
    return _write(path, predictor, windows, write, interval=interval, keep=False, then=on_window)


def _write(
    path: Path | None,
    predictor: Predictor,
    windows: Iterable[Window],
    write: WriteOptions,
    *,
    interval: float | None,
    keep: bool,
    then: Callable[[Window], None] | None,
) -> PredictSummary:
    started, model = time.monotonic(), predictor.model
    written = write_windows(
        path,
        header(model, units=write.units),
        windows,
        lambda window: cells(window, model.tasks, units=write.units),
        then,
        options=write,
        keep_columns=keep,
        about=about_table(model, interval),
    )
    return PredictSummary(
        output=str(path or ""),
        rejects_file=str(write.rejects or ""),
        rows=written.crystals,
        rejects=written.rejects,
        first_rejects=written.first_rejects,
        seconds=time.monotonic() - started,
    )
