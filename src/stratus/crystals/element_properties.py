"""What is known of the elements as numbers, and statistics of it over the atoms of a crystal.

One table, ``data/elements.csv``, serves encoders, random forests and gradient boosting alike.
Source: pymatgen's periodic table, by ``scripts/make_element_table.py``.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.crystals.elements import NUMBERS, SYMBOLS

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

STATISTICS: Final = ("mean", "spread", "least", "most", "range")
_BLOCK: Final = 4_096  # rows at a time


@cache
def property_names() -> tuple[str, ...]:
    """Return the names of the properties, in the order of the columns of their table."""
    return tuple(_table()[0][1:])


@cache
def property_table() -> Floats:
    """Return the properties of the elements.

    Returns:
        shape (118, properties), not to be written to; row z - 1 is atomic number z, NaN where a
        value is unknown.
    """
    _, *rows = _table()
    found = np.full((len(SYMBOLS) - 1, len(property_names())), np.nan)
    for symbol, *cells in rows:
        found[NUMBERS[symbol] - 1] = [float(cell) if cell else np.nan for cell in cells]
    found.flags.writeable = False
    return found


@cache
def scaled_properties() -> Floats:
    """Return the properties with mean 0 and standard deviation 1 over the elements of the table.

    Returns:
        shape (118, properties), not to be written to; 0 where a value is unknown.
    """
    values = property_table()
    scaled = (values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)
    found: Floats = np.nan_to_num(scaled)
    found.flags.writeable = False
    return found


def element_statistics(shares: Floats, values: Floats | None = None) -> Floats:
    """Return mean, spread, least, most and range of each property over the atoms of crystals.

    Means and spreads are weighted by amount. Each is of the atoms whose value is known.

    Args:
        shares: shape (n, 118), the share of each element, as
            :meth:`~stratus.corpora.tables.table.Table.fractions` gives it.
        values: shape (118, properties), NaN where unknown; those of :func:`property_table` if None.

    Returns:
        shape (n, 5 x properties), all means first; NaN where no atom has a known value.
    """
    of = property_table() if values is None else values
    found = np.empty((len(shares), len(STATISTICS) * of.shape[1]))
    for start in range(0, len(shares), _BLOCK):
        found[start : start + _BLOCK] = _statistics(shares[start : start + _BLOCK], of)
    return found


def _statistics(shares: Floats, of: Floats) -> Floats:
    most = int((shares > 0).sum(axis=1).max(initial=1))
    places = np.sort(np.argsort(shares <= 0, axis=1, kind="stable")[:, :most], axis=1)
    values = of[places]
    known = np.isfinite(values) & (np.take_along_axis(shares, places, axis=1) > 0)[..., np.newaxis]
    weights = np.where(known, np.take_along_axis(shares, places, axis=1)[..., np.newaxis], 0.0)
    total = weights.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        weights = weights / total
    values = np.where(known, values, 0.0)
    mean = (weights * values).sum(axis=1)
    spread = np.sqrt((weights * np.square(values - mean[:, np.newaxis])).sum(axis=1))
    least = np.where(known, values, np.inf).min(axis=1)
    greatest = np.where(known, values, -np.inf).max(axis=1)
    stacked = np.hstack([mean, spread, least, greatest, greatest - least])
    return np.where(np.tile(known.any(axis=1), len(STATISTICS)), stacked, np.nan)


def _table() -> list[list[str]]:
    text = files("stratus.crystals").joinpath("data/elements.csv").read_text("utf-8")
    return list(csv.reader(text.splitlines()))
