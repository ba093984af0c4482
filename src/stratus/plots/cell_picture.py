"""A unit cell as SVG: atoms as shaded circles, edges in front of and behind them.

The view is parallel: c points up, b to the right, a towards the viewer and a little to the left.
Things are painted from the far to the near. An edge is cut where an atom begins, and where it
passes an atom's middle in depth, so each piece is either before or behind each atom.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import pairwise, product
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.errors import InputError
from stratus.plots.element_look import element_look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Numbers = NDArray[np.float64]

MOST_ATOMS: Final = 1000
"""A cell with more atoms is a picture of nothing."""

_SHARE_OF_RADIUS: Final = 0.45
_AT_A_FACE: Final = 0.01
_TURN, _TILT = np.radians(24.0), np.radians(14.0)
_MARGIN: Final = 22.0
_CORNERS: Final = np.array(list(product((0.0, 1.0), repeat=3)))
_EDGES: Final = [
    (corner, axis) for corner in product((0, 1), repeat=3) for axis in range(3) if not corner[axis]
]


def cell_picture(
    lattice: ArrayLike,
    symbols: Sequence[str],
    positions: ArrayLike,
    *,
    name: str = "unit cell",
    prefix: str = "cell",
    pixels: int = 260,
) -> str:
    """Draw a unit cell.

    Atoms on a face, an edge or a corner of the cell are drawn on each of those that are the same.
    How the lattice lies in space does not matter; its handedness is kept.

    Args:
        lattice: ``[3, 3]``, a vector in each row, in Å.
        symbols: of the n atoms.
        positions: ``[n, 3]``, in units of the vectors.
        name: read out in place of the picture.
        prefix: begins the ids in the picture; pictures of one page have different ones.
        pixels: width and height of the square that the picture fits into.

    Returns:
        an ``<svg>`` element for an HTML page.

    Raises:
        stratus.errors.InputError: shapes do not fit, the lattice has no volume, a number is not
            finite, or there are more than 1,000 atoms.
    """
    vectors, places = _checked(lattice, symbols, positions)
    camera = _camera(vectors)
    atoms, which = _with_images(places)
    middles = atoms @ camera
    radii = np.array([_SHARE_OF_RADIUS * element_look(symbols[k]).radius_angstrom for k in which])
    page = _Page.around(_CORNERS @ camera, middles, radii, pixels)
    shadings = {symbol: f"{prefix}-{k}" for k, symbol in enumerate(dict.fromkeys(symbols))}
    painted = [
        (float(middle[2]), page.circle(middle, radius, shadings[symbols[k]]))
        for middle, radius, k in zip(middles, radii, which, strict=True)
    ]
    for corner, axis in _EDGES:
        start = np.array(corner, float) @ camera
        for near, far in _pieces(start, camera[axis], middles, radii):
            painted.append((float((near[2] + far[2]) / 2), page.line(near, far)))
    painted.sort(key=lambda item: item[0])
    width, height = page.size
    return "".join(
        [
            (
                f'<svg class="cell" role="img" aria-label="{escape(name)}" width="{width:.0f}" '
                f'height="{height:.0f}" viewBox="0 0 {width:.1f} {height:.1f}"><defs>'
            ),
            *(_shading(symbol, id_) for symbol, id_ in shadings.items()),
            '</defs><g stroke="#333" stroke-width="1" stroke-linecap="round">',
            *(text for _, text in painted),
            (
                '</g><g fill="#333" font-family="sans-serif" font-size="12" font-style="italic" '
                'stroke="#FFF" stroke-width="3" paint-order="stroke" '
                'text-anchor="middle">'
            ),
            *(page.letter(letter, _beside(axis, camera)) for axis, letter in enumerate("abc")),
            "</g></svg>",
        ]
    )


@dataclass(frozen=True, eq=False)
class _Page:
    """Where things of the camera, in Å, are on the page, in pixels."""

    low: Numbers
    high: Numbers
    scale: float

    @classmethod
    def around(cls, corners: Numbers, middles: Numbers, radii: Numbers, pixels: int) -> _Page:
        discs = [middles[:, :2] - radii[:, None], middles[:, :2] + radii[:, None]]
        points = np.concatenate([corners[:, :2], *discs])
        low, high = points.min(axis=0), points.max(axis=0)
        return cls(low, high, (pixels - 2 * _MARGIN) / float((high - low).max()))

    @property
    def size(self) -> tuple[float, float]:
        width, height = (self.high - self.low) * self.scale + 2 * _MARGIN
        return float(width), float(height)

    def place(self, point: Numbers) -> tuple[float, float]:
        right, down = point[0] - self.low[0], self.high[1] - point[1]
        return float(right * self.scale + _MARGIN), float(down * self.scale + _MARGIN)

    def circle(self, middle: Numbers, radius: float, shading: str) -> str:
        x, y = self.place(middle)
        return (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius * self.scale:.1f}" '
            f'fill="url(#{escape(shading)})" stroke-width=".5"/>'
        )

    def line(self, near: Numbers, far: Numbers) -> str:
        (x, y), (to_x, to_y) = self.place(near), self.place(far)
        return f'<path d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}"/>'

    def letter(self, letter: str, at: Numbers) -> str:
        """Write the letter of an axis beside the middle of an edge, outside of the cell."""
        x, y = self.place(at)
        middle = self.size[0] / 2, self.size[1] / 2
        outward = np.array([x - middle[0], y - middle[1]])
        x, y = np.array([x, y]) + 17 * outward / max(float(np.hypot(*outward)), 1.0)
        return f'<text x="{x:.1f}" y="{y + 4:.1f}">{letter}</text>'


def _checked(
    lattice: ArrayLike, symbols: Sequence[str], positions: ArrayLike
) -> tuple[Numbers, Numbers]:
    vectors = np.asarray(lattice, float)
    places = np.asarray(positions, float).reshape(-1, 3) if len(symbols) else np.zeros((0, 3))
    if vectors.shape != (3, 3) or places.shape != (len(symbols), 3):
        raise InputError(
            f"a cell has a [3, 3] lattice and [n, 3] positions of its n atoms, not {vectors.shape} "
            f"and {places.shape} of {len(symbols)}"
        )
    if not (np.isfinite(vectors).all() and np.isfinite(places).all()):
        raise InputError("a lattice or a position has a number that is not finite")
    if abs(np.linalg.det(vectors)) < 1e-6:
        raise InputError("the lattice has no volume, so there is no cell to draw")
    if len(symbols) > MOST_ATOMS:
        raise InputError(f"a picture shows {MOST_ATOMS:,} atoms at most, not {len(symbols):,}")
    return vectors, places


def _camera(vectors: Numbers) -> Numbers:
    """Return the vectors as ``[3, 3]``: to the right, up and towards the viewer, in Å."""
    a, b, c = np.linalg.norm(vectors, axis=1)
    alpha, beta, gamma = (
        vectors[i] @ vectors[j] / (m * n)
        for i, j, m, n in ((1, 2, b, c), (0, 2, a, c), (0, 1, a, b))
    )
    sine = np.sqrt(1 - alpha**2)
    side = a * (gamma - alpha * beta) / sine
    front = np.sqrt(max(a**2 - (a * beta) ** 2 - side**2, 0.0)) * np.sign(np.linalg.det(vectors))
    # columns: towards the viewer, to the right, up; before the viewer moves
    still = np.array([[front, side, a * beta], [0, b * sine, b * alpha], [0, 0, c]])
    towards = still[:, 0] * np.cos(_TURN) + still[:, 1] * np.sin(_TURN)
    right = still[:, 1] * np.cos(_TURN) - still[:, 0] * np.sin(_TURN)
    up = still[:, 2] * np.cos(_TILT) - towards * np.sin(_TILT)
    depth = towards * np.cos(_TILT) + still[:, 2] * np.sin(_TILT)
    return np.stack([right, up, depth], axis=1)


def _with_images(places: Numbers) -> tuple[Numbers, list[int]]:
    """Return all places to draw in the cell, and which atom is at each."""
    inside = places % 1.0
    inside[inside > 1 - _AT_A_FACE] -= 1.0
    found, which = [], []
    for k, place in enumerate(inside):
        steps = [(0, 1) if x < _AT_A_FACE else (0,) for x in place]
        for step in product(*steps):
            found.append(place + step)
            which.append(k)
    return np.array(found).reshape(-1, 3), which


def _beside(axis: int, camera: Numbers) -> Numbers:
    """Return the middle of the outermost edge along an axis, at the left or below if there are two.

    There the letter of the axis hides nothing.
    """
    middles = np.array([c for c in _CORNERS if not c[axis]]) + 0.5 * np.eye(3)[axis]
    flat = ((middles - 0.5) @ camera)[:, :2]
    outermost = np.argmax(np.hypot(*flat.T) - 0.01 * flat.sum(axis=1))
    return np.asarray(middles[outermost] @ camera)


def _pieces(
    start: Numbers, along: Numbers, middles: Numbers, radii: Numbers
) -> list[tuple[Numbers, Numbers]]:
    """Cut an edge at atoms, and return the pieces that are in none."""
    away = start - middles
    # where it enters and leaves a ball
    square = along @ along
    half = away @ along / square
    under = half**2 - ((away**2).sum(axis=1) - radii**2) / square
    through = under > 0
    root = np.sqrt(under[through])
    cuts = [0.0, 1.0, *(-half[through] - root), *(-half[through] + root)]
    # where it passes the middle, in depth, of a disc that it crosses on the page
    if abs(along[2]) > 1e-9:
        flat = max(float(along[:2] @ along[:2]), 1e-12)
        nearest = np.clip(-(away[:, :2] @ along[:2]) / flat, 0, 1)
        gap = np.linalg.norm(away[:, :2] + nearest[:, None] * along[:2], axis=1)
        cuts += list((-away[:, 2] / along[2])[gap < radii])
    points = start + np.unique(np.clip(cuts, 0, 1))[:, None] * along
    pieces = pairwise(points)
    return [(near, far) for near, far in pieces if not _in_a_ball(near, far, middles, radii)]


def _in_a_ball(near: Numbers, far: Numbers, middles: Numbers, radii: Numbers) -> bool:
    distances = np.linalg.norm((near + far) / 2 - middles, axis=1)
    return bool((distances < radii - 1e-9).any())


def _shading(symbol: str, id_: str) -> str:
    """Return the colours of a ball of an element, lit from above on the left."""
    colour = element_look(symbol).colour
    light, dark = _mixed(colour, 255, 0.65), _mixed(colour, 0, 0.45)
    return (
        f'<radialGradient id="{escape(id_)}" cx=".36" cy=".32" r=".72">'
        f'<stop stop-color="{light}"/><stop offset=".45" stop-color="{colour}"/>'
        f'<stop offset="1" stop-color="{dark}"/></radialGradient>'
    )


def _mixed(colour: str, towards: int, share: float) -> str:
    parts = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return "#" + "".join(f"{round(part + share * (towards - part)):02X}" for part in parts)
