"""The sum of gated messages at each atom, made a block of edges at a time.

What costs time in a layer of CGCNN is not its matrix products but the passes over numbers of edges:
gathering, the norm, the gate, and all of them backwards. Here they are made on blocks that stay in
the cache of a processor, and little is kept for the way back. :func:`plain_sums` says the same in a
few lines of torch; it is what is differentiated twice, and what the fast way is tested against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

import torch
from torch.nn import functional as fn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

NormKind: TypeAlias = Literal["batch", "layer", "none"]
EPS: Final = 1e-5
"""Added to variances, as torch does by default."""

_LARGE: Final = 40.0  # from here on 1 + exp(x) is exp(x), in double precision too
_BLOCK: Final = 1024  # edges a thread: of 128 numbers they take half a megabyte


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
        uses = ends.flatten().bincount(minlength=2 * atoms).to(features.dtype)
        return cls(features, weights, centres, ends, uses, features.detach().sum(0))


class Sums(NamedTuple):
    """What :func:`gated_sums` returns.

    Attributes:
        atoms: the sum of the messages at each atom, ``[N, d]``.
        mean: of the messages before the norm, ``[2 d]``; None where the norm is not of a batch.
        variance: likewise, over K and not over K - 1.
    """

    atoms: Tensor
    mean: Tensor | None = None
    variance: Tensor | None = None


def gated_sums(
    table: Tensor, weight: Tensor, gain: Tensor | None, bias: Tensor | None, edges: Edges,
    norm: NormKind,
) -> Sums:  # fmt: skip
    """Add up the gated messages of the edges at their centres.

    Before its norm a message is ``inner = table[end] + table[other end] + weight features``. Of its
    halves after the norm, the message is ``softplus(first) sigmoid(second)``.

    Args:
        table: ``[2 N, 2 d]``, two rows an atom; see :class:`Edges`.
        weight: ``[2 d, G]``.
        gain: of the norm, ``[2 d]``; None without norm.
        bias: likewise.
        edges: K edges; at least one with a norm of a batch.
        norm: of the inner messages: over the edges, over the numbers of each, or none.
    """
    tensors = (table, weight, gain, bias, edges.features, edges.weights)
    if torch.compiler.is_compiling():
        return plain_sums(table, weight, gain, bias, edges, norm)
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors):
        atoms, mean, variance = _GatedSums.apply(*tensors, edges, norm)
        return Sums(atoms, mean, variance)
    return _forward(table, weight, gain, bias, edges, norm, kept=None)


def plain_sums(
    table: Tensor, weight: Tensor, gain: Tensor | None, bias: Tensor | None, edges: Edges,
    norm: NormKind,
) -> Sums:  # fmt: skip
    """Do what :func:`gated_sums` does, with arguments as there, all edges at once."""
    first, second = edges.ends.unbind(dim=1)
    inner = table.index_select(0, first) + table.index_select(0, second)
    inner = inner + edges.features @ weight.T
    mean = variance = None
    if norm == "batch":
        variance, mean = torch.var_mean(inner, dim=0, correction=0)
        inner = fn.batch_norm(inner, None, None, gain, bias, training=True, eps=EPS)
    elif norm == "layer":
        inner = fn.layer_norm(inner, inner.shape[1:], gain, bias, EPS)
    core, gate = inner.chunk(2, dim=1)
    messages = fn.softplus(core) * gate.sigmoid()
    if edges.weights is not None:
        messages = messages * edges.weights.unsqueeze(1)
    sums = messages.new_zeros(len(table) // 2, messages.shape[1])
    return Sums(sums.index_add(0, edges.centres, messages), mean, variance)


class _Kept(NamedTuple):
    """What the way back needs of a block of edges, beside the arguments."""

    inner: Tensor  # [k, 2 d], before the norm; its mean over all edges is taken away in "batch"
    core: Tensor  # [k, d], softplus of the first half of what is behind the norm
    slope: Tensor  # [k, d], the derivative of the softplus: sigmoid of the first half
    gate: Tensor  # [k, d], sigmoid of the second half
    moments: tuple[Tensor, Tensor] | None  # [k, 1] each, mean and 1 / deviation, of "layer"


class _GatedSums(torch.autograd.Function):
    """Forward and backward by blocks; the gradient of a gradient by :func:`plain_sums`."""

    @staticmethod
    def forward(
        ctx: Any,
        table: Tensor,
        weight: Tensor,
        gain: Tensor | None,
        bias: Tensor | None,
        features: Tensor,
        weights: Tensor | None,
        edges: Edges,
        norm: NormKind,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return the parts of :class:`Sums`."""
        kept: list[_Kept] = []
        edges = edges._replace(features=features, weights=weights)
        sums = _forward(table, weight, gain, bias, edges, norm, kept)
        ctx.save_for_backward(table, weight, gain, bias, features, weights, sums.variance)
        ctx.edges = edges._replace(features=features.new_zeros(0), weights=None)
        ctx.norm, ctx.kept = norm, kept
        ctx.mark_non_differentiable(*(t for t in sums[1:] if t is not None))
        return tuple(sums)  # type: ignore[return-value]

    @staticmethod
    def backward(ctx: Any, by_sums: Tensor, *_: object) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Return the gradient by each tensor."""
        *tensors, variance = ctx.saved_tensors
        table, weight, gain, bias, features, weights = tensors
        edges = ctx.edges._replace(features=features, weights=weights)
        if torch.is_grad_enabled():
            found = _differentiable(tensors, edges, ctx.norm, by_sums)
        else:
            found = _backward(ctx, by_sums, table, weight, gain, bias, edges, variance)
        return (*found, None, None)


def _blocks(edges: Edges) -> Iterator[slice]:
    """Cut the edges into blocks; on a graphics card, one."""
    count = len(edges.centres)
    step = _BLOCK * torch.get_num_threads() if edges.centres.device.type == "cpu" else count
    for start in range(0, count, max(step, 1)):
        yield slice(start, start + step)


def _forward(
    table: Tensor, weight: Tensor, gain: Tensor | None, bias: Tensor | None, edges: Edges,
    norm: NormKind, kept: list[_Kept] | None,
) -> Sums:  # fmt: skip
    half = table.shape[1] // 2
    sums = table.new_zeros(len(table) // 2, half)
    mean = variance = None
    count = len(edges.centres)
    if norm == "batch":  # taken from the rows of the centres, so that what is left has none
        mean = (edges.uses @ table + weight @ edges.total) / count
        table = torch.stack([table[0::2] - mean, table[1::2]], dim=1).flatten(0, 1)
    turned = weight.T.contiguous()
    blocks = list(_blocks(edges))
    inners = (
        fn.embedding_bag(edges.ends[at], table, mode="sum").addmm_(edges.features[at], turned)
        for at in blocks
    )
    scratch = table.new_empty(blocks[0].stop if blocks else 0, 2 * half)
    scale = gain
    if norm == "batch":
        inners = iter(stored := list(inners))
        variance = _mean_square(stored, scratch, count)
        scale = (variance + EPS).rsqrt() * gain
    for at, inner in zip(blocks, inners, strict=True):
        outer, moments = inner, None
        room = scratch[: len(inner)]
        if norm == "batch":
            outer = torch.addcmul(bias, inner, scale, out=room)
        elif norm == "layer":
            outer, *moments = torch.native_layer_norm(inner, inner.shape[1:], gain, bias, EPS)
        core, slope = _softplus(outer[:, :half])
        gate = outer[:, half:].sigmoid()
        messages = torch.mul(core, gate, out=room.view(-1)[: core.numel()].view(core.shape))
        if edges.weights is not None:
            messages.mul_(edges.weights[at].unsqueeze(1))
        sums.index_add_(0, edges.centres[at], messages)
        if kept is not None:
            kept.append(_Kept(inner, core, slope, gate, moments and tuple(moments)))
    return Sums(sums, mean, variance)


def _mean_square(blocks: list[Tensor], scratch: Tensor, count: int) -> Tensor:
    """Return the mean of the squares of so many rows, ``[2 d]``."""
    total = scratch.new_zeros(scratch.shape[1])
    for block in blocks:
        total += torch.mul(block, block, out=scratch[: len(block)]).sum(0)
    return total.div_(count)


def _softplus(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return softplus of x and its derivative: ``log(1 + exp(x))``, but x where x is large."""
    slope = x.clamp_max(_LARGE).exp_()
    value = slope + 1
    slope.div_(value)
    return torch.maximum(value.log_(), x, out=value), slope


def _backward(
    ctx: Any, by_sums: Tensor, table: Tensor, weight: Tensor, gain: Tensor | None,
    bias: Tensor | None, edges: Edges, variance: Tensor | None,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    norm: NormKind = ctx.norm
    kept: list[_Kept] = ctx.kept
    by_features = torch.empty_like(edges.features) if ctx.needs_input_grad[4] else None
    by_weights = None
    if edges.weights is not None and ctx.needs_input_grad[5]:
        by_weights = torch.empty_like(edges.weights)
    by_table, by_weight = torch.zeros_like(table), torch.zeros_like(weight.T)
    by_gain, by_bias = (None if t is None else torch.zeros_like(t) for t in (gain, bias))
    blocks = list(_blocks(edges))

    inners: list[Tensor] = []  # gradients by what is behind the norm, then by what is before it
    for at, block in zip(blocks, kept, strict=True):
        by_inner = _by_outer(by_sums, block, at, edges, by_weights)
        if norm == "batch":
            by_bias += by_inner.sum(0)
            by_gain += (by_inner * block.inner).sum(0)
        elif norm == "layer":
            by_inner, gains, biases = torch.ops.aten.native_layer_norm_backward(
                by_inner, block.inner, block.inner.shape[1:], *block.moments, gain, bias, [True] * 3
            )
            by_gain += gains
            by_bias += biases
        inners.append(by_inner)
    if norm == "batch":
        reciprocal = (variance + EPS).rsqrt()
        by_gain *= reciprocal
        scale = reciprocal * gain
        offset = scale * by_bias / -len(edges.centres)
        drift = scale * reciprocal * by_gain / -len(edges.centres)
    for at, block, by_inner in zip(blocks, kept, inners, strict=True):
        if norm == "batch":
            torch.addcmul(offset, by_inner, scale, out=by_inner).addcmul_(block.inner, drift)
        first, second = edges.ends[at].unbind(dim=1)
        by_table.index_add_(0, first, by_inner).index_add_(0, second, by_inner)
        by_weight.addmm_(edges.features[at].T, by_inner)
        if by_features is not None:
            torch.mm(by_inner, weight, out=by_features[at])
    return by_table, by_weight.T, by_gain, by_bias, by_features, by_weights


def _by_outer(
    by_sums: Tensor, block: _Kept, at: slice, edges: Edges, by_weights: Tensor | None
) -> Tensor:
    """Return the gradient by what is behind the norm, ``[k, 2 d]``."""
    half = block.core.shape[1]
    by_message = by_sums.index_select(0, edges.centres[at])
    if by_weights is not None:
        torch.linalg.vecdot(by_message, block.core * block.gate, out=by_weights[at])
    if edges.weights is not None:
        by_message.mul_(edges.weights[at].unsqueeze(1))
    by_message.mul_(block.gate)
    found = torch.empty_like(block.inner)
    torch.mul(by_message, block.slope, out=found[:, :half])
    by_message.mul_(block.core)
    torch.addcmul(by_message, by_message, block.gate, value=-1, out=found[:, half:])
    return found


def _differentiable(
    tensors: list[Tensor | None], edges: Edges, norm: NormKind, by_sums: Tensor
) -> list[Tensor | None]:
    """Return the gradients of :func:`plain_sums`, which can be differentiated again."""
    views = [None if t is None else t.view_as(t) for t in tensors]
    table, weight, gain, bias, features, weights = views
    edges = edges._replace(features=features, weights=weights)
    sums = plain_sums(table, weight, gain, bias, edges, norm).atoms
    wanted = [t for t in views if t is not None and t.requires_grad]
    found = iter(torch.autograd.grad(sums, wanted, by_sums, create_graph=True, allow_unused=True))
    return [next(found) if t is not None and t.requires_grad else None for t in views]
