"""The frames of edges: matrices that turn spherical coefficients so that an edge is the axis y.

Only two angles of a frame are given by its edge; the third changes nothing in a net that is
equivariant about the edge. Here it is that of the least rotation, from the hemisphere of the edge:
one of ``y < 0`` is turned by half a turn about x first. So a matrix is a polynomial in numbers that
are smooth where it is used, poles included, and there are no angles: its derivatives are those of
the function itself, of any order. All matrices of a batch are one product with a table
(:func:`stratus.encoders.spherical.frame_table`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn

from stratus.encoders.constants import Constant
from stratus.encoders.spherical import frame_table, half_turn, order

if TYPE_CHECKING:
    from torch import Tensor


class Frames(NamedTuple):
    """Of each edge.

    Attributes:
        inward: ``[K, R, S]``, takes coefficients ``[K, S, C]`` into its frame.
        outward: ``[K, R, S]``, its transpose takes those of the frame back; where orders are cut
            off, degrees are scaled so that their size is kept (as in the published code).
    """

    inward: Tensor
    outward: Tensor


class EdgeFrames(nn.Module):
    """Makes the frames of edges; it has no weights.

    Args:
        lmax: highest degree.
        mmax: highest order that is kept in a frame.
    """

    def __init__(self, lmax: int, mmax: int) -> None:
        super().__init__()
        self.lmax = lmax
        kept = order(lmax, mmax)
        sizes = np.minimum(2 * kept.degrees + 1, 2 * mmax + 1)
        scales = np.sqrt((2 * kept.degrees + 1) / sizes)
        self.table = Constant(frame_table(lmax, mmax))
        self.rows = len(kept.places)
        self.signs = Constant(half_turn(lmax))
        self.scales = Constant(scales) if (scales != 1).any() else None

    def forward(self, vectors: Tensor, lengths: Tensor, dtype: torch.dtype) -> Frames:
        """Return the frames of edges ``[K, 3]`` of lengths ``[K]``, in a dtype."""
        x, y, z = (vectors / lengths.unsqueeze(1)).to(dtype).unbind(1)
        below = (y < 0).unsqueeze(1)
        flipped = torch.where(below[:, 0], -1.0, 1.0).to(dtype)
        found = _features(x, y * flipped, z * flipped, self.lmax) @ self.table.like(x)
        signs = torch.where(below, self.signs.like(x), 1.0).to(dtype)
        inward = found.view(x.shape[0], self.rows, signs.shape[1]) * signs.unsqueeze(1)
        if self.scales is None:
            return Frames(inward, inward)
        return Frames(inward, inward * self.scales.like(x).unsqueeze(1))


def _features(x: Tensor, y: Tensor, z: Tensor, lmax: int) -> Tensor:
    """Return :func:`stratus.encoders.spherical.features`, ``[K, F]``."""
    w = ((1 + y) / 2).sqrt()
    real, imaginary = z / (2 * w), x / (2 * w)
    heights = [torch.ones_like(y)]
    for _ in range(lmax):
        heights.append(heights[-1] * y)
    columns = list(heights)
    wave_real, wave_imaginary = real, imaginary
    for k in range(1, 2 * lmax + 1):
        ends = (wave_real * w, wave_imaginary * w) if k % 2 else (wave_real, wave_imaginary)
        for end in ends:
            columns += [end, *(end * height for height in heights[1 : lmax - (k + 1) // 2 + 1])]
        wave_real, wave_imaginary = (
            wave_real * real - wave_imaginary * imaginary,
            wave_real * imaginary + wave_imaginary * real,
        )
    return torch.stack(columns, dim=1)
