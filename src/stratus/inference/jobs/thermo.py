"""Thermodynamics over temperature for any pile of crystals, in order and in bounded memory."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import BaseModel, ConfigDict

from stratus.errors import InputError
from stratus.inference.curves import check_temperatures
from stratus.inference.input_kinds import require_inputs
from stratus.inference.inputs import PredictOptions
from stratus.inference.thermo_columns import cells, header
from stratus.inference.writing import WriteOptions, about_table, check_files, write_windows

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from stratus.inference.predictor import Predictor
    from stratus.inference.windows import ThermoWindow

_MOST_TEMPERATURES: Final = 100_000


class ThermoSummary(BaseModel):
    """What a thermo job did.

    Attributes:
        output: the table; empty where none was asked for.
        rejects_file: the table of rejects; empty where none was asked for.
        crystals: crystals met, rejects among them.
        temperatures: how many temperatures each crystal has.
        lines: of the table, without its header.
        rejects: number of rejects by code.
        first_rejects: source and reason of the first of them.
        seconds: wall time, in s.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    output: str
    rejects_file: str = ""
    crystals: int
    temperatures: int
    lines: int
    rejects: dict[str, int]
    first_rejects: tuple[str, ...]
    seconds: float

    @property
    def rate(self) -> float:
        """Crystals per second."""
        return self.crystals / self.seconds if self.seconds > 0 else 0.0


def temperature_range(lowest_k: float, highest_k: float, step_k: float) -> NDArray[np.float64]:
    """Return temperatures from the lowest to the highest, which is there if the steps meet it.

    Raises:
        stratus.errors.InputError: they are no such temperatures, in K, or more than 100,000.
    """
    if not (0 <= lowest_k <= highest_k < math.inf):
        raise InputError(
            f"temperatures go from 0 K or more upwards, not from {lowest_k:g} to {highest_k:g}"
        )
    if not 0 < step_k < math.inf:
        raise InputError(f"the step between temperatures is above 0 K, not {step_k:g}")
    steps = (highest_k - lowest_k) / step_k
    if steps >= _MOST_TEMPERATURES:
        raise InputError(
            f"from {lowest_k:g} to {highest_k:g} K by {step_k:g} K are more than "
            f"{_MOST_TEMPERATURES:,} temperatures; take a larger step"
        )
    return lowest_k + step_k * np.arange(math.floor(steps + 1e-9) + 1, dtype=np.float64)


def thermo_corpus(  # noqa: PLR0913 - options of one job
    inputs: Sequence[object],
    output: str | os.PathLike[str] | None,
    predictor: Predictor,
    temperatures_k: Iterable[float],
    *,
    per: str = "atom",
    interval: float | None = 0.9,
    options: PredictOptions | None = None,
    write: WriteOptions | None = None,
    batch_size: int = 64,
    on_window: Callable[[ThermoWindow], None] | None = None,
) -> ThermoSummary:
    """Write a table with a line for each crystal and temperature, in the order of the inputs.

    A reject has one line. Nothing is at ``output`` before the table is whole; an older table there
    is replaced at that moment.

    Args:
        inputs: files, folders, archives, tables or objects that :func:`stratus.read` takes; tables
            of SCOPE strings or formulas as well.
        output: where the table goes: ``.csv``, ``.parquet``, ``.jsonl``, ``.ndjson`` or ``.xlsx``;
            no table is written if None.
        predictor: of a model with the head of a law.
        temperatures_k: t temperatures, not negative, in K.
        per: what a mole is of: ``atom``, ``formula`` or ``cell``, the primitive one.
        interval: share of crystals that the intervals are to hold at any one temperature; their
            cells are empty if None.
        options: how crystals are read and encoded.
        write: how the table is written.
        batch_size: crystals that go through an encoder together.
        on_window: called with the curves of some crystals, in order.

    Returns:
        the counts.

    Raises:
        stratus.errors.InputError: an input, the output, the model, temperatures, ``per`` or the
            interval cannot be used.
        stratus.errors.StrictError: a crystal was rejected and ``strict`` was asked for.
        stratus.errors.StratusError: writing failed, or a worker cannot start.
    """
    started = time.monotonic()
    options, write = options or PredictOptions(), write or WriteOptions()
    path = check_files(inputs, output, write)
    require_inputs(inputs)
    at = check_temperatures(temperatures_k)
    windows = predictor.stream_curves(
        inputs, at, per=per, interval=interval, options=options, batch_size=batch_size
    )
    written = write_windows(
        path,
        header(predictor.model),
        windows,
        cells,
        on_window,
        options=write,
        keep_columns=options.keep_columns,
        about=about_table(predictor.model, interval, per=per),
    )
    return ThermoSummary(
        output=str(path or ""),
        rejects_file=str(write.rejects or ""),
        crystals=written.crystals,
        temperatures=len(at),
        lines=written.lines,
        rejects=written.rejects,
        first_rejects=written.first_rejects,
        seconds=time.monotonic() - started,
    )
