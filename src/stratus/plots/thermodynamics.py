"""Heat capacity, entropy, internal energy and free energy over temperature, of a few crystals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from stratus.errors import InputError
from stratus.plots.figure import COLOURS, GREY, drawing, literal, place_key, place_title, with_unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

_NAMES: Final = {
    "cv": r"heat capacity $C_v$",
    "s": "entropy $S$",
    "u": "internal energy $U$",
    "f": "free energy $F$",
}
_MARKERS: Final = "osD^vP*"


@dataclass(frozen=True, eq=False)
class Band:
    """One quantity of one crystal over temperature.

    Attributes:
        value: ``[t]``.
        lo: ``[t]``, lower end of its interval; None or NaN where there is none.
        hi: ``[t]``, upper end of its interval.
    """

    value: ArrayLike
    lo: ArrayLike | None = None
    hi: ArrayLike | None = None


@dataclass(frozen=True, eq=False)
class Curves:
    """What is drawn of one crystal.

    Attributes:
        name: of the crystal.
        temperature_k: ``[t]``, rising, in K.
        bands: by quantity, out of ``cv``, ``s``, ``u`` and ``f``.
        limit: 3R times the atoms that a mole is of, in the unit of ``cv``; None for no line.
        measured: by quantity, measured points: temperatures in K and values.
    """

    name: str
    temperature_k: ArrayLike
    bands: Mapping[str, Band]
    limit: float | None = None
    measured: Mapping[str, tuple[ArrayLike, ArrayLike]] = field(default_factory=dict)


def thermodynamics(
    curves: Sequence[Curves],
    *,
    units: Mapping[str, str],
    per: str = "",
    interval: float | None = None,
) -> Figure:
    """Draw a panel for each quantity, a line for each crystal, with shaded intervals.

    The heat capacity at high temperature, of Dulong and Petit, is dashed.

    Args:
        curves: of up to seven crystals, all with the same quantities.
        units: of the quantities.
        per: what a mole is of, in words, such as ``per mole of atoms``; above the first panel.
        interval: share that the intervals are to hold, for the legend.

    Raises:
        stratus.errors.InputError: there are no crystals or too many, quantities or units are
            missing, or lengths differ.
    """
    if not 1 <= len(curves) <= len(COLOURS):
        raise InputError(f"a figure shows 1 to {len(COLOURS)} crystals, not {len(curves)}")
    names = [name for name in _NAMES if name in curves[0].bands]
    for each in curves:
        _check(each, names, units)
    rows = 1 if len(names) <= 2 else 2
    columns = -(-len(names) // rows)
    with drawing(width=3.4 * columns, height=2.1 * rows + 0.5) as figure:
        panels = figure.subplots(rows, columns, sharex=True, squeeze=False)
        shaded: list[bool] = []
        for name, axes in zip(names, panels.flat, strict=False):
            shaded += [
                _draw(axes, each, name, colour)
                for each, colour in zip(curves, COLOURS, strict=False)
            ]
            axes.set_ylabel(f"{_NAMES[name]}, {literal(units[name])}")
            axes.margins(x=0)
            if name in {"cv", "s"}:
                axes.set_ylim(bottom=0)
        for axes in panels[-1]:
            axes.set_xlabel(with_unit("temperature", "K"))
        for axes in panels.flat[len(names) :]:
            axes.set_visible(False)
        place_title(panels[0, 0], per)
        place_key(figure, _key(curves, interval if any(shaded) else None), columns=1 + columns)
    return figure


def _check(each: Curves, names: Sequence[str], units: Mapping[str, str]) -> None:
    there = [name for name in _NAMES if name in each.bands]
    if not names or there != list(names):
        raise InputError(
            f"the curves of {each.name!r} are of {', '.join(there) or 'nothing'}, not of "
            f"{', '.join(names) or 'cv, s, u or f'}; give the same quantities for all crystals"
        )
    points = np.shape(each.temperature_k)
    for name in names:
        band = each.bands[name]
        if name not in units:
            raise InputError(f"the unit of {name} is missing; give it")
        for part in (band.value, band.lo, band.hi):
            if part is not None and (np.shape(part) != points or len(points) != 1):
                raise InputError(
                    f"{name} of {each.name!r} has the shape {np.shape(part)}, and its temperatures "
                    f"{points}; give [t] of both"
                )


def _draw(axes: Axes, each: Curves, name: str, colour: str) -> bool:
    """Draw a quantity of a crystal; return whether it has an interval."""
    at = np.asarray(each.temperature_k, float)
    band = each.bands[name]
    if name == "cv" and each.limit is not None:
        axes.axhline(each.limit, color=GREY, linewidth=0.8, dashes=(4, 2), zorder=1)
    shaded = False
    if band.lo is not None and band.hi is not None:
        lo, hi = np.asarray(band.lo, float), np.asarray(band.hi, float)
        known = np.isfinite(lo) & np.isfinite(hi)
        shaded = bool(known.any())
        axes.fill_between(at, lo, hi, where=known, color=colour, alpha=0.18, linewidth=0)
    axes.plot(at, np.asarray(band.value, float), color=colour, marker="." if len(at) == 1 else "")
    if name in each.measured:
        marker = _MARKERS[COLOURS.index(colour)]
        axes.plot(
            *(np.asarray(part, float) for part in each.measured[name]), marker, color=colour,
            markersize=3.5, markeredgecolor="white", markeredgewidth=0.4, zorder=4,
        )  # fmt: skip
    return shaded


def _key(curves: Sequence[Curves], interval: float | None) -> list[Artist]:
    lines: list[Artist] = [
        Line2D([], [], color=colour, label=literal(each.name))
        for each, colour in zip(curves, COLOURS, strict=False)
    ]
    if any(each.limit is not None and "cv" in each.bands for each in curves):
        lines.append(Line2D([], [], color=GREY, linewidth=0.8, dashes=(4, 2), label="3R an atom"))
    if interval is not None:
        lines.append(Patch(color=GREY, alpha=0.3, linewidth=0, label=f"{interval:.0%} interval"))
    if any(each.measured for each in curves):
        dot = Line2D([], [], color=GREY, marker="o", linestyle="", label="measured")
        dot.set_markersize(3.5)
        lines.append(dot)
    return lines
