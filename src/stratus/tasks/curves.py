"""Intervals of curves: between the temperatures that were calibrated, and beyond them."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.crystals.facets import Detail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stratus.physics.quantities import Quantity
    from stratus.tasks.conformal import Calibration, CurvePoint

    Floats = NDArray[np.float64]

_ZERO_AT_ZERO: Final = frozenset({"cv", "s"})
_log = logging.getLogger(__name__)


def half_widths(  # noqa: PLR0917 - as of intervals, at temperatures
    calibration: Calibration | None,
    quantity: Quantity,
    group: str,
    kinds: Sequence[Detail],
    temperature_k: Floats,
    sigma: Floats,
    level: float,
) -> Floats:
    """Return half the widths of the intervals of a curve by one group of members, per atom.

    Quantile and floor of the scores are interpolated linearly in temperature between those that
    were calibrated; below the lowest and above the highest they stay as they are there, but at T =
    0 the floor of heat capacity and entropy is 0, for so are these.

    Args:
        calibration: of the model; None where there is none.
        quantity: which curve.
        group: of the members.
        kinds: ``[n]``, what is known of each crystal.
        temperature_k: ``[t]``, in K.
        sigma: ``[n, t]``, spread of the members of the group.
        level: share of the crystals that the intervals are to hold at any one temperature.

    Returns:
        ``[n, t]``, in the unit of the quantity per atom. Infinite where too few crystals were
        calibrated on for the level; NaN where a quantity, group or kind was not calibrated, which
        is logged.
    """
    found = np.full(sigma.shape, np.nan)
    points = () if calibration is None else calibration.curves.get(quantity, ())
    kind_of = np.array([str(kind) for kind in kinds], dtype=np.str_)
    for kind in Detail:
        here = kind_of == kind
        if not here.any():
            continue
        scale = _scale(points, quantity, group, kind, temperature_k, level)
        if scale is None:
            _say_uncalibrated(quantity, kind)
            continue
        quantile, floor = scale
        unsure = np.hypot(sigma[here], floor)
        with np.errstate(invalid="ignore"):  # of no doubt at all, infinitely often, is none
            found[here] = np.where(unsure == 0, 0, quantile * unsure)
    return found


def _scale(
    points: Sequence[CurvePoint],
    quantity: Quantity,
    group: str,
    kind: Detail,
    temperature_k: Floats,
    level: float,
) -> tuple[Floats, Floats] | None:
    """Return quantile and floor at each temperature; None where nothing was calibrated."""
    known = [(p.temperature_k, p.groups.get(group, {}).get(kind)) for p in points]
    made = [(at, s.quantile(level), s.floor) for at, s in known if s is not None]
    if not made:
        return None
    if quantity in _ZERO_AT_ZERO and made[0][0] > 0:
        made.insert(0, (0.0, made[0][1], 0.0))
    at, quantiles, floors = (np.array(column) for column in zip(*made, strict=True))
    return (
        _interpolated(temperature_k, at, quantiles),
        _interpolated(temperature_k, at, floors),
    )


def _interpolated(x: Floats, at: Floats, values: Floats) -> Floats:
    """Return as ``numpy.interp`` does, but infinite, not NaN, beside what is infinite."""
    right = np.clip(np.searchsorted(at, x), 0, len(at) - 1)
    left = np.maximum(right - 1, 0)
    span = at[right] - at[left]
    share = np.clip((x - at[left]) / np.where(span > 0, span, 1), 0, 1)
    share = np.where((span > 0), share, 1)
    with np.errstate(invalid="ignore"):
        mixed = values[left] * (1 - share) + values[right] * share
    return np.where(share == 0, values[left], np.where(share == 1, values[right], mixed))


@cache  # so that a stream of batches, and a model of many groups, says it once
def _say_uncalibrated(quantity: str, kind: Detail) -> None:
    _log.warning(
        "%s: no intervals of curves for crystals of the kind %r, because none of them was "
        "calibrated on for all groups of members; they are empty",
        quantity,
        str(kind),
    )
