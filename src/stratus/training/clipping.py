"""Gradients clipped by the norm of all, also under a fused optimiser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from lightning.pytorch import LightningModule

if TYPE_CHECKING:
    from torch.optim import Optimizer


class Clipped(LightningModule):
    """A module that may have a fused optimiser and be trained under bf16.

    Lightning refuses to clip for a fused optimiser under mixed precision, in case gradients are
    scaled; those of bf16 are not.
    """

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip; what is not fused, as the shards of FSDP are not, Lightning does."""
        fused = all(group.get("fused") for group in optimizer.param_groups)
        if gradient_clip_val is not None and fused:
            torch.nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
