"""A layer of CGCNN: gated messages along edges, added up at their centres."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.batch_norm import EPS, BatchNorm
from stratus.encoders.gated_blocks import gated_sums
from stratus.encoders.gated_sums import Inner

if TYPE_CHECKING:
    from torch import Tensor

    from stratus.encoders.gated_sums import Edges, NormKind


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
        self.message_norm = _make_norm(norm, 2 * hidden)
        self.sum_norm = _make_norm(norm, hidden)

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        """Return the atoms after the layer, ``[N, hidden]``.

        Args:
            x: atoms, ``[N, hidden]``.
            edges: between them.
        """
        norm, weight = self.message_norm, self.edge.weight
        ends = torch.cat([self.centre.weight, self.neighbour.weight])
        start: Tensor = self.centre.bias
        inner = Inner(x, weight)
        if isinstance(norm, nn.LayerNorm):
            inner = Inner(x, weight, norm.weight, norm.bias, "layer")
        elif isinstance(norm, BatchNorm) and norm.reads_batch(edges.centres.shape[0]):
            inner = Inner(x, weight, norm.weight, norm.bias, "batch")
        elif isinstance(norm, BatchNorm):  # a norm that is fixed is part of the weights
            scale, offset = norm.affine()
            inner = Inner(x, weight * scale.unsqueeze(1))
            ends, start = ends * scale.repeat(2).unsqueeze(1), start * scale + offset
        rows = fn.linear(x, ends, torch.cat([start, torch.zeros_like(start)]))
        table = rows.to(x.dtype).view(2 * x.shape[0], -1)
        sums = gated_sums(inner._replace(table=table), edges)
        if isinstance(norm, BatchNorm) and sums.mean is not None and sums.variance is not None:
            norm.keep(sums.mean, sums.variance, len(edges.centres))
        return fn.softplus(x + self.sum_norm(sums.atoms))


def _make_norm(norm: NormKind, width: int) -> nn.Module:
    """Return a norm of vectors of a length."""
    if norm == "batch":
        return BatchNorm(width)
    return nn.LayerNorm(width, eps=EPS) if norm == "layer" else nn.Identity()
