"""A predicted value with its interval as numbers and as a small bar."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Range: TypeAlias = "tuple[float, float]"
"""Lowest and highest number of a scale."""

_WIDTH, _HEIGHT, _MARGIN = 150.0, 18.0, 6.0
_ABSENT: Final = "–"
_DIGITS: Final = 4
"""Digits of a value whose uncertainty is unknown."""


@dataclass(frozen=True)
class Predicted:
    """One number that a model gives for a crystal; NaN for what it does not give.

    Attributes:
        name: of the property.
        unit: of all four numbers.
        value: the prediction.
        std: standard deviation.
        low: lower end of the interval; may be infinite.
        high: upper end of it, likewise.
    """

    name: str
    unit: str
    value: float
    std: float = math.nan
    low: float = math.nan
    high: float = math.nan

    @property
    def has_interval(self) -> bool:
        """Whether both ends are known; they may be infinite."""
        return not (math.isnan(self.low) or math.isnan(self.high))

    @property
    def is_bounded(self) -> bool:
        """Whether both ends are finite."""
        return math.isfinite(self.low) and math.isfinite(self.high)


def common_ranges(predictions: Iterable[Predicted]) -> dict[tuple[str, str], Range]:
    """Return, by name and unit, a scale that holds all values and intervals."""
    seen: dict[tuple[str, str], list[float]] = {}
    for found in predictions:
        numbers = seen.setdefault((found.name, found.unit), [])
        numbers += [n for n in (found.value, found.low, found.high) if math.isfinite(n)]
    return {
        key: (min(numbers, default=0), max(numbers, default=1)) for key, numbers in seen.items()
    }


def rounded(found: Predicted, digits: int | None = None) -> tuple[str, str, str]:
    """Return value, standard deviation and interval as texts with as many digits as they deserve.

    Value and ends have two digits of half the interval, or where there is none of the standard
    deviation; the standard deviation has two digits of its own, and no fewer places.

    Args:
        found: the numbers.
        digits: significant digits of each number, instead.
    """
    if digits is not None:
        value, std, low, high = (
            _fixed(number, _places(abs(number), digits) if _is_long(number) else 0)
            for number in (found.value, found.std, found.low, found.high)
        )
        return value, std, f"{low} to {high}" if found.has_interval else _ABSENT
    spread = (found.high - found.low) / 2 if found.is_bounded else found.std
    if not (math.isfinite(spread) and spread > 0):
        spread = found.std
    if math.isfinite(spread) and spread > 0:
        places = _places(spread, 2)
    elif math.isfinite(found.value) and found.value:
        places = _places(abs(found.value), _DIGITS)
    else:
        places = 2
    low, high = (_fixed(end, places) for end in (found.low, found.high))
    ends = f"{low} to {high}" if found.has_interval else _ABSENT
    own = math.isfinite(found.std) and found.std > 0
    of_std = max(places, _places(found.std, 2)) if own else places
    return _fixed(found.value, places), _fixed(found.std, of_std), ends


def _is_long(number: float) -> bool:
    return math.isfinite(number) and number != 0


def _places(number: float, digits: int) -> int:
    return max(0, digits - 1 - math.floor(math.log10(number)))


def interval_bar(found: Predicted, range_: Range) -> str:
    """Return a small SVG: the scale as a line, the interval as a bar, the value as a dot."""
    if not math.isfinite(found.value):
        return ""
    low, high = range_
    middle = _HEIGHT / 2

    def at(number: float) -> float:
        share = 0.5 if high <= low else (number - low) / (high - low)
        return _MARGIN + share * (_WIDTH - 2 * _MARGIN)

    value, _, ends = rounded(found)
    said = f"{found.name} {value} {found.unit}".rstrip()
    said += f", {ends}" if found.has_interval else ""
    bar = ""
    if found.is_bounded:
        bar = (
            f'<rect x="{at(found.low):.1f}" y="{middle - 4:.1f}" height="8" rx="2" '
            f'width="{max(1.0, at(found.high) - at(found.low)):.1f}" fill="#8CC3E4"/>'
        )
    return (
        f'<svg class="bar" role="img" aria-label="{escape(said)}" width="{_WIDTH:.0f}" '
        f'height="{_HEIGHT:.0f}" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}">'
        f'<path d="M{_MARGIN} {middle}H{_WIDTH - _MARGIN}" stroke="#BBB"/>{bar}'
        f'<circle cx="{at(found.value):.1f}" cy="{middle}" r="3.5" fill="#004A72"/></svg>'
    )


def _fixed(number: float, places: int) -> str:
    if math.isnan(number):
        return _ABSENT
    text = f"{number:.{places}f}"
    text = text.removeprefix("-") if not float(text) else text
    return text.replace("inf", "∞").replace("-", "−")
