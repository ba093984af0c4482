"""A layer of CGCNN: gated messages along edges, added up at their centres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from torch import nn
from torch.nn import functional as fn

if TYPE_CHECKING:
    from torch import Tensor

Norm: TypeAlias = Literal["batch", "layer", "none"]


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

    def __init__(self, hidden: int, edge_features: int, norm: Norm) -> None:
        super().__init__()
        self.centre = nn.Linear(hidden, 2 * hidden)
        self.neighbour = nn.Linear(hidden, 2 * hidden, bias=False)
        self.edge = nn.Linear(edge_features, 2 * hidden, bias=False)
        self.message_norm = make_norm(norm, 2 * hidden)
        self.sum_norm = make_norm(norm, hidden)

    def forward(
        self, x: Tensor, edges: Tensor, weights: Tensor | None, centres: Tensor, neighbours: Tensor
    ) -> Tensor:
        """Return the atoms after the layer, ``[N, hidden]``.

        Args:
            x: atoms, ``[N, hidden]``.
            edges: numbers of the edges, ``[K, edge_features]``.
            weights: how much each message counts, ``[K]``; all alike if None.
            centres: int64 ``[K]``, the atom that gets the message of an edge.
            neighbours: int64 ``[K]``, the atom that it comes from.
        """
        inner = self.edge(edges)
        inner = inner + self.centre(x).index_select(0, centres)
        inner = inner + self.neighbour(x).index_select(0, neighbours)
        core, gate = normalised(self.message_norm, inner).chunk(2, dim=1)
        messages = fn.softplus(core) * gate.sigmoid()
        if weights is not None:
            messages = messages * weights.unsqueeze(1)
        sums = x.new_zeros(x.shape).index_add(0, centres, messages.to(x.dtype))
        return fn.softplus(x + normalised(self.sum_norm, sums))


def make_norm(norm: Norm, width: int) -> nn.Module:
    """Return a norm of vectors of a length."""
    if norm == "batch":
        return nn.BatchNorm1d(width)
    return nn.LayerNorm(width) if norm == "layer" else nn.Identity()


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
