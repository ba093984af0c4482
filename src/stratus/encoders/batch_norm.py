"""A norm over the rows of a batch, whose statistics others may have worked out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import nn
from torch.nn import functional as fn

if TYPE_CHECKING:
    from torch import Tensor

EPS: Final = 1e-5
"""Added to variances, as torch does by default."""

_MOMENTUM: Final = 0.1


class BatchNorm(nn.Module):
    """Batch normalisation (Ioffe and Szegedy 2015, arXiv:1502.03167), as that of torch.

    Fewer than two rows have no spread, so they are treated as in evaluation, in training too.

    Args:
        width: numbers of a row.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width))
        self.bias = nn.Parameter(torch.empty(width))
        self.register_buffer("running_mean", torch.empty(width))
        self.register_buffer("running_var", torch.empty(width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Make it change nothing in evaluation."""
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)
        nn.init.zeros_(self.running_mean)
        nn.init.ones_(self.running_var)

    def forward(self, rows: Tensor) -> Tensor:
        """Return rows ``[n, width]`` with the norm."""
        return fn.batch_norm(
            rows,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=self.reads_batch(rows.shape[0]),
            momentum=_MOMENTUM,
            eps=EPS,
        )

    def reads_batch(self, count: int) -> bool:
        """Whether so many rows get the statistics of their batch, and not those that are kept."""
        return self.training and count > 1

    def affine(self) -> tuple[Tensor, Tensor]:
        """Return what it multiplies by and then adds with the statistics that are kept."""
        scale = self.weight * (self.running_var + EPS).rsqrt()
        return scale, self.bias - self.running_mean * scale

    def keep(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Add the statistics of a batch to those that are kept.

        Args:
            mean: ``[width]``.
            variance: of the rows of the batch, over their count.
            count: how many rows it has, at least 2.
        """
        with torch.no_grad():
            self.running_mean.lerp_(mean, _MOMENTUM)
            self.running_var.lerp_(variance * (count / (count - 1)), _MOMENTUM)
