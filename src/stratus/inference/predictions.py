"""What is predicted for crystals of any number of inputs, as arrays, as a table, as a page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from stratus.inference.columns import OWN, cells, header
from stratus.inference.data_frame import data_frame
from stratus.inference.properties import predict_samples
from stratus.inference.row import joined_notes
from stratus.inference.windows import Window, joined_rows
from stratus.tasks.predicted import Predicted, joined, placed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pandas as pd

    from stratus.crystals.entry import Reject
    from stratus.inference.columns import Cell
    from stratus.inference.row import Row
    from stratus.models.model import Model

_SHOWN_ROWS: Final = 10
_SHOWN_TARGETS: Final = 8
_LONGEST: Final = 60


class Predictions(Mapping[str, Predicted]):
    """Predictions by target, a row for each crystal of the inputs, in their order.

    Args:
        window: all crystals with what is predicted for each, NaN for rejects.
        model: what predicted.
        interval: share of crystals that the intervals are to hold; None for no intervals.
    """

    def __init__(self, window: Window, model: Model, interval: float | None) -> None:
        self._window = window
        self._model = model
        self._interval = interval

    @classmethod
    def of(cls, windows: Iterable[Window], model: Model, interval: float | None) -> Self:
        """Put windows after one another.

        Args:
            windows: the crystals of a stream.
            model: what predicted.
            interval: share of crystals that the intervals are to hold.
        """
        parts = list(windows)
        if not parts:
            nothing = predict_samples(model, [], [], level=interval)
            parts = [Window([], np.empty(0, np.int64), nothing)]
        rows, where, notes = joined_rows(parts)
        predicted = joined(
            [
                {name: placed(found, part.where) for name, found in part.predicted.items()}
                for part in parts
            ]
        )
        return cls(Window(rows, where, predicted, notes), model, interval)

    def __getitem__(self, target: str) -> Predicted:
        """Return what is predicted of a target, NaN for rejects."""
        return self._window.predicted[target]

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the targets."""
        return iter(self._window.predicted)

    def __len__(self) -> int:
        """Return the number of targets."""
        return len(self._window.predicted)

    def __repr__(self) -> str:
        """Return one line."""
        rejects = f", {_count(len(self.rejects), 'reject')}" if self.rejects else ""
        return f"<Predictions for {_count(len(self.rows), 'crystal')}{rejects}: {', '.join(self)}>"

    @property
    def rows(self) -> Sequence[Row]:
        """The crystals: ids, sources, formulas, rejects."""
        return self._window.rows

    @property
    def ids(self) -> tuple[str, ...]:
        """The id of each crystal."""
        return tuple(row.id for row in self.rows)

    @property
    def rejects(self) -> tuple[Reject, ...]:
        """Why some crystals could not be read, in their order."""
        return tuple(row.reject for row in self.rows if row.reject is not None)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided about each crystal, at reading and at predicting; mostly nothing."""
        said = self._window.notes
        return tuple(
            joined_notes((*row.notes, *said.get(k, ()))) for k, row in enumerate(self.rows)
        )

    def to_pandas(self, *, units: bool = False) -> pd.DataFrame:
        """Return a table with the columns that the command line writes.

        The index holds the ids. Columns of intervals are there if intervals were asked for.

        Args:
            units: whether a target in a logarithm of a unit has columns in the unit itself too.

        Returns:
            a row for each crystal, rejects with NaN; ``attrs`` holds ``model``, ``interval``,
            and by column ``units`` and ``functionals``.
        """
        columns = header(self._model, units=units)
        lines = (line for _, line in cells(self._window, self._model.tasks, units=units))
        return data_frame(columns, lines, self._model, self._interval)

    def _repr_html_(self) -> str:
        """Return a small table for a notebook: the first crystals and targets, with units."""
        columns = header(self._model)
        places = [k for k in range(len(OWN), len(columns)) if not columns[k].part]
        shown = places[:_SHOWN_TARGETS]
        heads = "".join(f"<th>{_text(columns[k].name)}{_unit(columns[k].unit)}</th>" for k in shown)
        first = Window(
            self.rows[:_SHOWN_ROWS],
            self._window.where[:_SHOWN_ROWS],
            self._window.predicted,
            self._window.notes,
        )
        body = []
        for row, line in cells(first, self._model.tasks):
            if row.reject is not None:
                what = _text(f"{row.reject.code}: {row.reject.detail}")
                values = f'<td colspan="{max(1, len(shown))}"><em>{what}</em></td>'
            else:
                values = "".join(f"<td>{_text(_number(line[k]))}</td>" for k in shown)
            body.append(f"<tr><th>{_text(row.id)}</th>{values}</tr>")
        more = [
            _count(count, what)
            for count, what in (
                (len(self.rows) - len(body), "more crystal"),
                (len(places) - len(shown), "more target"),
            )
            if count > 0
        ]
        end = f"<p>and {' and '.join(more)}</p>" if more else ""
        table = f"<tr><th>id</th>{heads}</tr>{''.join(body)}"
        return f"<table><caption>{_text(self._model.card.name)}</caption>{table}</table>{end}"


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _number(cell: Cell) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else str("" if cell is None else cell)


def _unit(unit: str) -> str:
    return f"<br><small>{_text(unit)}</small>" if unit else ""


def _text(text: str) -> str:
    return escape(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}...")
