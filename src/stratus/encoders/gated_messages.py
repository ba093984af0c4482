"""A layer of CGCNN: gated messages along edges, added up at their centres."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.gated_sums import EPS, gated_sums

if TYPE_CHECKING:
    from torch import Tensor

    from stratus.encoders.gated_sums import Edges, NormKind, Sums


class GatedMessages(nn.Module):
    """What atoms get from their neighbours: ``softplus(x + norm(sum of messages))``.

    A message is ``softplus(core) * sigmoid(gate)``, and core and gate are the halves of a norm of
    ``W (centre, neighbour, edge)``. The three blocks of ``W`` are applied apart: those of atoms
    once an atom, and their results are gathered.

    Args:
        hidden: length of the vector of an atom.
        edge_features: numbers of an edge.
        norm: of the messages before the gate, and of their sums: over the batch, over the numbers
            of a vector, or none.
    """

    def __init__(self, hidden: int, edge_features: int, norm: NormKind) -> None:
        super().__init__()
        self.centre = nn.Linear(hidden, 2 * hidden)
        self.neighbour = nn.Linear(hidden, 2 * hidden, bias=False)
        self.edge = nn.Linear(edge_features, 2 * hidden, bias=False)
        self.message_norm = make_norm(norm, 2 * hidden)
        self.sum_norm = make_norm(norm, hidden)

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        """Return the atoms after the layer, ``[N, hidden]``.

        Args:
            x: atoms, ``[N, hidden]``.
            edges: between them.
        """
        norm = self.message_norm
        ends = torch.cat([self.centre.weight, self.neighbour.weight])
        bias = torch.cat([self.centre.bias, torch.zeros_like(self.centre.bias)])
        weight, gain, offset, kind = self.edge.weight, None, None, self._kind(edges)
        if kind != "none":
            gain, offset = norm.weight, norm.bias
        elif isinstance(norm, nn.BatchNorm1d):  # what it has kept is part of the weights
            scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
            weight, ends = weight * scale.unsqueeze(1), ends * scale.repeat(2).unsqueeze(1)
            start = self.centre.bias * scale + norm.bias - norm.running_mean * scale
            bias = torch.cat([start, torch.zeros_like(start)])
        table = fn.linear(x, ends, bias).to(x.dtype).view(2 * len(x), -1)
        sums = gated_sums(table, weight, gain, offset, edges, kind)
        if kind == "batch":
            _keep(norm, sums, len(edges.centres))
        return fn.softplus(x + normalised(self.sum_norm, sums.atoms))

    def _kind(self, edges: Edges) -> NormKind:
        """Return what the norm does here: in evaluation that of a batch is part of the weights."""
        if isinstance(self.message_norm, nn.LayerNorm):
            return "layer"
        of_batch = isinstance(self.message_norm, nn.BatchNorm1d) and self.message_norm.training
        return "batch" if of_batch and len(edges.centres) > 1 else "none"


def _keep(norm: nn.BatchNorm1d, sums: Sums, count: int) -> None:
    """Keep mean and variance of a batch as torch does."""
    with torch.no_grad():
        norm.num_batches_tracked += 1
        norm.running_mean.lerp_(sums.mean, norm.momentum)
        norm.running_var.lerp_(sums.variance * (count / (count - 1)), norm.momentum)


def make_norm(norm: NormKind, width: int) -> nn.Module:
    """Return a norm of vectors of a length."""
    if norm == "batch":
        return nn.BatchNorm1d(width, eps=EPS)
    return nn.LayerNorm(width, eps=EPS) if norm == "layer" else nn.Identity()


def normalised(norm: nn.Module, rows: Tensor) -> Tensor:
    """Apply a norm to ``[n, width]``.

    Fewer than two rows have no spread, so a norm over the batch then uses what it has kept of the
    batches before, in training too.
    """
    if isinstance(norm, nn.BatchNorm1d) and norm.training and len(rows) < 2:
        return fn.batch_norm(
            rows, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
        )
    found: Tensor = norm(rows)
    return found
