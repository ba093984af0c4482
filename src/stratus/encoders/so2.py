"""Linear layers in the frame of an edge, where only turns about the edge are left (eSCN).

Coefficients of order ``m`` and ``-m`` turn about the axis as the real and imaginary part of a
number, so a layer that is equivariant multiplies them by complex weights; those of ``m = 0`` do
not turn. All degrees of one order are mixed. Source: Passaro and Zitnick 2023 (arXiv:2302.03655),
equations 4 to 6; parities are not kept, so mirror images are told apart.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.spherical import order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class So2Linear(nn.Module):
    """Mixes the coefficients of one order.

    Weights are those of fairchem: ``zero`` ``[extra + (lmax + 1) out, (lmax + 1) in]``; of each m
    from 1 the real part and below it the imaginary part, ``[2 n out, n in]``, n degrees.

    Args:
        lmax: highest degree.
        mmax: highest order.
        inputs: channels that come in.
        outputs: channels that go out.
        extra: numbers beside them that do not turn.
    """

    def __init__(self, lmax: int, mmax: int, inputs: int, outputs: int, extra: int = 0) -> None:
        super().__init__()
        self.extra = extra
        counts = [lmax - m + 1 for m in range(mmax + 1)]
        self.zero_weight = nn.Parameter(
            torch.empty(extra + counts[0] * outputs, counts[0] * inputs)
        )
        self.zero_bias = nn.Parameter(torch.empty(len(self.zero_weight)))
        self.turning = nn.ParameterList(
            torch.empty(2 * n * outputs, n * inputs) for n in counts[1:]
        )

    def draw(self, generator: torch.Generator | None) -> None:
        """Fill the weights afresh: normal, of variance one over the numbers that come in."""
        for weight in (self.zero_weight, *self.turning):
            std = 1 / math.sqrt(weight.shape[1])
            nn.init.normal_(weight, std=std, generator=generator)
        nn.init.zeros_(self.zero_bias)

    def forward(self, parts: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Mix.

        Args:
            parts: by order: ``[K, (lmax + 1) in]``, then ``[K, 2 n in]``, real parts first.

        Returns:
            the extra numbers ``[K, extra]``; parts with other channels.
        """
        zero = fn.linear(parts[0], self.zero_weight, self.zero_bias)
        found = [zero[:, self.extra :]]
        for part, weight in zip(parts[1:], self.turning, strict=True):
            real, imaginary = weight.chunk(2)
            upper, lower = torch.cat([real, -imaginary], 1), torch.cat([imaginary, real], 1)
            found.append(fn.linear(part, torch.cat([upper, lower])))
        return zero[:, : self.extra], found


class Orders(nn.Module):
    """Cuts coefficients of a frame into orders; it has no weights.

    Args:
        lmax: highest degree.
        mmax: highest order.
    """

    def __init__(self, lmax: int, mmax: int) -> None:
        super().__init__()
        self.blocks = order(lmax, mmax).blocks
        self.rows = self.blocks[-1][1]
        self.counts = [lmax - m + 1 for m in range(mmax + 1)]

    def cut(self, values: Tensor, factors: Tensor | None = None) -> list[Tensor]:
        """Return the parts of each order of values ``[K, R, C]``.

        Args:
            values: coefficients.
            factors: ``[K, (sum of n) C]``, by order, of each degree and channel; both signs of an
                order are multiplied by the same.
        """
        edges, _, channels = values.shape
        found = []
        at = 0
        for m, ((start, end), count) in enumerate(zip(self.blocks, self.counts, strict=True)):
            part = values[:, start:end]
            if factors is not None:
                factor = factors[:, at : at + count * channels].reshape(edges, 1, count, channels)
                part = part.view(edges, 2 if m else 1, count, channels) * factor
                at += count * channels
            found.append(part.flatten(1))
        return found
