"""Loss by epoch, of training and validation rows, for several folds and members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from stratus.errors import InputError
from stratus.plots.figure import COLOURS, GREY, drawing, literal, place_key, place_title, with_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

_WIDE: Final = 20.0
"""Largest loss over the smallest from which the axis is logarithmic."""


@dataclass(frozen=True, eq=False)
class Curve:
    """The losses of one member, from epoch 1 on.

    Attributes:
        name: of the fold; members of one name have one colour.
        validation: ``[epochs]``.
        train: ``[epochs]``, NaN or nothing where it was not measured.
        chosen: the epoch whose weights were taken, from 1; None marks nothing.
    """

    name: str
    validation: ArrayLike
    train: ArrayLike = ()
    chosen: int | None = None


def learning_curves(
    curves: Sequence[Curve],
    *,
    loss: str = "loss",
    unit: str = "",
    title: str = "",
    log: bool | None = None,
) -> Figure:
    """Draw the loss by epoch: training dashed, validation solid, the chosen epoch a dot.

    Up to seven names have a colour each; of more, training and validation have one each.

    Args:
        curves: one for each member.
        loss: what the vertical axis shows.
        unit: of it.
        title: above the figure.
        log: whether that axis is logarithmic; None: if the losses are positive and span more than
            a factor of 20.

    Raises:
        stratus.errors.InputError: there is no curve or no epoch, training and validation differ
            in length, or a chosen epoch is none of the curve.
    """
    if not curves:
        raise InputError("there is no learning curve to draw; give one at least")
    names = list(dict.fromkeys(curve.name for curve in curves))
    by_name = len(names) <= len(COLOURS)
    with drawing(height=2.8) as figure:
        axes = figure.add_subplot()
        seen = []
        for curve in curves:
            train, validation = _checked(curve)
            first = COLOURS[names.index(curve.name)] if by_name else COLOURS[0]
            second = first if by_name else COLOURS[1]
            seen += [*_line(axes, train, first, "--"), *_line(axes, validation, second, "-")]
            if curve.chosen is not None:
                axes.plot(
                    curve.chosen,
                    validation[curve.chosen - 1],
                    "o",
                    color=second,
                    markersize=5,
                    markeredgecolor="white",
                    zorder=4,
                )
        if _wide(np.array(seen)) if log is None else log:
            axes.set_yscale("log")
        axes.set_xlabel("epoch")
        axes.set_ylabel(literal(with_unit(loss, unit)))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        place_title(axes, title)
        key = _key(curves, names if by_name else [])
        place_key(figure, key, columns=min(4, len(key)))
    return figure


def _checked(curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    train, validation = np.asarray(curve.train, float), np.asarray(curve.validation, float)
    if validation.ndim != 1 or not len(validation):
        raise InputError(f"the learning curve {curve.name!r} has no epoch; give [epochs] losses")
    if len(train) not in {0, len(validation)}:
        raise InputError(
            f"the learning curve {curve.name!r} has {len(train)} epochs of training and "
            f"{len(validation)} of validation; give as many of both"
        )
    if curve.chosen is not None and not 1 <= curve.chosen <= len(validation):
        raise InputError(
            f"the learning curve {curve.name!r} has {len(validation)} epochs, so epoch "
            f"{curve.chosen} cannot be the chosen one"
        )
    return train, validation


def _line(axes: Axes, losses: NDArray[np.float64], colour: str, dashes: str) -> list[float]:
    if not len(losses):
        return []
    epochs = np.arange(1, len(losses) + 1)
    marker = "." if len(losses) == 1 else ""
    width, alpha = (1.0, 1.0) if dashes == "-" else (0.8, 0.8)
    axes.plot(epochs, losses, dashes, marker=marker, color=colour, linewidth=width, alpha=alpha)
    return [float(loss) for loss in losses if np.isfinite(loss)]


def _wide(losses: NDArray[np.float64]) -> bool:
    return len(losses) > 0 and bool(0 < losses.min() < losses.max() / _WIDE)


def _key(curves: Sequence[Curve], names: Sequence[str]) -> list[Line2D]:
    """Say what colours, dashes and dots mean."""
    one = COLOURS[0] if len(names) == 1 else GREY
    train, validation = (one, one) if names else COLOURS[:2]
    lines = [Line2D([], [], color=validation, label="validation")]
    if any(np.size(curve.train) for curve in curves):
        lines.insert(0, Line2D([], [], color=train, linestyle="--", label="training"))
    if any(curve.chosen is not None for curve in curves):
        dot = Line2D([], [], color=validation, marker="o", linestyle="", label="chosen epoch")
        dot.set_markersize(5)
        lines.append(dot)
    if len(names) > 1:
        colours = zip(names, COLOURS, strict=False)
        lines += [Line2D([], [], color=colour, label=literal(name)) for name, colour in colours]
    return lines
