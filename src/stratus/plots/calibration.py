"""Nominal against measured coverage of intervals, with what chance alone would do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.patches import Patch
from matplotlib.ticker import MultipleLocator
from scipy.stats import binom

from stratus.errors import InputError
from stratus.plots.figure import COLOURS, GREY, drawing, literal, place_key, place_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

_TAILS: Final = (0.025, 0.975)
_MARKERS: Final = "osD^vP*"


@dataclass(frozen=True, eq=False)
class Coverage:
    """How often the intervals of some rows held the true value.

    Attributes:
        name: of the rows, such as ``whole crystals``.
        nominal: ``[k]``, levels of the intervals, between 0 and 1.
        measured: ``[k]``, share of the rows whose true value is in the interval.
        rows: how many rows that were.
    """

    name: str
    nominal: ArrayLike
    measured: ArrayLike
    rows: int


def calibration(series: Sequence[Coverage], *, title: str = "") -> Figure:
    """Draw measured over nominal coverage, and below it the difference in percentage points.

    The shaded bands hold 95 % of what the coverage of exact intervals would be on as many rows,
    by the binomial distribution: one band for each number of rows.

    Args:
        series: up to seven.
        title: above the figure.

    Raises:
        stratus.errors.InputError: there are none or too many, levels and coverages differ in
            length or are no shares, or a series has no rows.
    """
    if not 1 <= len(series) <= len(COLOURS):
        raise InputError(f"a figure shows 1 to {len(COLOURS)} coverages, not {len(series)}")
    checked = [_checked(each) for each in series]
    with drawing(height=4.2) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2.4, 1])
        upper.axline((0, 0), slope=1, color=GREY, linewidth=0.8, dashes=(4, 2))
        lower.axhline(0, color=GREY, linewidth=0.8, dashes=(4, 2))
        handles: list[Artist] = [_bands(upper, lower, sorted({each.rows for each in series}))]
        for each, (nominal, measured), colour, marker in zip(
            series, checked, COLOURS, _MARKERS, strict=False
        ):
            label = literal(f"{each.name} ({each.rows:,} rows)")
            for axes, shown in ((upper, measured), (lower, measured - nominal)):
                handles += axes.plot(
                    100 * nominal, 100 * shown,
                    color=colour, marker=marker, markersize=4, linewidth=1.0,
                    label=label, clip_on=False,
                )  # fmt: skip
            handles.pop()  # one of the two stands for both
        start = _start(checked)
        upper.set(xlim=(start, 100), ylim=(start, 100))
        for axis in (upper.yaxis, lower.xaxis):
            axis.set_major_locator(MultipleLocator(20 if start < 40 else 10))
        lower.set_xlabel("nominal coverage (%)")
        upper.set_ylabel("measured coverage (%)")
        lower.set_ylabel("difference\n(% points)")
        _widen(lower, checked)
        place_title(upper, title)
        place_key(figure, handles)
    return figure


def _checked(each: Coverage) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nominal, measured = np.asarray(each.nominal, float), np.asarray(each.measured, float)
    if nominal.shape != measured.shape or nominal.ndim != 1 or not len(nominal):
        raise InputError(
            f"the coverage {each.name!r} has {nominal.size} levels and {measured.size} measured "
            "shares; give one share for each level"
        )
    if each.rows < 1:
        raise InputError(f"the coverage {each.name!r} was measured on {each.rows} rows")
    both = np.concatenate([nominal, measured])
    if not ((both >= 0) & (both <= 1)).all():
        raise InputError(
            f"the coverage {each.name!r} has a share outside 0 to 1: write 0.9 for 90%"
        )
    order = np.argsort(nominal, kind="stable")
    return nominal[order], measured[order]


def _start(checked: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> float:
    """Return where the axes begin: a round number below all there is to see."""
    least = min(float(np.concatenate(pair).min()) for pair in checked)
    return max(0.0, 10.0 * math.floor(10 * least - 0.5))


def _bands(upper: Axes, lower: Axes, rows: Sequence[int]) -> Artist:
    """Draw a band for each number of rows, and return what stands for them in the legend."""
    level = np.linspace(0, 1, 1001)
    for count in rows:
        low, high = (binom.ppf(q, count, level) / count for q in _TAILS)
        for axes, around in ((upper, 0), (lower, level)):
            axes.fill_between(
                100 * level, 100 * (low - around), 100 * (high - around),
                color=GREY, alpha=0.16, linewidth=0,
            )  # fmt: skip
    return Patch(color=GREY, alpha=0.3, linewidth=0, label="95% of what exact intervals would give")


def _widen(axes: Axes, checked: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> None:
    """Show 5 points at least, so that a good calibration looks like one."""
    largest = max(float(np.abs(measured - nominal).max()) for nominal, measured in checked)
    reach = max(5.0, 115 * largest)
    axes.set_ylim(-reach, reach)
