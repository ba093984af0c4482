"""What the transformers of this room share: sizes, the block, and how weights are drawn."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import nn
from torch.nn import functional as fn

from stratus.views.keys import MASK, PADDING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

INITIAL_STD: Final = 0.02
"""Standard deviation of fresh weights; BERT's (Devlin et al. 2018, released code)."""


class TransformerConfig(BaseModel):
    """Sizes of a transformer encoder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocabulary_size: int = Field(ge=1, description="Rows of the token embedding.")
    hidden: int = Field(ge=1, description="Length of a vector.")
    layers: int = Field(ge=1, description="Number of blocks.")
    heads: int = Field(ge=1, description="Attention heads; hidden is a multiple of it.")
    feed_forward: int = Field(ge=1, description="Inner length of the feed-forward part.")
    max_length: int = Field(512, ge=2, description="Most rows that a crystal may have.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Share dropped, in attention too.")
    layer_norm_eps: float = Field(1e-12, gt=0, description="Added to variances.")

    @model_validator(mode="after")
    def _heads_share_hidden(self) -> Self:
        if self.hidden % self.heads:
            raise ValueError(f"hidden {self.hidden} cannot be shared by {self.heads} heads")
        return self


class Block(nn.Module):
    """Self-attention, then a feed-forward part, each added to what came in.

    Args:
        config: sizes.
        pre_norm: whether each part gets normalised input (Xiong et al. 2020); else each sum is
            normalised, as BERT does.
    """

    def __init__(self, config: TransformerConfig, *, pre_norm: bool) -> None:
        super().__init__()
        self.pre_norm = pre_norm
        self.heads = config.heads
        self.dropout = config.dropout
        self.query_key_value = nn.Linear(config.hidden, 3 * config.hidden)
        self.attention_out = nn.Linear(config.hidden, config.hidden)
        self.attention_norm = nn.LayerNorm(config.hidden, eps=config.layer_norm_eps)
        self.feed_forward_in = nn.Linear(config.hidden, config.feed_forward)
        self.feed_forward_out = nn.Linear(config.feed_forward, config.hidden)
        self.feed_forward_norm = nn.LayerNorm(config.hidden, eps=config.layer_norm_eps)

    def forward(self, x: Tensor, real: Tensor | None) -> Tensor:
        """Transform rows ``[B, n, d]``; ``real`` as :func:`attention_mask` gives it."""
        if self.pre_norm:
            x = x + self._drop(self._attend(self.attention_norm(x), real))
            return x + self._drop(self._feed_forward(self.feed_forward_norm(x)))
        x = self.attention_norm(x + self._drop(self._attend(x, real)))
        out: Tensor = self.feed_forward_norm(x + self._drop(self._feed_forward(x)))
        return out

    def _attend(self, x: Tensor, real: Tensor | None) -> Tensor:
        batch, rows, hidden = x.shape
        packed = self.query_key_value(x).view(batch, rows, 3, self.heads, hidden // self.heads)
        query, key, value = packed.permute(2, 0, 3, 1, 4)
        mixed = fn.scaled_dot_product_attention(
            query, key, value, attn_mask=real, dropout_p=self.dropout if self.training else 0.0
        )
        out: Tensor = self.attention_out(mixed.transpose(1, 2).reshape(batch, rows, hidden))
        return out

    def _feed_forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.feed_forward_out(fn.gelu(self.feed_forward_in(x)))
        return out

    def _drop(self, x: Tensor) -> Tensor:
        return fn.dropout(x, self.dropout, training=self.training)


def attention_mask(batch: Mapping[str, Tensor]) -> Tensor | None:
    """Return which rows may be attended to, bool ``[B, 1, 1, n]``; None if all of them may.

    Without a mask the fast kernels of ``scaled_dot_product_attention`` serve. ``padding`` tells
    by its shape, so a GPU is not waited for; a batch without that key gets a mask.
    """
    padding = batch.get(PADDING)
    if padding is not None and padding.numel() == 0:
        return None
    return batch[MASK][:, None, None, :]


def draw_weights(module: nn.Module, generator: torch.Generator | None) -> None:
    """Fill all weights afresh as BERT does: normal with std 0.02, zero biases, norms one and zero.

    Args:
        module: what to fill; its parts may still be on the meta device, then they get memory on
            the default device first.
        generator: where the numbers come from; torch's own generator if None.
    """
    if any(parameter.is_meta for parameter in module.parameters()):
        module.to_empty(device=torch.get_default_device())
    for part in module.modules():
        if isinstance(part, nn.LayerNorm):
            part.reset_parameters()
        elif isinstance(part, nn.Linear | nn.Embedding):
            nn.init.normal_(part.weight, std=INITIAL_STD, generator=generator)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)


PRESETS: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "nano": {"layers": 4, "hidden": 128, "heads": 4, "feed_forward": 512},
        "small": {"layers": 6, "hidden": 384, "heads": 6, "feed_forward": 1536},
        "base": {"layers": 12, "hidden": 768, "heads": 12, "feed_forward": 3072},
    }
)
"""The sizes of the transformers, by the name of the preset."""
