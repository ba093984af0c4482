"""Vectors of crystals as a map, coloured by a property."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.lines import Line2D

from stratus.errors import InputError
from stratus.plots.figure import DENSITY, drawing, literal, place_key, place_title, with_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

_ABSENT: Final = "#C8C8C8"
_TAILS: Final = (1.0, 99.0)
"""Percentiles where the colours end, so that one outlier does not take them all."""


def principal_axes(vectors: ArrayLike) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Project vectors to the two directions in which they differ most (PCA).

    Args:
        vectors: ``[n, d]``, n and d at least 2.

    Returns:
        points ``[n, 2]``, and the share of the variance that each direction has.

    Raises:
        stratus.errors.InputError: there are too few vectors, or a number is not finite.
    """
    from sklearn.decomposition import PCA

    found = np.asarray(vectors, float)
    if found.ndim != 2 or min(found.shape) < 2:
        raise InputError(f"a map needs [n, d] vectors, two of each at least, not {found.shape}")
    if not np.isfinite(found).all():
        raise InputError("a vector has a number that is not finite, so it has no place on a map")
    if (found == found[0]).all():
        raise InputError("all vectors are the same, so a map would show a single point")
    pca = PCA(2, svd_solver="full")
    points = pca.fit_transform(found)
    first, second = pca.explained_variance_ratio_
    return np.asarray(points, float), (float(first), float(second))


def embedding_map(
    points: ArrayLike,
    values: ArrayLike,
    *,
    name: str,
    unit: str = "",
    shares: tuple[float, float] | None = None,
    title: str = "",
) -> Figure:
    """Draw points in the plane, coloured by a property.

    Colours run from the 1st to the 99th percentile; what is beyond has the colour of the end.
    Points without a value are grey and below the others. The order in which points cover each
    other does not depend on their values.

    Args:
        points: ``[n, 2]``, such as :func:`principal_axes` gives.
        values: ``[n]``, in ``unit``, NaN where absent.
        name: of the property.
        unit: of it.
        shares: of the variance along each axis, 0 to 1, for the labels.
        title: above the figure.

    Raises:
        stratus.errors.InputError: shapes do not fit, or no point has a value.
    """
    xy, colours = np.asarray(points, float), np.asarray(values, float)
    if xy.ndim != 2 or xy.shape[1] != 2 or colours.shape != xy.shape[:1]:
        raise InputError(f"points are [n, 2] and values [n], not {xy.shape} and {colours.shape}")
    here = np.flatnonzero(np.isfinite(colours))
    if not len(here):
        raise InputError(f"no point has a value of {name}, so the map has no colours")
    shown = np.random.default_rng(0).permutation(here)  # a table sorted by value would hide half
    low, high = np.percentile(colours[here], _TAILS)
    size = float(np.clip(4000 / len(xy), 1.5, 14))
    with drawing(height=2.8) as figure:
        axes = figure.add_subplot()
        absent = np.flatnonzero(~np.isfinite(colours))
        if len(absent):
            label = f"no value ({len(absent):,})"
            axes.scatter(
                xy[absent, 0], xy[absent, 1], s=size, color=_ABSENT, linewidths=0, label=label
            )
            dot = Line2D([], [], color=_ABSENT, marker="o", markersize=4, linestyle="", label=label)
            place_key(figure, [dot])
        x, y = xy[shown].T
        dots = axes.scatter(
            x, y, c=colours[shown], s=size, cmap=DENSITY, vmin=low, vmax=high,
            linewidths=0, rasterized=len(xy) > 5000,
        )  # fmt: skip
        ends = {(False, False): "neither", (True, False): "min", (False, True): "max"}
        beyond = bool(colours[here].min() < low), bool(colours[here].max() > high)
        bar = figure.colorbar(
            dots, ax=axes, extend=ends.get(beyond, "both"), pad=0.02, aspect=28, extendfrac=0.03
        )
        bar.set_label(literal(with_unit(name, unit)))
        names = [f"axis {k + 1}" for k in range(2)]
        if shares:
            names = [f"{names[k]} ({shares[k]:.0%} of variance)" for k in range(2)]
        axes.set_xlabel(names[0])
        axes.set_ylabel(names[1])
        axes.set(xticks=[], yticks=[])
        place_title(axes, title)
    return figure
