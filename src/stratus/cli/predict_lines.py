"""What is predicted of one crystal in words, a line for each target."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stratus.inference.columns import class_names, plain_target, power
from stratus.models.functionals import functional_of
from stratus.plots.interval_bar import Predicted as Shown
from stratus.plots.interval_bar import rounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stratus.models.model import Model
    from stratus.tasks.predicted import Predicted
    from stratus.tasks.task import Task


class Line(NamedTuple):
    """One target of one crystal, as texts.

    Attributes:
        target: its name.
        value: what is predicted.
        std: its standard deviation, empty for classes.
        ends: its interval, likewise.
        unit: of the numbers.
        functional: of the labels that the model learned from.
    """

    target: str
    value: str
    std: str
    ends: str
    unit: str
    functional: str

    @property
    def heading(self) -> str:
        """The target with what its numbers are in, for the head of a column."""
        return "\n".join((self.target, *filter(None, (self.unit, self.functional))))


def target_lines(
    model: Model,
    found: Mapping[str, Predicted],
    place: int,
    *,
    units: bool = False,
    digits: int | None = None,
) -> Iterator[Line]:
    """Yield a line for each target of a crystal.

    Args:
        model: what predicts.
        found: what it predicts.
        place: of the crystal in it.
        units: whether a target in a logarithm of a unit has a line in the unit itself too.
        digits: significant digits; as many as the interval allows if None.
    """
    for name, task in model.tasks.items():
        functional = functional_of(model, name)
        yield Line(name, *_cell(task, found[name], place, digits), task.unit, functional)
        plain = plain_target(task, model.tasks) if units else None
        if plain is not None:
            logarithms = _numbers(found[name], place)
            value, _, low, high = power(np.array(logarithms)).tolist()
            texts = rounded(Shown(plain[0], plain[1], value, math.nan, low, high), digits)
            yield Line(plain[0], *texts, plain[1], functional)


def _cell(task: Task, found: Predicted, place: int, digits: int | None) -> tuple[str, str, str]:
    """Return prediction, standard deviation and interval of a crystal as texts."""
    if task.kind == "multiclass":
        shares = found.value[place]
        best = int(shares.argmax())
        return f"{class_names(task)[best]} (p = {shares[best]:.2f})", "", ""
    if task.kind == "binary":
        return f"p = {found.value[place]:.2f}", "", ""
    return rounded(Shown(task.name, task.unit, *_numbers(found, place)), digits)


def _numbers(found: Predicted, place: int) -> tuple[float, float, float, float]:
    value, std, low, high = (
        math.nan if column is None else float(column[place])
        for column in (found.value, found.std, found.lo, found.hi)
    )
    return value, std, low, high
