"""The objective: masked tokens are guessed; loss and gradient are those of the whole batch.

BERT's (Devlin et al. 2018, arXiv 1810.04805). The loss of a step is the mean over all masked
tokens of the batch, on however many devices it lies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import torch
from torch.nn import functional as fn

from stratus.training.batches import LENGTHS, N_MASKED_GLOBAL, N_TOKENS
from stratus.training.clipping import Clipped
from stratus.training.device import seed_dropout
from stratus.training.masking import PLACES, TARGETS, WHERE
from stratus.training.schedule import scheduled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from stratus.training.options import PretrainOptions

ON_HOST: Final = frozenset({N_TOKENS, N_MASKED_GLOBAL, LENGTHS, PLACES})
"""What the loop reads as numbers; it stays on the CPU, so that no device is waited for."""


class MaskedTokenModule(Clipped):
    """An encoder and a tied head, with the objective and its optimiser.

    Args:
        encoder: has ``token_embedding``; gives an ``Encoding`` with parts.
        head: scores the tokens at masked places.
        options: of the run.
        steps: optimiser steps of the whole run.
    """

    def __init__(
        self, encoder: nn.Module, head: nn.Module, options: PretrainOptions, steps: int
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.options = options
        self.steps = steps

    def logits(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Score the tokens at the masked places of a batch, ``[M, V]``."""
        parts = self.encoder(batch).parts
        embedding = cast("nn.Embedding", self.encoder.token_embedding)
        return cast("Tensor", self.head(parts, batch[WHERE], embedding.weight))

    def training_step(self, batch: Mapping[str, Tensor], _index: int) -> Tensor:
        """Return the share of the loss that this device has, times the number of devices.

        The mean of the gradients over devices, which DDP takes, is then that of the whole batch.
        """
        loss = fn.cross_entropy(self.logits(batch).float(), batch[TARGETS], reduction="sum")
        places = int(batch[N_MASKED_GLOBAL])
        return loss * (self.trainer.world_size / max(1, places))

    def validation_step(self, batch: Mapping[str, Tensor], _index: int) -> Tensor:
        """Return the sums of loss, hits and places of a batch, float64 ``[3]``."""
        return sums_of(self.logits(batch), batch[TARGETS])

    def on_train_batch_start(self, _batch: object, _index: int) -> None:
        """Let the numbers of dropout depend on seed, device and step alone."""
        seed_dropout(self.options.seed, self.trainer.global_rank, self.trainer.global_step)

    def configure_optimizers(self) -> Any:
        """Return AdamW (arXiv 1711.05101) and the schedule of each step."""
        options = self.options
        optimizer = torch.optim.AdamW(
            weight_groups(self, options.weight_decay),
            lr=options.peak_rate,
            betas=options.betas,
            eps=options.epsilon,
            fused=options.strategy != "fsdp",
        )
        return scheduled(optimizer, total=self.steps, warmup_share=options.warmup_share)

    def transfer_batch_to_device(
        self,
        batch: Mapping[str, Tensor],
        device: torch.device,
        dataloader_idx: int,  # noqa: ARG002 - Lightning's interface
    ) -> dict[str, Tensor]:
        """Send a batch to the device, but for what the loop reads as numbers."""
        return {
            key: value if key in ON_HOST else value.to(device, non_blocking=True)
            for key, value in batch.items()
        }


def sums_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Return summed cross-entropy in nats, hits, and places; float64 ``[3]``.

    Args:
        logits: ``[M, V]``.
        targets: int64 ``[M]``.
    """
    loss = fn.cross_entropy(logits.float(), targets, reduction="sum")
    hits = (logits.argmax(dim=-1) == targets).sum()
    places = torch.tensor(len(targets), device=logits.device)
    return torch.stack([part.double() for part in (loss, hits, places)])


def weight_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Divide weights into those that decay and those that do not: biases and norms.

    Both are vectors, everything else has two dimensions or more.
    """
    weights = list(module.parameters())
    return [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
