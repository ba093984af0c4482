"""Errors by kind of crystal: where a model is good, beside another, with how many rows each has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.patches import Patch

from stratus.errors import InputError
from stratus.plots.figure import COLOURS, GREY, drawing, literal, place_key, place_title, with_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

_ROW_INCHES: Final = 0.3
_THICK: Final = 0.36


@dataclass(frozen=True)
class GroupError:
    """One group of rows.

    Attributes:
        name: such as ``cubic``.
        rows: how many there are.
        first: mean loss of the method that is looked at.
        second: that of the method beside it; None where there is none.
    """

    name: str
    rows: int
    first: float
    second: float | None = None


def group_errors(
    groups: Sequence[GroupError],
    *,
    methods: tuple[str, str | None],
    loss: str,
    unit: str = "",
    title: str = "",
) -> Figure:
    """Draw a bar for each group, and a second one beside it for another method.

    Args:
        groups: from top to bottom.
        methods: what the two are called.
        loss: what the bars show.
        unit: of it.
        title: above the figure.

    Raises:
        stratus.errors.InputError: there is no group, or a loss is no finite number from 0 on.
    """
    if not groups:
        raise InputError("there is no group to draw errors of; give one at least")
    for group in groups:
        for value in (group.first, group.second):
            if value is not None and not (np.isfinite(value) and value >= 0):
                raise InputError(f"the group {group.name!r} has the loss {value}, which is no size")
    second = methods[1] is not None
    with drawing(height=1.1 + _ROW_INCHES * len(groups)) as figure:
        axes = figure.add_subplot()
        places = np.arange(len(groups))
        shift = _THICK / 2 if second else 0.0
        firsts = [group.first for group in groups]
        axes.barh(places - shift, firsts, height=_THICK, color=COLOURS[0])
        key = [Patch(color=COLOURS[0], label=literal(methods[0]))]
        if second:
            others = [0.0 if g.second is None else g.second for g in groups]
            axes.barh(places + shift, others, height=_THICK, color=GREY)
            key.append(Patch(color=GREY, label=literal(methods[1] or "")))
        axes.set_yticks(places, [literal(f"{g.name} ({g.rows:,})") for g in groups])
        axes.invert_yaxis()
        axes.set_xlabel(literal(with_unit(loss, unit)))
        place_title(axes, title)
        place_key(figure, key)
    return figure
