"""Curves of the crystals of any number of inputs, as arrays and as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from stratus.inference.data_frame import data_frame
from stratus.inference.thermo_columns import cells, header
from stratus.inference.thermo_curves import ThermoCurves, joined_curves, placed_curves
from stratus.inference.windows import ThermoWindow, joined_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from stratus.crystals.entry import Reject
    from stratus.inference.row import Row
    from stratus.models.model import Model


@dataclass(frozen=True, eq=False, kw_only=True)
class CrystalCurves(ThermoCurves):
    """Curves with the crystals that they are of, in the order of the inputs; NaN for rejects.

    Attributes:
        window: the crystals, with what was decided about each.
        model: what predicted.
        interval: share of crystals that the intervals are to hold; None for no intervals.
    """

    window: ThermoWindow
    model: Model
    interval: float | None

    @classmethod
    def of(cls, windows: Sequence[ThermoWindow], model: Model, interval: float | None) -> Self:
        """Put windows after one another, at least one.

        Args:
            windows: the crystals of a stream.
            model: what predicts.
            interval: share of crystals that the intervals are to hold.
        """
        rows, where, notes = joined_rows(windows)
        curves = joined_curves([placed_curves(part.curves, part.where) for part in windows])
        window = ThermoWindow(rows, where, [], curves, notes)
        return cls(**vars(curves), window=window, model=model, interval=interval)

    @property
    def rows(self) -> Sequence[Row]:
        """The crystals: ids, sources, formulas, rejects."""
        return self.window.rows

    @property
    def ids(self) -> tuple[str, ...]:
        """The id of each crystal."""
        return tuple(row.id for row in self.rows)

    @property
    def rejects(self) -> tuple[Reject, ...]:
        """Why some crystals could not be read, in their order."""
        return tuple(row.reject for row in self.rows if row.reject is not None)

    def to_pandas(self) -> pd.DataFrame:
        """Return a table with the rows and columns that ``stratus thermo`` writes.

        There is a row for each crystal and temperature, and one for each reject. The index holds
        the ids; units and functionals are in ``attrs``.
        """
        lines = (line for _, line in cells(self.window))
        return data_frame(header(self.model), lines, self.model, self.interval, per=self.per)
