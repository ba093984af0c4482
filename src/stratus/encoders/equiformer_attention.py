"""Graph attention and feed-forward net of EquiformerV2 (Liao et al. 2023, arXiv:2306.12059).

An edge takes the coefficients of both atoms into its frame (:mod:`stratus.encoders.edge_frames`),
multiplies them by numbers of its length and elements, mixes them by order
(:mod:`stratus.encoders.so2`), lets them through an activation, mixes them again, weights them by
attention, and turns them back; an atom gets the sum over its edges (figure 1 b, d and e there).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.constants import Constant
from stratus.encoders.edge_net import EdgeNet
from stratus.encoders.pooling import softmax, sums
from stratus.encoders.so2 import Orders, So2Linear
from stratus.encoders.spherical import degrees
from stratus.encoders.spherical_layers import Grid, SphericalLinear, smooth_leaky_relu

if TYPE_CHECKING:
    from torch import Tensor

    from stratus.encoders.edge_frames import Frames


class Sizes(NamedTuple):
    """Of attention and feed-forward nets; fields as of the config of the encoder."""

    lmax: int
    mmax: int
    channels: int
    edge_channels: int
    gaussians: int
    heads: int
    attention_hidden: int
    alpha_channels: int
    value_channels: int
    feed_forward: int
    gates: bool
    grid_mlp: bool
    grid_resolution: int
    alpha_dropout: float


class Edges(NamedTuple):
    """The edges of a batch.

    Attributes:
        centres: int64 ``[K]``, the atom that gets a message.
        neighbours: int64 ``[K]``, the atom that it comes from.
        frames: of the edges.
        weights: how much each counts, ``[K, 1]``; all alike if None.
    """

    centres: Tensor
    neighbours: Tensor
    frames: Frames
    weights: Tensor | None


class Attention(nn.Module):
    """Messages over edges, weighted by attention.

    Args:
        sizes: of it.
        elements: rows of the tables of elements.
    """

    def __init__(self, sizes: Sizes, elements: int) -> None:
        super().__init__()
        self.sizes = sizes
        lmax, mmax, hidden, heads = sizes.lmax, sizes.mmax, sizes.attention_hidden, sizes.heads
        self.orders = Orders(lmax, mmax)
        self.of_alpha = heads * sizes.alpha_channels
        gates = hidden * (lmax if sizes.gates else 1)
        self.radial = EdgeNet(
            elements,
            sizes.gaussians,
            sizes.edge_channels,
            2 * sizes.channels * sum(self.orders.counts),
        )
        self.first = So2Linear(lmax, mmax, 2 * sizes.channels, hidden, self.of_alpha + gates)
        self.alpha_norm = nn.LayerNorm(sizes.alpha_channels)
        self.alpha_dot = nn.Parameter(torch.empty(heads, sizes.alpha_channels))
        self.grid = None if sizes.gates else Grid(lmax, mmax, sizes.grid_resolution, framed=True)
        self.second = So2Linear(lmax, mmax, hidden, heads * sizes.value_channels)
        self.projection = SphericalLinear(lmax, heads * sizes.value_channels, sizes.channels)

    def draw(self, generator: torch.Generator | None) -> None:
        """Fill the weights of the scores afresh."""
        bound = 1 / math.sqrt(self.sizes.alpha_channels)
        nn.init.uniform_(self.alpha_dot, -bound, bound, generator=generator)

    def forward(self, x: Tensor, inner: Tensor, edges: Edges) -> Tensor:
        """Return the sums of messages.

        Args:
            x: atoms ``[N, (lmax + 1)^2, C]``.
            inner: of the radial net, ``[K, width]``.
            edges: between the atoms.

        Returns:
            of the shape of ``x``.
        """
        both = torch.cat(
            [x.index_select(0, edges.neighbours), x.index_select(0, edges.centres)], dim=2
        )
        parts = self.orders.cut(edges.frames.inward @ both, self.radial(inner))
        extra, parts = self.first(parts)
        parts = self._activated(parts, extra[:, self.of_alpha :])
        shares = self._shares(extra[:, : self.of_alpha], edges, x.shape[0])
        _, parts = self.second(parts)
        heads, rows = self.sizes.heads, self.orders.rows
        messages = torch.cat(parts, dim=1).view(
            shares.shape[0], rows, heads, self.sizes.value_channels
        )
        messages = (messages * shares.view(shares.shape[0], 1, heads, 1)).flatten(2)
        turned = edges.frames.outward.transpose(1, 2) @ messages
        found: Tensor = self.projection(sums(turned, edges.centres, x.shape[0]))
        return found

    def _activated(self, parts: list[Tensor], gates: Tensor) -> list[Tensor]:
        """Return the parts after the activation."""
        hidden = self.sizes.attention_hidden
        if self.grid is None:
            return _gated(parts, gates, self.sizes.lmax)
        joined = torch.cat(parts, dim=1).view(gates.shape[0], self.orders.rows, hidden)
        found = self.grid.coefficients(fn.silu(self.grid.values(joined)))
        parts = self.orders.cut(found)
        return [torch.cat([fn.silu(gates), parts[0][:, hidden:]], dim=1), *parts[1:]]

    def _shares(self, alpha: Tensor, edges: Edges, atoms: int) -> Tensor:
        """Return the shares of the edges of an atom, ``[K, heads]``."""
        alpha = alpha.reshape(alpha.shape[0], self.sizes.heads, self.sizes.alpha_channels)
        scores = (smooth_leaky_relu(self.alpha_norm(alpha)) * self.alpha_dot).sum(dim=2)
        rest = 0.0 if edges.weights is None else 1.0  # what fades leaves nothing behind
        shares = softmax(scores, edges.centres, atoms, edges.weights, rest)
        rate = self.sizes.alpha_dropout if self.training else 0.0
        return fn.dropout(shares, rate) if rate else shares


class FeedForward(nn.Module):
    """A net of each atom by itself.

    Args:
        sizes: of it.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        channels, hidden, lmax = sizes.channels, sizes.feed_forward, sizes.lmax
        self.lmax = lmax
        self.gate_of = Constant(degrees(lmax)[1:] - 1)
        self.first = SphericalLinear(lmax, channels, hidden)
        self.gating = nn.Linear(channels, hidden * (lmax if sizes.gates else 1))
        self.grid = None
        if not sizes.gates:
            self.grid = Grid(lmax, lmax, sizes.grid_resolution, framed=False)
        self.mlp = nn.ModuleList(
            nn.Linear(hidden, hidden, bias=False) for _ in range(3 * sizes.grid_mlp)
        )
        self.second = SphericalLinear(lmax, hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, (lmax + 1)^2, C]`` of the like."""
        gates = self.gating(x[:, 0])
        x = self.first(x)
        if self.grid is None:
            factors = gates.sigmoid().view(x.shape[0], self.lmax, x.shape[2])
            factors = factors.index_select(1, self.gate_of.like(x))
            x = torch.cat([fn.silu(x[:, :1]), x[:, 1:] * factors], dim=1)
        else:
            values = self.grid.values(x)
            for linear in self.mlp[:-1]:
                values = fn.silu(linear(values))
            values = self.mlp[-1](values) if self.mlp else fn.silu(values)
            rest = self.grid.coefficients(values)[:, 1:]
            x = torch.cat([fn.silu(gates).unsqueeze(1), rest], dim=1)
        found: Tensor = self.second(x)
        return found


def _gated(parts: list[Tensor], gates: Tensor, lmax: int) -> list[Tensor]:
    """Return the parts of a frame, each degree above 0 by its gate.

    Args:
        parts: by order, ``[K, (lmax + 1) H]``, then ``[K, 2 n H]``.
        gates: ``[K, lmax H]``.
        lmax: highest degree.
    """
    factors = gates.sigmoid()
    width = factors.shape[1] // lmax
    found = [torch.cat([fn.silu(parts[0][:, :width]), parts[0][:, width:] * factors], dim=1)]
    for m, part in enumerate(parts[1:], 1):
        of_order = factors[:, (m - 1) * width :].unsqueeze(1)
        found.append((part.view(part.shape[0], 2, part.shape[1] // 2) * of_order).flatten(1))
    return found
