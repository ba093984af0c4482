"""What is predicted of one property, and what is to be said of each prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Predicted:
    """What is predicted of one property, for n crystals, in float64.

    Attributes:
        value: of a regression ``[n]``, in the unit of the task; of a binary task ``[n]``, the
            probability of class 1; of a multiclass task ``[n, classes]``, probabilities in the
            order of the classes of the task. NaN where nothing is predicted.
        std: like ``value``, how far the members differ; with a ``gaussian`` loss the spread that
            the heads give is in it too (as of a mixture, Lakshminarayanan et al. 2017,
            arXiv:1612.01474). NaN where there is one member that says nothing about its spread.
        lo: ``[n]``, lower end of the interval; None where none was asked for, and of classes.
            NaN where nothing is calibrated, infinite where too little is known.
        hi: ``[n]``, upper end of the interval, likewise.
        notes: ``[n]``, what is to be said of a prediction: which identity made it, or why it is
            ``out`` of what was learned; empty texts, or no texts at all, where nothing is.
    """

    value: Floats
    std: Floats
    lo: Floats | None = None
    hi: Floats | None = None
    notes: tuple[str, ...] = ()

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        """Return the values, so that NumPy takes predictions for numbers."""
        return np.array(self.value, dtype) if copy else np.asarray(self.value, dtype)

    def __len__(self) -> int:
        """Return the number of crystals."""
        return len(self.value)

    def __getitem__(self, place: Any) -> Any:
        """Return the value of a crystal, or those of several, as the array of values does."""
        return self.value[place]

    def note(self, place: int) -> str:
        """Return what is to be said of the prediction for one crystal."""
        return self.notes[place] if self.notes else ""


def joined(parts: Sequence[dict[str, Predicted]]) -> dict[str, Predicted]:
    """Return predictions for crystals after one another, at least one part, as one."""
    return {name: _end_to_end([part[name] for part in parts]) for name in parts[0]}


def placed(found: Predicted, where: NDArray[np.int64]) -> Predicted:
    """Return predictions in the places of their rows, NaN in those of rejects.

    Args:
        found: for m crystals.
        where: ``[n]``, the place of each row in them, -1 for a reject.
    """
    if len(where) == len(found.value):
        return found

    def column(values: Floats | None) -> Any:
        if values is None:
            return None
        there = np.full((len(where), *values.shape[1:]), np.nan)
        there[where >= 0] = values
        return there

    notes = tuple(found.notes[k] if k >= 0 else "" for k in where.tolist()) if found.notes else ()
    return Predicted(
        column(found.value), column(found.std), column(found.lo), column(found.hi), notes
    )


def notes_on(predicted: Mapping[str, Predicted], place: int) -> tuple[str, ...]:
    """Return what is to be said of all predictions for one crystal, in sentences.

    A note that several targets share is written once, after their names.
    """
    targets: dict[str, list[str]] = {}
    for name, found in predicted.items():
        if text := found.note(place):
            targets.setdefault(text, []).append(name)
    return tuple(f"{', '.join(names)}: {text}." for text, names in targets.items())


def stretched(value: Floats, end: Floats, factors: Floats) -> Floats:
    """Return ends of intervals so many times as far from the values; NaN stays NaN.

    Args:
        value: any shape.
        end: the same shape.
        factors: 1 at least, also infinite; broadcasts against them.
    """
    away = end - value
    with np.errstate(invalid="ignore", over="ignore"):  # infinitely often nothing is nothing
        moved = value + np.where(away == 0, 0, factors * away)
    return np.where(factors == 1, end, moved)


def _end_to_end(parts: Sequence[Predicted]) -> Predicted:
    def column(name: str) -> Any:
        arrays = [getattr(part, name) for part in parts if getattr(part, name) is not None]
        return np.concatenate(arrays) if arrays else None

    notes: tuple[str, ...] = ()
    if any(part.notes for part in parts):
        notes = tuple(text for part in parts for text in part.notes or ("",) * len(part.value))
    return Predicted(column("value"), column("std"), column("lo"), column("hi"), notes)


class Draft:
    """Predictions of a regression that are still changed.

    Args:
        predicted: where they begin; it stays as it is.
    """

    def __init__(self, predicted: Predicted) -> None:
        self.value, self.std = predicted.value.copy(), predicted.std.copy()
        self.lo = None if predicted.lo is None else predicted.lo.copy()
        self.hi = None if predicted.hi is None else predicted.hi.copy()
        self.notes = list(predicted.notes or ("",) * len(predicted.value))

    @property
    def ends(self) -> tuple[Floats, ...]:
        """The ends of the intervals, if there are any."""
        return tuple(end for end in (self.lo, self.hi) if end is not None)

    def fix(self, rows: NDArray[np.bool_], value: float, note: str) -> None:
        """Say that some values are known; NaN says that there is nothing to know."""
        for column in (self.value, *self.ends):
            column[rows] = value
        self.std[rows] = 0 * value
        self.say(rows, note, alone=True)

    def cut(self, lowest: Floats | float, highest: Floats | float = np.inf) -> None:
        """Bring values and ends between bounds, a number or one a crystal; NaN stays NaN."""
        for column in (self.value, *self.ends):
            np.copyto(column, np.minimum(np.maximum(column, lowest), highest))

    def stretch(self, factors: Floats) -> None:
        """Move the ends of intervals away from the values, by a factor for each crystal."""
        if self.lo is not None:
            self.lo = stretched(self.value, self.lo, factors)
        if self.hi is not None:
            self.hi = stretched(self.value, self.hi, factors)

    def widen(self, rows: NDArray[np.bool_], lo: Floats | float, hi: Floats | float) -> None:
        """Move the ends of some intervals outwards, no further than to bounds; NaN stays NaN."""
        if self.lo is not None:
            np.copyto(self.lo, np.minimum(self.lo, lo), where=rows)
        if self.hi is not None:
            np.copyto(self.hi, np.maximum(self.hi, hi), where=rows)

    def say(self, rows: NDArray[np.bool_], note: str, *, alone: bool = False) -> None:
        """Add a note to some crystals, or put it in the place of what was said of them."""
        for place in np.flatnonzero(rows).tolist():
            before = "" if alone else self.notes[place]
            self.notes[place] = f"{before}; {note}" if before else note

    def done(self) -> Predicted:
        """Return the predictions as they are now."""
        notes = tuple(self.notes) if any(self.notes) else ()
        return Predicted(self.value, self.std, self.lo, self.hi, notes)
