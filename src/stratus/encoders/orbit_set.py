"""A crystal as a set: one row an orbit, without positions, so the order of orbits is nothing.

The row of a slot is the sum of the embeddings of its tokens (an orbit: element and Wyckoff symbol)
and of its segment. Pre-norm blocks follow (Xiong et al. 2020, arXiv:2002.04745), then a norm; the
row of [CLS] is the crystal. A transformer without positions does not see the order of its rows
(Lee et al. 2019, arXiv:1810.00825).

A slot is a sum, so it does not see the order of its words either. That costs nothing below 10,000:
the words of a number, ``1_ 37``, are other tokens in the hundreds than in the units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.encoding import Encoding
from stratus.encoders.transformer import Block, TransformerConfig, attention_mask, draw_weights
from stratus.views.keys import SEGMENTS, TOKENS
from stratus.views.orbit_set import N_SEGMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class OrbitSetConfig(TransformerConfig):
    """Sizes of :class:`OrbitSet`; ``max_length`` is the limit of its view, in slots."""

    pad_id: int = Field(0, ge=0, description="Token id that stands where a slot has no token.")


class OrbitSet(nn.Module):
    """The encoder of the orbit dialect.

    Args:
        config: sizes.
        generator: where fresh weights come from; torch's own generator if None.
    """

    def __init__(self, config: OrbitSetConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        with torch.device("meta"):  # nothing is drawn here, so torch's own generator stays put
            self.token_embedding = nn.Embedding(config.vocabulary_size, config.hidden)
            self.segment_embedding = nn.Embedding(N_SEGMENTS, config.hidden)
            self.blocks = nn.ModuleList(Block(config, pre_norm=True) for _ in range(config.layers))
            self.final_norm = nn.LayerNorm(config.hidden, eps=config.layer_norm_eps)
        draw_weights(self, generator)

    def forward(self, batch: Mapping[str, Tensor]) -> Encoding:
        """Encode a batch of the view ``orbit-set``.

        Args:
            batch: ``tokens`` int64 ``[B, S, F]``, ``segments`` int64 ``[B, S]``, ``mask`` bool
                ``[B, S]`` and ``padding``.

        Returns:
            crystal ``[B, d]``, the row of [CLS]; parts ``[B, S, d]``, one row a slot.
        """
        tokens = batch[TOKENS]
        present = (tokens != self.config.pad_id).unsqueeze(-1)
        x = (self.token_embedding(tokens) * present).sum(dim=2)
        x = x + self.segment_embedding(batch[SEGMENTS])
        x = fn.dropout(x, self.config.dropout, training=self.training)
        real = attention_mask(batch)
        for block in self.blocks:
            x = block(x, real)
        x = self.final_norm(x)
        return Encoding(crystal=x[:, 0], parts=x)
