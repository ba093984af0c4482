"""Real spherical harmonics: their values, how they turn into the frame of an edge, and grids.

Harmonics are orthonormal and without the phase of Condon and Shortley; the polar axis is y, so that
those of degree 1 are x, y, z times ``sqrt(3 / 4 pi)`` (the convention of e3nn). A list of
coefficients goes by degree ``l``, then order ``m`` from ``-l`` to ``l``: ``(lmax + 1)^2`` of them.

All here is numpy in double precision, worked out once for given sizes, from formulas.
"""

from __future__ import annotations

from functools import cache
from math import factorial, pi, sqrt
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

_SAMPLES: Final = 3
"""How many times as many edges as unknowns are solved for, so that the solution is well known."""


class Order(NamedTuple):
    """Coefficients of ``|m| <= mmax``, by order and then degree, as a net in a frame reads them.

    Attributes:
        places: int64 ``[R]``, their places in a list by degree: those of ``m = 0`` by degree, then
            of each ``m`` the positive ones by degree and the negative ones by degree.
        degrees: int64 ``[R]``, the degree of each.
        blocks: where the coefficients of ``m = 0, 1, ... mmax`` stand, as (start, end).
    """

    places: NDArray[np.int64]
    degrees: NDArray[np.int64]
    blocks: tuple[tuple[int, int], ...]


def degrees(lmax: int) -> NDArray[np.int64]:
    """Return the degree of each coefficient, int64 ``[(lmax + 1)^2]``."""
    return np.repeat(np.arange(lmax + 1), 2 * np.arange(lmax + 1) + 1)


@cache
def order(lmax: int, mmax: int) -> Order:
    """Return which coefficients are kept in the frame of an edge, and where they stand."""
    pairs = [(degree, 0) for degree in range(lmax + 1)]
    blocks = [(0, len(pairs))]
    for m in range(1, mmax + 1):
        start = len(pairs)
        pairs += [(degree, sign * m) for sign in (1, -1) for degree in range(m, lmax + 1)]
        blocks.append((start, len(pairs)))
    places = np.array([degree * degree + degree + m for degree, m in pairs], dtype=np.int64)
    return Order(places, np.array([degree for degree, _ in pairs], dtype=np.int64), tuple(blocks))


def harmonics(points: Doubles, lmax: int) -> Doubles:
    """Return the harmonics at unit vectors.

    Args:
        points: ``[n, 3]``.
        lmax: highest degree.

    Returns:
        ``[n, (lmax + 1)^2]``.
    """
    x, y, z = points.T
    found = np.empty((len(points), (lmax + 1) ** 2))
    turn = z + 1j * x
    for m in range(lmax + 1):
        legendre = _legendre(y, lmax, m)
        waves = turn**m
        for degree in range(m, lmax + 1):
            norm = sqrt((2 * degree + 1) / (4 * pi) * factorial(degree - m) / factorial(degree + m))
            norm *= sqrt(2) if m else 1
            found[:, degree * degree + degree + m] = norm * legendre[degree - m] * waves.real
            if m:
                found[:, degree * degree + degree - m] = norm * legendre[degree - m] * waves.imag
    return found


def _legendre(y: Doubles, lmax: int, m: int) -> list[Doubles]:
    """Return the associated functions of Legendre of order m over ``sin^m``, of degrees from m."""
    first = np.full_like(y, float(np.prod(np.arange(1, 2 * m, 2), initial=1)))
    found = [first, (2 * m + 1) * y * first]
    for degree in range(m + 2, lmax + 1):
        following = ((2 * degree - 1) * y * found[-1] - (degree + m - 1) * found[-2]) / (degree - m)
        found.append(following)
    return found[: lmax - m + 1]


def frame(directions: Doubles) -> Doubles:
    """Return the rotations by the least angle that take unit vectors to the axis y.

    Args:
        directions: ``[n, 3]``, none of them -y.

    Returns:
        ``[n, 3, 3]``, whose product with the vector is ``(0, 1, 0)``.
    """
    x, y, z = directions.T
    away = 1 / (1 + y)
    rows = [
        [1 - x * x * away, -x, -x * z * away],
        [x, y, z],
        [-x * z * away, -z, 1 - z * z * away],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def powers(lmax: int) -> tuple[tuple[int, int], ...]:
    """Return which features of an edge its rotations are linear in, as pairs (k, j).

    The unit quaternion of the least rotation to y is ``(w, -z / 2w, 0, x / 2w)`` with
    ``w^2 = (1 + y) / 2``, and a Wigner matrix of degree l is a polynomial in it of degree 2 l. So
    are ``((z + i x) / 2w)^k w^(k mod 2) y^j`` with ``k + 2 j <= 2 lmax``, real and imaginary parts,
    which span all of these polynomials that are even.
    """
    return tuple((k, j) for k in range(2 * lmax + 1) for j in range((2 * lmax - k) // 2 + 1))


def features(directions: Doubles, lmax: int) -> Doubles:
    """Return the features that :func:`powers` names, ``[n, F]``; parts of one k stand together.

    Those of a k are the real parts by j, then, but for k = 0, the imaginary parts by j.
    """
    x, y, z = directions.T
    w = np.sqrt((1 + y) / 2)
    turn = (z + 1j * x) / (2 * w)
    columns = []
    for k in range(2 * lmax + 1):
        wave = turn**k * w ** (k % 2)
        heights = [y**j for j in range((2 * lmax - k) // 2 + 1)]
        columns += [wave.real * height for height in heights]
        columns += [wave.imag * height for height in heights] if k else []
    return np.stack(columns, axis=1)


@cache
def frame_table(lmax: int, mmax: int) -> Doubles:
    """Return what the features of an edge are multiplied by to give its Wigner matrix.

    A Wigner matrix ``D`` takes the coefficients of a function to those of the function in the frame
    of the edge, ``Y(R p) = D Y(p)``; its rows are those of :func:`order`. The numbers are solved
    for from the harmonics at turned points.

    Args:
        lmax: highest degree.
        mmax: highest order in the frame.

    Returns:
        ``[F, R (lmax + 1)^2]``, row by row.
    """
    rng = np.random.default_rng(0)
    unknowns = sum(2 if k else 1 for k, _ in powers(lmax))
    edges = _units(rng.normal(size=(_SAMPLES * unknowns, 3)))
    edges[:, 1] = np.abs(edges[:, 1])  # as frames are only made of these
    points = _units(rng.normal(size=(_SAMPLES * (lmax + 1) ** 2, 3)))
    inverse = np.linalg.pinv(harmonics(points, lmax))
    rotations = frame(edges)
    turned = np.einsum("eij,pj->epi", rotations, points).reshape(-1, 3)
    values = harmonics(turned, lmax).reshape(edges.shape[0], len(points), -1)
    wigner = np.einsum("epa,bp->eab", values, inverse)
    kept = order(lmax, mmax)
    same_degree = kept.degrees[:, None] == degrees(lmax)
    targets = wigner[:, kept.places].reshape(edges.shape[0], -1)
    found = np.linalg.lstsq(features(edges, lmax), targets, rcond=None)[0]
    found[np.abs(found) < 1e-10 * np.abs(found).max()] = 0
    return np.asarray(found * same_degree.reshape(-1))


def half_turn(lmax: int) -> Doubles:
    """Return the signs, ``[(lmax + 1)^2]``, that turn coefficients by half a turn about x."""
    orders = np.arange((lmax + 1) ** 2) - degrees(lmax) * (degrees(lmax) + 1)
    return np.asarray((-1.0) ** (degrees(lmax) + (orders < 0)))


class Grid(NamedTuple):
    """Matrices between coefficients and values on a grid of the sphere.

    Attributes:
        to_grid: ``[points, coefficients]``.
        from_grid: ``[coefficients, points]``, its inverse for functions of degree lmax.
    """

    to_grid: Doubles
    from_grid: Doubles


def grid(lmax: int, latitudes: int, longitudes: int) -> Grid:
    """Return the matrices of a grid of equal angles.

    Coefficients of one size at each degree have values of size 1, as in e3nn ("component").
    Latitudes are ``(k + 1/2) pi / n``, with the weights of Fejer's first rule.

    Args:
        lmax: highest degree.
        latitudes: how many.
        longitudes: on each of them.
    """
    angles = (np.arange(latitudes) + 0.5) * pi / latitudes
    round_ = np.arange(longitudes) * 2 * pi / longitudes
    waves = np.arange(1, latitudes // 2 + 1)
    terms = np.cos(2 * angles[:, None] * waves) / (4 * waves**2 - 1)
    weights = 2 / latitudes * (1 - 2 * terms.sum(axis=1)) * 2 * pi / longitudes
    beta, alpha = (a.ravel() for a in np.meshgrid(angles, round_, indexing="ij"))
    points = np.stack([np.sin(beta) * np.sin(alpha), np.cos(beta), np.sin(beta) * np.cos(alpha)], 1)
    values = harmonics(points, lmax)
    scale = np.sqrt(4 * pi / ((2 * degrees(lmax) + 1) * (lmax + 1)))
    return Grid(values * scale, (values * np.repeat(weights, longitudes)[:, None] / scale).T)


def _units(vectors: Doubles) -> Doubles:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
