"""Layers of spherical coefficients ``[n, (lmax + 1)^2, C]``: linear, norms, gates and grids.

Source: Liao et al. 2023 (arXiv:2306.12059), sections 4.2 to 4.4, and the code of fairchem-core
1.10, whose weights they hold.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import torch
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.constants import Constant
from stratus.encoders.spherical import degrees, grid, order

if TYPE_CHECKING:
    from torch import Tensor

SphericalNormKind: TypeAlias = Literal["layer_norm_sh", "rms_norm_sh"]

_EPS: Final = 1e-5
_LEAKY: Final = 0.2


class SphericalLinear(nn.Module):
    """Mixes channels, with weights for each degree and a bias of the scalars.

    Args:
        lmax: highest degree.
        inputs: channels that come in.
        outputs: channels that go out.
    """

    def __init__(self, lmax: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(lmax + 1, outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.lmax = lmax

    def draw(self, generator: torch.Generator | None) -> None:
        """Fill the weights afresh: normal, of variance one over the channels that come in."""
        std = 1 / math.sqrt(self.weight.shape[2])
        nn.init.normal_(self.weight, std=std, generator=generator)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Mix the channels of ``[n, (lmax + 1)^2, inputs]``."""
        found = [fn.linear(x[:, :1], self.weight[0], self.bias)]
        found += [
            fn.linear(x[:, degree**2 : (degree + 1) ** 2], self.weight[degree])
            for degree in range(1, self.lmax + 1)
        ]
        return torch.cat(found, dim=1)


class SphericalNorm(nn.Module):
    """Divides coefficients by their size, all orders of a degree alike.

    Args:
        lmax: highest degree, at least 1.
        channels: how many.
        kind: ``layer_norm_sh``: the scalars by themselves, as a layer norm, and all other degrees
            together; ``rms_norm_sh``: all degrees together, the scalars less their mean.
    """

    def __init__(self, lmax: int, channels: int, kind: SphericalNormKind) -> None:
        super().__init__()
        self.kind = kind
        self.weight = nn.Parameter(torch.empty(lmax + 1, channels))
        self.bias = nn.Parameter(torch.empty(channels))
        of_each = degrees(lmax)
        shares = 1 / (2 * of_each + 1)
        if kind == "layer_norm_sh":
            shares[0] = 0
        self.shares = Constant(shares / shares.sum())
        self.degrees = Constant(of_each)

    def draw(self, generator: torch.Generator | None) -> None:  # noqa: ARG002 - it draws nothing
        """Let the norm change nothing more at first."""
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``[n, (lmax + 1)^2, C]``."""
        scalars, of_each = x[:, :1], self.degrees.like(x)
        if self.kind == "layer_norm_sh":
            scalars = fn.layer_norm(scalars, scalars.shape[2:], self.weight[0], self.bias, eps=_EPS)
            scale = self._scale(x)
            rest = x[:, 1:] * scale * self.weight.index_select(0, of_each[1:])
            return torch.cat([scalars, rest], dim=1)
        centred = torch.cat([scalars - scalars.mean(dim=2, keepdim=True), x[:, 1:]], dim=1)
        weight = self.weight.index_select(0, of_each)
        found = centred * self._scale(centred) * weight
        return found + fn.pad(self.bias.unsqueeze(0), (0, 0, 0, len(of_each) - 1))

    def _scale(self, x: Tensor) -> Tensor:
        """Return one over the size of each row, ``[n, 1, 1]``."""
        squares = x.square().mean(dim=2) @ self.shares.like(x)
        return (squares + _EPS).rsqrt().view(-1, 1, 1)


class Grid(nn.Module):
    """Functions on the sphere by their values on a grid; it has no weights.

    Args:
        lmax: highest degree.
        mmax: highest order; with fewer than lmax, coefficients are those of a frame, by order.
        resolution: latitudes and longitudes.
        framed: whether coefficients are those of a frame, by order.
    """

    def __init__(self, lmax: int, mmax: int, resolution: int, *, framed: bool) -> None:
        super().__init__()
        there, back = grid(lmax, resolution, resolution)
        if framed:
            kept = order(lmax, mmax)
            whole, left = 2 * degrees(lmax) + 1, 2 * mmax + 1
            scales = (whole / whole.clip(max=left)) ** 0.5  # what is kept stands for all
            there, back = (there * scales)[:, kept.places], (back.T * scales).T[kept.places]
        self.to_values, self.from_values = Constant(there), Constant(back)

    def values(self, x: Tensor) -> Tensor:
        """Return the values ``[n, points, C]`` of functions ``[n, coefficients, C]``."""
        return self.to_values.like(x) @ x

    def coefficients(self, values: Tensor) -> Tensor:
        """Return the coefficients ``[n, coefficients, C]`` of values ``[n, points, C]``."""
        return self.from_values.like(values) @ values


def smooth_leaky_relu(x: Tensor) -> Tensor:
    """Return a leaky ReLU of slope 0.2 without a corner."""
    return x * ((1 + _LEAKY) / 2 + (1 - _LEAKY) / 2 * (2 * x.sigmoid() - 1))
