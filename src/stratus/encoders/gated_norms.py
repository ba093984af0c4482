"""The norms of gated messages by blocks: forward, and backward in two passes over all blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as fn

from stratus.encoders.batch_norm import EPS

if TYPE_CHECKING:
    from torch import Tensor

    from stratus.encoders.gated_sums import Inner


class BlockNorm:
    """No norm; the others are made from it."""

    def slopes(self) -> tuple[Tensor | None, Tensor | None]:
        """Return the gradients by gain and bias, if any, after all blocks went :meth:`back`."""
        return None, None

    def outer(self, rows: Tensor, room: Tensor) -> Tensor:  # noqa: ARG002 - of the others
        """Return rows ``[k, 2 d]`` with the norm, perhaps in a room of the same shape."""
        return rows

    def back(self, by_outer: Tensor, rows: Tensor, room: Tensor) -> Tensor:  # noqa: ARG002 - likewise
        """Return the gradient by rows as far as it is known from one block."""
        return by_outer

    def finish(self, by_rows: Tensor, rows: Tensor) -> Tensor:  # noqa: ARG002 - likewise
        """Return that gradient when all blocks are known."""
        return by_rows


class _WithGain(BlockNorm):
    """What norms with a gain and a bias, ``[2 d]`` each, have in common."""

    def __init__(self, gain: Tensor, bias: Tensor) -> None:
        self.gain, self.bias = gain, bias
        self.by_gain, self.by_bias = torch.zeros_like(gain), torch.zeros_like(bias)

    def slopes(self) -> tuple[Tensor | None, Tensor | None]:
        """Return the gradients by gain and bias."""
        return self.by_gain, self.by_bias


class LayerBlockNorm(_WithGain):
    """A norm of the numbers of each row."""

    def outer(self, rows: Tensor, room: Tensor) -> Tensor:  # noqa: ARG002 - of the others
        """Return rows with the norm."""
        return fn.layer_norm(rows, rows.shape[1:], self.gain, self.bias, EPS)

    def back(self, by_outer: Tensor, rows: Tensor, room: Tensor) -> Tensor:  # noqa: ARG002 - likewise
        """Return the gradient by rows."""
        width = rows.shape[1:]
        _, *moments = torch.native_layer_norm(rows, width, self.gain, self.bias, EPS)
        found, gain, bias = torch.ops.aten.native_layer_norm_backward(
            by_outer, rows, width, *moments, self.gain, self.bias, [True, True, True]
        )
        self.by_gain += gain
        self.by_bias += bias
        return torch.as_tensor(found)


class BatchBlockNorm(_WithGain):
    """A norm over all rows of all blocks, whose mean is 0.

    Args:
        gain: ``[2 d]``.
        bias: ``[2 d]``.
        variance: of all rows, ``[2 d]``.
        count: how many rows there are.
    """

    def __init__(self, gain: Tensor, bias: Tensor, variance: Tensor, count: int) -> None:
        super().__init__(gain, bias)
        self.count = count
        self.reciprocal = (variance + EPS).rsqrt()
        self.scale = self.reciprocal * gain

    def outer(self, rows: Tensor, room: Tensor) -> Tensor:
        """Return rows with the norm."""
        return torch.addcmul(self.bias, rows, self.scale, out=room)

    def back(self, by_outer: Tensor, rows: Tensor, room: Tensor) -> Tensor:
        """Add to the gradients of gain and bias, which the rest of the gradient by rows needs."""
        self.by_bias += by_outer.sum(0)
        self.by_gain += torch.mul(by_outer, rows, out=room).sum(0).mul_(self.reciprocal)
        return by_outer

    def finish(self, by_rows: Tensor, rows: Tensor) -> Tensor:
        """Return the gradient by rows."""
        start = self.scale * self.by_bias / -self.count
        drift = self.scale * self.reciprocal * self.by_gain / -self.count
        return torch.addcmul(start, by_rows, self.scale, out=by_rows).addcmul_(rows, drift)


def block_norm(inner: Inner, variance: Tensor | None, count: int) -> BlockNorm:
    """Return the norm of inner messages.

    Args:
        inner: what they are made of.
        variance: of so many rows; None where the norm is not of a batch.
        count: how many rows there are.
    """
    if inner.gain is None or inner.bias is None:
        return BlockNorm()
    if variance is None:
        return LayerBlockNorm(inner.gain, inner.bias)
    return BatchBlockNorm(inner.gain, inner.bias, variance, count)
