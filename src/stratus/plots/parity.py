"""Truth against prediction: how far off, where, and whether the intervals hold."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LogNorm
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from scipy.spatial import cKDTree

from stratus.errors import InputError
from stratus.plots.figure import (
    COLOURS,
    DENSITY,
    GREY,
    drawing,
    literal,
    place_key,
    place_title,
    with_unit,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    Numbers = NDArray[np.float64]

_HEXAGONS_FROM: Final = 3000
"""Rows from which points would cover each other, so cells are counted instead."""

_NEAR: Final = 0.03
"""Points closer than this share of the axis count as near each other."""

_HEXAGONS: Final = 45
_MARGIN: Final = 0.03
_LINE: Final = 48  # letters of a line of the key


def parity(
    truth: ArrayLike,
    prediction: ArrayLike,
    *,
    name: str,
    unit: str = "",
    interval: tuple[ArrayLike, ArrayLike] | None = None,
    level: float | None = None,
    baseline: tuple[str, float] | None = None,
    bars: int = 40,
) -> Figure:
    """Draw predictions over true values.

    Up to 3,000 rows are points, shaded by how many are near; more are counted in hexagons. The
    mean absolute error (MAE) is that of all rows. Of the intervals some are drawn, one in each
    stretch of the axis; their measured coverage is that of all rows that have one.

    Args:
        truth: ``[n]``, in ``unit``; rows with NaN here or in ``prediction`` are left out.
        prediction: ``[n]``, in ``unit``.
        name: of the property.
        unit: of it.
        interval: lower and upper ends, ``[n]`` each, in ``unit``; NaN where there is none. Infinite
            ones hold every value and are not drawn.
        level: nominal coverage of the intervals, 0 to 1.
        baseline: name of a simple model and its MAE on the same rows.
        bars: most intervals to draw.

    Raises:
        stratus.errors.InputError: lengths differ, or no row has both numbers.
    """
    x, y, ends = _rows(truth, prediction, interval)
    low, high = _limits(x, y)
    with drawing(height=3.6) as figure:
        axes = figure.add_subplot()
        axes.axline((low, low), slope=1, color=GREY, linewidth=0.8, dashes=(4, 2), zorder=2.5)
        if len(x) < _HEXAGONS_FROM:
            _draw_points(axes, x, y, high - low)
        else:
            _draw_hexagons(figure, axes, x, y, (low, high))
        mae = _mae("prediction", float(np.abs(x - y).mean()), unit)
        dot = colormaps[DENSITY](0.45)
        key = [Line2D([], [], color=dot, marker="o", markersize=4, linestyle="", label=mae)]
        if baseline is not None:
            key.append(Line2D([], [], linestyle="", label=_mae(*baseline, unit)))
        if ends is not None and np.isfinite(ends).all(axis=0).any():
            key.append(_draw_bars(axes, x, y, ends, bars, "" if level is None else f"{level:.0%} "))
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        axes.set_xlabel(literal(with_unit("true value", unit)))
        axes.set_ylabel(literal(with_unit("prediction", unit)))
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        place_title(axes, f"{name}, {len(x):,} crystals")
        place_key(figure, key)
    return figure


def _rows(
    truth: ArrayLike, prediction: ArrayLike, interval: tuple[ArrayLike, ArrayLike] | None
) -> tuple[Numbers, Numbers, Numbers | None]:
    columns = [np.asarray(c, float) for c in (truth, prediction, *(interval or ()))]
    if len({column.shape for column in columns}) > 1 or columns[0].ndim != 1:
        shapes = ", ".join(str(column.shape) for column in columns)
        raise InputError(f"truth, prediction and interval are [n] each, not of the shapes {shapes}")
    here = np.isfinite(columns[0]) & np.isfinite(columns[1])
    if not here.any():
        raise InputError("no row has both a true value and a prediction, so there is no parity")
    x, y, *ends = (column[here] for column in columns)
    return x, y, np.stack(ends) if ends else None


def _limits(x: Numbers, y: Numbers) -> tuple[float, float]:
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    margin = _MARGIN * (high - low) or max(abs(high), 1.0) * _MARGIN
    return float(low - margin), float(high + margin)


def _draw_points(axes: Axes, x: Numbers, y: Numbers, span: float) -> None:
    """Draw a point for each row, the more crowded the lighter and the higher."""
    points = np.stack([x, y], axis=1)
    shade = cKDTree(points).query_ball_point(points, _NEAR * span, return_length=True)
    order = np.argsort(shade, kind="stable")
    colours = LogNorm(1, max(2.0, float(shade.max())))
    axes.scatter(
        x[order], y[order], c=shade[order], s=7, linewidths=0, cmap=DENSITY, norm=colours, zorder=3
    )


def _draw_hexagons(
    figure: Figure, axes: Axes, x: Numbers, y: Numbers, limits: tuple[float, float]
) -> None:
    cells = axes.hexbin(
        x, y, gridsize=_HEXAGONS, extent=(*limits, *limits), bins="log", mincnt=1,
        cmap=DENSITY, linewidths=0.1, zorder=2,
    )  # fmt: skip
    beside = axes.inset_axes((1.03, 0, 0.04, 1))
    figure.colorbar(cells, cax=beside, label="crystals in a hexagon")


def _draw_bars(axes: Axes, x: Numbers, y: Numbers, ends: Numbers, bars: int, level: str) -> Line2D:
    """Draw one interval in each of as many stretches of the axis; return the legend's line."""
    known = ~np.isnan(ends).any(axis=0)
    held = ((ends[0] <= x) & (x <= ends[1]))[known]
    there = np.flatnonzero(np.isfinite(ends).all(axis=0))
    edges = np.linspace(x[there].min(), x[there].max(), bars + 1)[1:-1]
    _, first = np.unique(np.searchsorted(edges, x[there]), return_index=True)
    chosen = there[first]
    colour = COLOURS[1]
    axes.vlines(x[chosen], ends[0, chosen], ends[1, chosen], color=colour, linewidth=0.8, zorder=4)
    axes.scatter(x[chosen], y[chosen], s=4, color=colour, linewidths=0, zorder=4.1)
    drawn = f"{len(chosen):,} of {len(held):,} drawn"
    label = f"{level}interval ({drawn}); {held.mean():.1%} hold the true value"
    return Line2D([], [], color=colour, linewidth=1, marker="o", markersize=2, label=label)


def _mae(name: str, number: float, unit: str) -> str:
    return literal(fill(f"{name}: MAE {number:.3g} {unit}".rstrip(), _LINE))
