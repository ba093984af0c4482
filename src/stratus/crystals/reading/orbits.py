"""From the sites a file lists to every atom of the cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

IMAGE_TOLERANCE = 0.1
"""Images of one site closer than this are one atom, in Å.

Coordinates rounded to three digits (0.333, 0.166) miss their special position by up to 0.01 Å in
cells of 10 to 20 Å, and the images of such a site by three times that; two different atoms are
never that close.
"""

_GRID = 1e5  # images of a site on its special position agree to 1e-12; 1e-5 tells them apart
_PLACES = np.array([int(_GRID) ** 2, int(_GRID), 1])
_EXACT = 1e-10  # a smaller shift is rounding
_OFFSET = 0.38196601125  # keeps round numbers away from the edges of the grid


def expand(
    coords: npt.NDArray[np.float64],
    rotations: npt.NDArray[np.float64],
    translations: npt.NDArray[np.float64],
    lattice: npt.NDArray[np.float64],
) -> list[npt.NDArray[np.float64]]:
    """Return the images of each site under the operations, each place once.

    The operations that bring a site back to within :data:`IMAGE_TOLERANCE` of itself are its
    stabiliser; the site is moved to the mean of those images, which is its special position, and
    its orbit has (number of operations) / (size of the stabiliser) places.

    Args:
        coords: shape (s, 3), fractional.
        rotations: shape (k, 3, 3), acting on fractional columns.
        translations: shape (k, 3).
        lattice: shape (3, 3), rows are vectors, in Å.

    Returns:
        s arrays of shape (m, 3), wrapped into the cell, in the order of the operations.
    """
    if len(rotations) == 1:
        images = coords @ rotations[0].T + translations[0]
        images -= np.floor(images)
        return list(images[:, None, :])
    if len(coords) == 0:
        return []
    images = _images(coords, rotations, translations)
    delta = images - coords[:, None, :]
    delta -= np.rint(delta)
    stable = _squares(delta, lattice) < IMAGE_TOLERANCE**2
    sizes = stable.sum(axis=1)
    counts = sizes.tolist()
    if max(counts) > 1:
        shifts = (delta * stable[:, :, None]).sum(axis=1) / np.maximum(sizes, 1)[:, None]
        if np.abs(shifts).max() > _EXACT:
            images = _images(coords + shifts, rotations, translations)
    images -= np.floor(images)
    result = []
    for site, size in enumerate(counts):
        orbit = images[site]
        if size > 1:
            orbit = orbit[_first_of_each(orbit)]
        if len(orbit) * size != len(rotations):
            orbit = _greedy(images[site], lattice)
        result.append(orbit)
    return result


def _images(
    coords: npt.NDArray[np.float64],
    rotations: npt.NDArray[np.float64],
    translations: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    count = len(rotations)
    turned = (rotations.reshape(3 * count, 3) @ coords.T).reshape(count, 3, len(coords))
    return turned.transpose(2, 0, 1) + translations


def _first_of_each(orbit: npt.NDArray[np.float64]) -> list[int]:
    """Return the first image at each place, in order."""
    cells = np.floor(orbit * _GRID + _OFFSET).astype(np.int64) % int(_GRID)
    codes = (cells @ _PLACES).tolist()
    first = dict(zip(reversed(codes), range(len(codes) - 1, -1, -1), strict=True))
    return sorted(first.values())


def _greedy(
    images: npt.NDArray[np.float64], lattice: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Keep each image that is not near one kept before; for operations that form no group."""
    kept: list[npt.NDArray[np.float64]] = []
    for image in images:
        if kept:
            delta = np.array(kept) - image
            delta -= np.rint(delta)
            if (_squares(delta, lattice) < IMAGE_TOLERANCE**2).any():
                continue
        kept.append(image)
    return np.array(kept)


def _squares(
    delta: npt.NDArray[np.float64], lattice: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    cartesian = delta @ lattice
    squares: npt.NDArray[np.float64] = np.einsum("...i,...i->...", cartesian, cartesian)
    return squares
