"""A quantity over temperature as a small SVG: the curve, its interval as a band, a limit dashed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from stratus.plots.interval_bar import Range

    Floats = NDArray[np.float64]

_WIDTH, _HEIGHT = 250.0, 160.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 20.0, 26.0, 34.0
_MOST_TICKS: Final = 5


@dataclass(frozen=True, eq=False)
class TemperatureCurve:
    """One quantity of one crystal over temperature.

    Attributes:
        name: of the quantity.
        unit: of its values.
        temperature_k: ``[t]``, rising, in K.
        value: ``[t]``; NaN where nothing is known.
        low: ``[t]``, lower end of the interval; None for none.
        high: ``[t]``, upper end of it.
        limit: a value to draw as a dashed line, such as 3R; None for no line.
    """

    name: str
    unit: str
    temperature_k: ArrayLike
    value: ArrayLike
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    limit: float | None = None


def curve_ranges(curves: Iterable[TemperatureCurve]) -> dict[tuple[str, str], Range]:
    """Return, by name and unit, a scale that holds 0, all curves, their intervals and limits."""
    seen: dict[tuple[str, str], list[float]] = {}
    for curve in curves:
        numbers = seen.setdefault((curve.name, curve.unit), [0.0])
        parts = (curve.value, curve.low, curve.high, curve.limit)
        for part in (part for part in parts if part is not None):
            finite = np.asarray(part, float)
            numbers += finite[np.isfinite(finite)].tolist()
    return {key: (min(numbers), max(numbers)) for key, numbers in seen.items()}


def curve_picture(curve: TemperatureCurve, range_: Range) -> str:
    """Draw a curve.

    Args:
        curve: what to draw.
        range_: lowest and highest value of the scale.

    Returns:
        an ``<svg>`` element for an HTML page; empty where no value is known.

    Raises:
        stratus.errors.InputError: lengths differ.
    """
    at, value = np.asarray(curve.temperature_k, float), np.asarray(curve.value, float)
    ends = [None if end is None else np.asarray(end, float) for end in (curve.low, curve.high)]
    for part in (value, *(end for end in ends if end is not None)):
        if part.shape != at.shape or at.ndim != 1:
            raise InputError(
                f"{curve.name} has the shape {part.shape}, and its temperatures {at.shape}; give "
                "[t] of both"
            )
    if not np.isfinite(value).any():
        return ""
    axes = _Axes((float(at[0]), float(at[-1])), range_)
    last = int(np.flatnonzero(np.isfinite(value))[-1])
    said = f"{curve.name} over temperature: {value[last]:.4g} {curve.unit} at {at[last]:g} K"
    opening = (
        f'<svg class="curve" role="img" aria-label="{escape(said)}" width="{_WIDTH:.0f}" '
        f'height="{_HEIGHT:.0f}" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}">'
    )
    parts = [opening, axes.frame(f"{curve.name}, {curve.unit}")]
    low, high = ends
    if low is not None and high is not None:
        known = np.isfinite(low) & np.isfinite(high)
        outline = [*zip(at[known], high[known], strict=True)]
        outline += [*zip(at[known], low[known], strict=True)][::-1]
        if outline:
            parts.append(f'<path d="{axes.path(outline)}Z" fill="#8CC3E4" fill-opacity=".6"/>')
    if curve.limit is not None:
        line = axes.path([(at[0], curve.limit), (at[-1], curve.limit)])
        parts.append(f'<path d="{line}" stroke="#777" stroke-dasharray="5 3" fill="none"/>')
    known = np.isfinite(value)
    drawn = axes.path([*zip(at[known], value[known], strict=True)])
    parts.append(f'<path d="{drawn}" stroke="#004A72" stroke-width="1.6" fill="none"/></svg>')
    return "".join(parts)


class _Axes:
    """Where numbers lie in the picture.

    Args:
        across: lowest and highest temperature.
        up: lowest and highest value.
    """

    def __init__(self, across: Range, up: Range) -> None:
        self._across, self._up = across, up

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        """Return the data of a path through points."""
        return "M" + "L".join(f"{self._x(x):.1f} {self._y(y):.1f}" for x, y in points)

    def frame(self, title: str) -> str:
        """Return axes with ticks, and the title above them."""
        right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
        parts = [
            f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" stroke="#888" fill="none"/>',
            f'<text x="4" y="14">{escape(title)}</text>',
            f'<text x="{right}" y="{_HEIGHT - 3}" text-anchor="end">temperature, K</text>',
        ]
        for tick in _ticks(self._across):
            x = self._x(tick)
            parts.append(f'<path d="M{x:.1f} {bottom}v4" stroke="#888"/>')
            parts.append(
                f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{tick:g}</text>'
            )
        for tick in _ticks(self._up):
            y = self._y(tick)
            parts.append(f'<path d="M{_LEFT} {y:.1f}h-4" stroke="#888"/>')
            text = f"{tick:g}".replace("-", "−")
            parts.append(f'<text x="{_LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
        return "".join(parts)

    def _x(self, number: float) -> float:
        return _LEFT + _share(number, self._across) * (_WIDTH - _LEFT - _RIGHT)

    def _y(self, number: float) -> float:
        return _HEIGHT - _BOTTOM - _share(number, self._up) * (_HEIGHT - _TOP - _BOTTOM)


def _share(number: float, range_: Range) -> float:
    low, high = range_
    return 0.5 if high <= low else (number - low) / (high - low)


def _ticks(range_: Range) -> list[float]:
    """Return round numbers inside a range, at most five steps."""
    low, high = range_
    if high <= low:
        return [low]
    rough = (high - low) / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 10) for k in range(first, math.floor(high / step + 1e-9) + 1)]
