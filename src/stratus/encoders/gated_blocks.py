"""The sum of gated messages at each atom, made a block of edges at a time.

What costs time in a layer of CGCNN is not its matrix products but the passes over numbers of edges:
gathering, the norm, the gate, and all of them backwards. Here they are made on blocks that stay in
the cache of a processor. Of each edge the way back keeps what is before the norm, and works out the
gate again.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import torch
from torch.nn import functional as fn

from stratus.encoders.gated_norms import block_norm
from stratus.encoders.gated_sums import LARGE, Edges, Inner, Sums, plain_sums

if TYPE_CHECKING:
    from torch import Tensor

    from stratus.encoders.gated_sums import NormKind

_BLOCK: Final = 1024  # edges a thread: of 128 numbers they take half a megabyte


def gated_sums(inner: Inner, edges: Edges) -> Sums:
    """Do what :func:`stratus.encoders.gated_sums.plain_sums` does, faster.

    Gradients of gradients are those of that function.
    """
    if torch.compiler.is_compiling():
        return plain_sums(inner, edges)
    tensors = (*inner[:4], edges.features, edges.weights)
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors):
        return Sums(*_GatedSums.apply(edges, inner.norm, *tensors))  # type: ignore[no-untyped-call]
    return _forward(inner, edges)[0]


class _GatedSums(torch.autograd.Function):
    """Forward and backward by blocks."""

    @staticmethod
    def forward(
        ctx: Any, edges: Edges, norm: NormKind, *tensors: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        """Return the parts of :class:`Sums`."""
        inner, edges = _of(edges, norm, tensors)
        sums, ctx.rows = _forward(inner, edges)
        ctx.save_for_backward(*tensors, sums.variance)
        ctx.edges, ctx.norm = edges._replace(features=edges.total, weights=None), norm
        ctx.mark_non_differentiable(*(t for t in sums[1:] if t is not None))
        return tuple(sums)

    @staticmethod
    def backward(ctx: Any, by_sums: Tensor, *_: object) -> tuple[Tensor | None, ...]:
        """Return the gradient by each tensor."""
        *tensors, variance = ctx.saved_tensors
        if torch.is_grad_enabled():  # it will be differentiated again
            return None, None, *_differentiable(ctx.edges, ctx.norm, tensors, by_sums)
        inner, edges = _of(ctx.edges, ctx.norm, tensors)
        wanted = ctx.needs_input_grad[-2:]
        return (
            None,
            None,
            *_backward(inner, edges, ctx.rows, variance, by_sums.contiguous(), wanted),
        )


def _of(edges: Edges, norm: NormKind, tensors: Any) -> tuple[Inner, Edges]:
    table, weight, gain, bias, features, weights = tensors
    return Inner(table, weight, gain, bias, norm), edges._replace(
        features=features, weights=weights
    )


def _blocks(edges: Edges) -> list[slice]:
    """Cut the edges into blocks; on a graphics card, one."""
    count = len(edges.centres)
    step = _BLOCK * torch.get_num_threads() if edges.centres.device.type == "cpu" else count
    return [slice(start, min(start + step, count)) for start in range(0, count, max(step, 1))]


class _Room(NamedTuple):
    """Places that all blocks write to, so that they stay in the cache."""

    whole: Tensor  # [k, 2 d]
    halves: Tensor  # [4, k, d]

    @classmethod
    def of(cls, table: Tensor, blocks: list[slice]) -> _Room:
        longest = max((at.stop - at.start for at in blocks), default=0)
        width = table.shape[1]
        return cls(table.new_empty(longest, width), table.new_empty(4, longest, width // 2))

    def cut(self, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return the places for so many edges."""
        first, second, third, fourth = self.halves[:, :count].unbind()
        return self.whole[:count], first, second, third, fourth


def _forward(inner: Inner, edges: Edges) -> tuple[Sums, list[Tensor]]:
    """Return sums, and of each block the rows before the norm.

    With the norm of a batch, the mean of all rows is taken away from them.
    """
    table, turned = inner.table, inner.weight.T.contiguous()
    half, count, blocks = table.shape[1] // 2, len(edges.centres), _blocks(edges)
    room = _Room.of(table, blocks)
    mean = variance = None
    if inner.norm == "batch":  # the mean is taken from what the centres give
        mean = (edges.uses @ table + inner.weight @ edges.total) / count
        table = table.clone()
        table[0::2] -= mean
    rows = [
        fn.embedding_bag(edges.ends[at], table, mode="sum").addmm_(edges.features[at], turned)
        for at in blocks
    ]
    if inner.norm == "batch":
        variance = _mean_square(rows, room.whole, count)
    norm = block_norm(inner, variance, count)
    sums = table.new_zeros(len(table) // 2, half)
    for at, block in zip(blocks, rows, strict=True):
        whole, core, gate, *_ = room.cut(len(block))
        outer = norm.outer(block, whole)
        torch.clamp_max(outer[:, :half], LARGE, out=core).exp_().add_(1).log_()
        torch.maximum(core, outer[:, :half], out=core)
        messages = core.mul_(torch.sigmoid(outer[:, half:], out=gate))
        if edges.weights is not None:
            messages.mul_(edges.weights[at].unsqueeze(1))
        sums.index_add_(0, edges.centres[at], messages)
    return Sums(sums, mean, variance), rows


def _mean_square(blocks: list[Tensor], room: Tensor, count: int) -> Tensor:
    """Return the mean of the squares of so many rows, ``[2 d]``."""
    total = room.new_zeros(room.shape[1])
    for block in blocks:
        total += torch.mul(block, block, out=room[: len(block)]).sum(0)
    return total.div_(count)


def _backward(
    inner: Inner,
    edges: Edges,
    rows: list[Tensor],
    variance: Tensor | None,
    by_sums: Tensor,
    wanted: tuple[bool, bool],
) -> tuple[Tensor | None, ...]:
    """Return the gradients by the four tensors of inner messages, by features and by weights."""
    ends = list(accumulate(map(len, rows)))  # as they were cut, on however many threads
    blocks = [slice(end - len(block), end) for end, block in zip(ends, rows, strict=True)]
    room = _Room.of(inner.table, blocks)
    norm = block_norm(inner, variance, len(edges.centres))
    by_features = torch.empty_like(edges.features) if wanted[0] else None
    by_weights = edges.weights.clone() if wanted[1] and edges.weights is not None else None
    by_rows: list[Tensor] = []
    for at, block in zip(blocks, rows, strict=True):
        whole = room.whole[: len(block)]
        by_outer = _by_outer(norm.outer(block, whole), at, edges, by_sums, room, by_weights)
        by_rows.append(norm.back(by_outer, block, whole))
    by_table, by_weight = torch.zeros_like(inner.table), torch.zeros_like(inner.weight.T)
    for at, block, unfinished in zip(blocks, rows, by_rows, strict=True):
        by_row = norm.finish(unfinished, block)
        first, second = edges.ends[at].unbind(dim=1)
        by_table.index_add_(0, first, by_row).index_add_(0, second, by_row)
        by_weight.addmm_(edges.features[at].T, by_row)
        if by_features is not None:
            torch.mm(by_row, inner.weight, out=by_features[at])
    return by_table, by_weight.T, *norm.slopes(), by_features, by_weights


def _by_outer(
    outer: Tensor, at: slice, edges: Edges, by_sums: Tensor, room: _Room, by_weights: Tensor | None
) -> Tensor:
    """Return the gradient by what is behind the norm, ``[k, 2 d]``."""
    half = outer.shape[1] // 2
    _, core, slope, gate, by_message = room.cut(len(outer))
    torch.clamp_max(outer[:, :half], LARGE, out=slope).exp_()
    slope.div_(torch.add(slope, 1, out=core))
    torch.maximum(core.log_(), outer[:, :half], out=core)
    torch.sigmoid(outer[:, half:], out=gate)
    torch.index_select(by_sums, 0, edges.centres[at], out=by_message)
    if by_weights is not None:
        torch.linalg.vecdot(by_message, core * gate, out=by_weights[at])
    if edges.weights is not None:
        by_message.mul_(edges.weights[at].unsqueeze(1))
    by_message.mul_(gate)
    found = torch.empty_like(outer)
    torch.mul(by_message, slope, out=found[:, :half])
    by_message.mul_(core)
    torch.addcmul(by_message, by_message, gate, value=-1, out=found[:, half:])
    return found


def _differentiable(
    edges: Edges, norm: NormKind, tensors: list[Tensor | None], by_sums: Tensor
) -> list[Tensor | None]:
    """Return gradients that can be differentiated again."""
    views = [None if t is None else t.view_as(t) for t in tensors]
    sums = plain_sums(*_of(edges, norm, views)).atoms
    wanted = [t for t in views if t is not None and t.requires_grad]
    found = iter(torch.autograd.grad(sums, wanted, by_sums, create_graph=True, allow_unused=True))
    return [next(found) if t is not None and t.requires_grad else None for t in views]
