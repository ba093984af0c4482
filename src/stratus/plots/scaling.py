"""Scaling laws: loss against compute with the frontier, contours, residuals, single powers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LogNorm, to_hex
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from stratus.errors import InputError
from stratus.plots.figure import COLOURS, DENSITY, GREY, drawing, literal, place_key, place_title

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.contour import QuadContourSet
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

_MARGIN: Final = 0.12
_CURVE: Final = 200
_LEVELS: Final = 9
_NEAR: Final = 0.06  # of an axis


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs of several sizes.

    Attributes:
        parameters: ``[n]``.
        tokens: ``[n]``.
        compute: ``[n]``, operations.
        loss: ``[n]``, measured.
        fitted: ``[n]``, of the law.
        held_out: places of runs that are marked.
    """

    parameters: ArrayLike
    tokens: ArrayLike
    compute: ArrayLike
    loss: ArrayLike
    fitted: ArrayLike
    held_out: Sequence[int] = ()


def loss_against_compute(
    runs: Runs,
    law: Callable[[Floats, Floats], Floats],
    frontier: Callable[[Floats], Floats] | None,
    *,
    operations: float = 6.0,
    unit: str = "nat",
    title: str = "",
) -> Figure:
    """Draw the loss of each run over its operations, the law of each size, and the frontier.

    Args:
        runs: points; each size has a colour.
        law: the loss for parameters ``[k]`` and tokens ``[k]``.
        frontier: the least loss for a number of operations ``[k]``; None where it is refused.
        operations: for each parameter and token, for the lines.
        unit: of the loss.
        title: above the figure.

    Raises:
        stratus.errors.InputError: no runs, or columns of different lengths.
    """
    columns = _columns(runs)
    sizes = np.unique(columns["parameters"])
    colours = _colours(sizes)
    with drawing(height=3.2) as figure:
        axes = figure.add_subplot()
        for size in sizes:
            here = columns["parameters"] == size
            compute, tokens = columns["compute"][here], columns["tokens"][here]
            line = np.geomspace(tokens.min(), tokens.max(), _CURVE)
            each = float(np.median(compute / tokens))  # as these runs cost, heads included
            axes.plot(each * line, law(np.full(_CURVE, size), line), color=colours[size], lw=0.8)
            axes.plot(compute, columns["loss"][here], "o", color=colours[size], markersize=4)
        for place in runs.held_out:
            axes.plot(
                columns["compute"][place], columns["loss"][place], "o", markersize=8,
                markerfacecolor="none", markeredgecolor=COLOURS[1], markeredgewidth=1.0,
            )  # fmt: skip
        lo, hi = _widened(columns["compute"], logarithmic=True)
        if frontier is not None:
            line = np.geomspace(lo, hi, _CURVE)
            usual = float(
                np.median(columns["compute"] / (columns["parameters"] * columns["tokens"]))
            )
            axes.plot(line, frontier(line * operations / usual), color="black", dashes=(4, 2), lw=1)
        axes.set(xscale="log", yscale="log", xlim=(lo, hi), ylim=_widened(columns["loss"]))
        axes.set_xlabel("training compute (FLOP)")
        axes.set_ylabel(literal(f"loss ({unit})" if unit else "loss"))
        _plain_log(axes)
        place_title(axes, title)
        place_key(
            figure,
            _key(sizes, colours, frontier=frontier is not None, held_out=bool(runs.held_out)),
            columns=2,
        )
    return figure


def contours(
    runs: Runs,
    law: Callable[[Floats, Floats], Floats],
    best: Callable[[Floats], tuple[Floats, Floats]] | None,
    *,
    operations: float = 6.0,
    unit: str = "nat",
    title: str = "",
) -> Figure:
    """Draw lines of equal loss over parameters and tokens, the runs, and the best sizes.

    Args:
        runs: points, coloured by their measured loss.
        law: the loss for parameters ``[k]`` and tokens ``[k]``.
        best: parameters and tokens with the least loss for operations ``[k]``; None if refused.
        operations: for each parameter and token.
        unit: of the loss.
        title: above the figure.

    Raises:
        stratus.errors.InputError: no runs, or columns of different lengths.
    """
    columns = _columns(runs)
    across = _widened(columns["parameters"], logarithmic=True)
    up = _widened(columns["tokens"], logarithmic=True)
    grid = np.meshgrid(np.geomspace(*across, _CURVE), np.geomspace(*up, _CURVE))
    surface = law(grid[0].ravel(), grid[1].ravel()).reshape(grid[0].shape)
    lo = min(float(surface.min()), float(columns["loss"].min()))
    hi = max(float(surface.max()), float(columns["loss"].max()))
    norm = LogNorm(lo, max(hi, lo * 1.0001))
    with drawing(height=3.2) as figure:
        axes = figure.add_subplot()
        axes.set(xscale="log", yscale="log", xlim=across, ylim=up)
        levels = np.geomspace(float(surface.min()), float(surface.max()), _LEVELS + 2)[1:-1]
        lines = axes.contour(*grid, surface, levels=levels, cmap=DENSITY, norm=norm, linewidths=0.8)
        _label(axes, lines, surface, grid, (columns["parameters"], columns["tokens"]))
        shown = axes.scatter(
            columns["parameters"], columns["tokens"], c=columns["loss"], cmap=DENSITY, norm=norm,
            s=26, edgecolors="black", linewidths=0.5, zorder=3,
        )  # fmt: skip
        handles = [Line2D([], [], color=GREY, lw=0.8, label="equal loss, by the law")]
        handles.append(
            Line2D([], [], marker="o", linestyle="", color=GREY, markeredgecolor="black",
                   markersize=5, label="runs, by measured loss")
        )  # fmt: skip
        if best is not None:
            products = operations * across[0] * up[0] / 10, operations * across[1] * up[1] * 10
            axes.plot(*best(np.geomspace(*products, _CURVE)), color=COLOURS[1], lw=1.2)
            handles.append(Line2D([], [], color=COLOURS[1], lw=1.2, label="best for its compute"))
        axes.set_xlabel("parameters without embeddings")
        axes.set_ylabel("tokens seen")
        _thousands(axes.xaxis)
        _thousands(axes.yaxis)
        bar = figure.colorbar(shown, ax=axes)
        bar.set_label(literal(f"loss ({unit})" if unit else "loss"))
        _plain_log(bar.ax)
        place_title(axes, title)
        place_key(figure, handles, columns=1)
    return figure


def scaling_residuals(runs: Runs, *, title: str = "") -> Figure:
    """Draw how far each run lies from the law, in per cent, over parameters and over tokens.

    Args:
        runs: points; sizes have colours.
        title: above the figure.

    Raises:
        stratus.errors.InputError: no runs, or columns of different lengths.
    """
    columns = _columns(runs)
    off = 100 * (columns["loss"] / columns["fitted"] - 1)
    reach = max(1.0, 1.15 * float(np.abs(off).max()))
    sizes = np.unique(columns["parameters"])
    colours = _colours(sizes)
    with drawing(width=6.0, height=2.6) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, name in ((left, "parameters"), (right, "tokens")):
            axes.axhline(0, color=GREY, linewidth=0.8, dashes=(4, 2))
            for size in sizes:
                here = columns["parameters"] == size
                axes.plot(columns[name][here], off[here], "o", color=colours[size], markersize=4)
            for place in runs.held_out:
                axes.plot(
                    columns[name][place], off[place], "o", markersize=8, markerfacecolor="none",
                    markeredgecolor=COLOURS[1], markeredgewidth=1.0,
                )  # fmt: skip
            axes.set(xscale="log", ylim=(-reach, reach))
            axes.set_xlim(_widened(columns[name], logarithmic=True))
            _thousands(axes.xaxis)
        left.set_xlabel("parameters without embeddings")
        right.set_xlabel("tokens seen")
        left.set_ylabel("measured less fitted loss (%)")
        place_title(left, title)
        place_key(
            figure,
            _key(sizes, colours, frontier=False, held_out=bool(runs.held_out)),
            columns=3,
        )
    return figure


def single_power(
    x: ArrayLike,
    loss: ArrayLike,
    laws: Sequence[tuple[str, Callable[[Floats], Floats]]],
    *,
    name: str = "x",
    unit: str = "",
    title: str = "",
) -> Figure:
    """Draw losses over one variable, with laws.

    Args:
        x: ``[n]``.
        loss: ``[n]``.
        laws: a name and the loss for values ``[k]``, each; up to six.
        name: of the variable.
        unit: of the loss.
        title: above the figure.

    Raises:
        stratus.errors.InputError: no points, or columns of different lengths.
    """
    across, up = np.asarray(x, float), np.asarray(loss, float)
    if not len(across) or across.shape != up.shape:
        raise InputError(f"{across.size} values and {up.size} losses cannot be drawn; give pairs")
    with drawing(height=3.0) as figure:
        axes = figure.add_subplot()
        axes.plot(across, up, "o", color="black", markersize=4, label="runs", zorder=3)
        ends = _widened(across, logarithmic=True)
        line = np.geomspace(*ends, _CURVE)
        for (label, law), colour in zip(laws, COLOURS, strict=False):
            axes.plot(line, law(line), color=colour, label=literal(label))
        axes.set(xscale="log", yscale="log", xlim=ends, ylim=_widened(up))
        axes.set_xlabel(literal(name))
        axes.set_ylabel(literal(f"loss ({unit})" if unit else "loss"))
        _plain_log(axes)
        place_title(axes, title)
        place_key(figure, axes.get_legend_handles_labels()[0], columns=3)
    return figure


def _columns(runs: Runs) -> dict[str, Floats]:
    names = ("parameters", "tokens", "compute", "loss", "fitted")
    columns = {name: np.asarray(getattr(runs, name), float) for name in names}
    if len({column.shape for column in columns.values()}) > 1 or not columns["loss"].size:
        raise InputError(
            "runs to be drawn need parameters, tokens, compute, loss and fitted of equal length, "
            f"not {', '.join(str(column.size) for column in columns.values())}"
        )
    return columns


def _colours(sizes: Floats) -> dict[float, str]:
    places = np.linspace(0, 0.88, len(sizes))
    shades = colormaps[DENSITY](places)
    return {float(size): to_hex(shade) for size, shade in zip(sizes, shades, strict=True)}


def _widened(values: Floats, *, logarithmic: bool = True) -> tuple[float, float]:
    logs = np.log(values) if logarithmic else values
    room = max(_MARGIN * float(np.ptp(logs)), 0.02)
    lo, hi = float(logs.min()) - room, float(logs.max()) + room
    return (float(np.exp(lo)), float(np.exp(hi))) if logarithmic else (lo, hi)


def _label(
    axes: Axes,
    lines: QuadContourSet,
    surface: Floats,
    grid: Sequence[Floats],
    runs: tuple[Floats, Floats],
) -> None:
    """Write the level of each line where it crosses the diagonal, away from edges and runs."""
    edges = [(np.log(each.min()), np.log(each.max())) for each in grid]
    beside = [(np.log(each) - lo) / (hi - lo) for each, (lo, hi) in zip(runs, edges, strict=True)]
    share = np.linspace(0, 1, len(surface))  # along the diagonal, and of each axis
    crossed = np.interp(-np.asarray(lines.levels), -np.diag(surface), share)
    places = [
        tuple(float(np.exp(lo + at * (hi - lo))) for lo, hi in edges)
        for at in crossed.tolist()
        if _NEAR < at < 1 - _NEAR and np.hypot(beside[0] - at, beside[1] - at).min() > _NEAR
    ]
    axes.clabel(lines, fontsize=6, fmt="%.3g", manual=places)


def _plain_log(axes: Axes) -> None:
    """Write losses as 0.5 and 2, not as powers of ten."""
    axes.yaxis.set_major_locator(LogLocator(10, subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _thousands(axis: Axis) -> None:
    """Write counts as 300k and 6M."""
    axis.set_major_locator(LogLocator(10, subs=(1.0, 3.0)))
    axis.set_major_formatter(EngFormatter(sep=""))
    axis.set_minor_formatter(NullFormatter())


def _key(
    sizes: Floats,
    colours: dict[float, str],
    *,
    frontier: bool,
    held_out: bool,
) -> list[Line2D]:
    shown = sizes if len(sizes) <= 10 else sizes[np.linspace(0, len(sizes) - 1, 6).astype(int)]
    handles = [
        Line2D([], [], color=colours[float(size)], marker="o", markersize=4, lw=0.8,
               label=f"{size:,.0f} parameters")
        for size in shown
    ]  # fmt: skip
    if frontier:
        handles.append(
            Line2D([], [], color="black", dashes=(4, 2), lw=1, label="best size for its compute")
        )
    if held_out:
        handles.append(
            Line2D([], [], marker="o", linestyle="", markersize=8, markerfacecolor="none",
                   markeredgecolor=COLOURS[1], label="held out of a second fit")
        )  # fmt: skip
    return handles
