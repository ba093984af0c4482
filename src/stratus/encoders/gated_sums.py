"""The sum of gated messages at each atom, and what such a sum is made of.

:func:`plain_sums` says it in a few lines of torch. It is what is differentiated twice, what is
compiled, and what the fast way (:mod:`stratus.encoders.gated_blocks`) is tested against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import torch
from torch.nn import functional as fn

from stratus.encoders.batch_norm import EPS
from stratus.encoders.pooling import counts

if TYPE_CHECKING:
    from torch import Tensor

NormKind: TypeAlias = Literal["batch", "layer", "none"]

LARGE: Final = 40.0
"""From here on softplus of x is x, in double precision too."""


class Edges(NamedTuple):
    """The edges of a batch of graphs, as a layer needs them.

    Attributes:
        features: numbers of each edge, ``[K, G]``.
        weights: how much the message of each edge counts, ``[K]``; all alike if None.
        centres: int64 ``[K]``, the atom that gets it.
        ends: int64 ``[K, 2]``, the rows of a table of atoms that make it: row ``2 i`` is that of
            the atom ``i`` as a centre, row ``2 i + 1`` as a neighbour.
        uses: how many edges use each row of that table, ``[2 N]``, of the dtype of the features.
        total: the sum of the features, ``[G]``.
    """

    features: Tensor
    weights: Tensor | None
    centres: Tensor
    ends: Tensor
    uses: Tensor
    total: Tensor

    @classmethod
    def of(
        cls,
        features: Tensor,
        weights: Tensor | None,
        centres: Tensor,
        neighbours: Tensor,
        atoms: int,
    ) -> Edges:
        """Return the edges between so many atoms."""
        ends = torch.stack([2 * centres, 2 * neighbours + 1], dim=1)
        uses = counts(ends.flatten(), 2 * atoms).to(features.dtype)
        return cls(features, weights, centres, ends, uses, features.detach().sum(0))


class Inner(NamedTuple):
    """What inner messages are made of: ``norm(table[end] + table[other end] + weight features)``.

    Attributes:
        table: ``[2 N, 2 d]``, two rows an atom; see :class:`Edges`.
        weight: ``[2 d, G]``.
        gain: of the norm, ``[2 d]``; None without norm.
        bias: likewise.
        norm: over all edges, over the numbers of each, or none.
    """

    table: Tensor
    weight: Tensor
    gain: Tensor | None = None
    bias: Tensor | None = None
    norm: NormKind = "none"


class Sums(NamedTuple):
    """Sums of messages.

    Attributes:
        atoms: the sum of the messages at each atom, ``[N, d]``.
        mean: of the messages before the norm, ``[2 d]``; None where the norm is not of a batch.
        variance: likewise, over their number.
    """

    atoms: Tensor
    mean: Tensor | None = None
    variance: Tensor | None = None


def plain_sums(inner: Inner, edges: Edges) -> Sums:
    """Add up the gated messages of edges at their centres.

    Of the halves of an inner message, the message is ``softplus(first) sigmoid(second)``.

    Args:
        inner: what inner messages are made of.
        edges: K edges; at least one with a norm of a batch.
    """
    first, second = edges.ends.unbind(dim=1)
    rows = inner.table.index_select(0, first) + inner.table.index_select(0, second)
    rows = rows + edges.features @ inner.weight.T
    mean = variance = None
    if inner.norm == "batch":
        with torch.no_grad():
            variance, mean = torch.var_mean(rows, dim=0, correction=0)
        rows = fn.batch_norm(rows, None, None, inner.gain, inner.bias, training=True, eps=EPS)
    elif inner.norm == "layer":
        rows = fn.layer_norm(rows, rows.shape[1:], inner.gain, inner.bias, EPS)
    core, gate = rows.chunk(2, dim=1)
    messages = fn.softplus(core, threshold=LARGE) * gate.sigmoid()
    if edges.weights is not None:
        messages = messages * edges.weights.unsqueeze(1)
    sums = messages.new_zeros(inner.table.shape[0] // 2, messages.shape[1])
    return Sums(sums.index_add(0, edges.centres, messages), mean, variance)
