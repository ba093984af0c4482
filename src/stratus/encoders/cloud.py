"""CLOUD: BERT as published, on the words of a SCOPE string.

Embeddings of token, position and token type are added and normalised; post-norm blocks with exact
GELU follow; the row of [CLS] is the crystal. Source: Devlin et al. 2018 (arXiv:1810.04805), and
CLOUD (Xu et al.), whose sizes are the preset ``base``. Published weights keep their meaning:
:func:`from_bert` renames them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.architecture import Architecture
from stratus.encoders.encoding import Encoding, Gives
from stratus.encoders.transformer import (
    PRESETS,
    Block,
    TransformerConfig,
    attention_mask,
    draw_weights,
)
from stratus.errors import InputError
from stratus.views.keys import MASK, TOKENS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class CloudConfig(TransformerConfig):
    """Sizes of :class:`Cloud`; ``max_length`` is the number of learned positions."""


class Cloud(nn.Module):
    """The encoder of the paper.

    Args:
        config: sizes.
        generator: where fresh weights come from; torch's own generator if None.
    """

    def __init__(self, config: CloudConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        with torch.device("meta"):  # nothing is drawn here, so torch's own generator stays put
            self.token_embedding = nn.Embedding(config.vocabulary_size, config.hidden)
            self.position_embedding = nn.Embedding(config.max_length, config.hidden)
            self.token_type_embedding = nn.Embedding(1, config.hidden)  # BERT adds it to every row
            self.embedding_norm = nn.LayerNorm(config.hidden, eps=config.layer_norm_eps)
            self.blocks = nn.ModuleList(Block(config, pre_norm=False) for _ in range(config.layers))
        draw_weights(self, generator)

    def forward(self, batch: Mapping[str, Tensor]) -> Encoding:
        """Encode a batch of the view ``sequence``.

        Args:
            batch: ``tokens`` int64 ``[B, L]``, ``mask`` bool ``[B, L]`` and ``padding``, with
                ``L`` at most ``max_length``.

        Returns:
            crystal ``[B, d]``, the row of [CLS]; parts ``[B * L, d]``, all rows.

        Raises:
            stratus.errors.InputError: more rows than there are positions.
        """
        tokens = batch[TOKENS]
        if tokens.shape[1] > self.config.max_length:
            raise InputError(
                f"a batch of {tokens.shape[1]} rows meets an encoder of {self.config.max_length} "
                f"positions; give the view max_length = {self.config.max_length}"
            )
        x = self.token_embedding(tokens) + self.token_type_embedding.weight
        x = self.embedding_norm(x + self.position_embedding.weight[: tokens.shape[1]])
        x = fn.dropout(x, self.config.dropout, training=self.training)
        real = attention_mask(batch)
        for block in self.blocks:
            x = block(x, real)
        return Encoding.of_padded(x[:, 0], x, batch[MASK])


_BERT_EMBEDDINGS: Final = {
    "token_embedding.weight": ("embeddings.word_embeddings.weight",),
    "position_embedding.weight": ("embeddings.position_embeddings.weight",),
    "token_type_embedding.weight": ("embeddings.token_type_embeddings.weight",),
    "embedding_norm.weight": ("embeddings.LayerNorm.weight",),
    "embedding_norm.bias": ("embeddings.LayerNorm.bias",),
}
_BERT_LAYER: Final = {
    "query_key_value": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention_out": ("attention.output.dense",),
    "attention_norm": ("attention.output.LayerNorm",),
    "feed_forward_in": ("intermediate.dense",),
    "feed_forward_out": ("output.dense",),
    "feed_forward_norm": ("output.LayerNorm",),
}


def bert_names(layers: int) -> dict[str, tuple[str, ...]]:
    """Return for each tensor of :class:`Cloud` those of Hugging Face's BERT, first rows first."""
    names: dict[str, tuple[str, ...]] = {**_BERT_EMBEDDINGS}
    for k in range(layers):
        for ours, theirs in _BERT_LAYER.items():
            for kind in ("weight", "bias"):
                names[f"blocks.{k}.{ours}.{kind}"] = tuple(
                    f"encoder.layer.{k}.{part}.{kind}" for part in theirs
                )
    return names


def from_bert(
    tensors: Mapping[str, Tensor], config: CloudConfig
) -> tuple[dict[str, Tensor], list[str]]:
    """Rename the weights of a Hugging Face BERT, with or without ``bert.`` in front.

    Query, key and value become one matrix. Of the token types the first row is kept, the one that
    a single sentence gets.

    Args:
        tensors: the state dict of a ``BertModel``, a ``BertForMaskedLM``, ...
        config: the sizes that these weights have.

    Returns:
        the state dict of :class:`Cloud`, and the names that were not used (such as those of the
        pooler and of heads), sorted.

    Raises:
        stratus.errors.InputError: a tensor is missing or has another shape; the text names it.
    """
    prefix = "bert." if any(name.startswith("bert.") for name in tensors) else ""
    with torch.device("meta"):
        wanted = {name: tensor.shape for name, tensor in Cloud(config).state_dict().items()}
    ours: dict[str, Tensor] = {}
    used: set[str] = set()
    for name, theirs in bert_names(config.layers).items():
        rows, *rest = wanted[name]
        pieces = []
        for full in (prefix + part for part in theirs):
            if full not in tensors:
                raise InputError(f"the weights have no tensor {full}, so they are no such BERT")
            piece = tensors[full]
            if name == "token_type_embedding.weight":
                piece = piece[:1]
            if piece.shape != (rows // len(theirs), *rest):
                raise InputError(
                    f"{full} has the shape {list(tensors[full].shape)}, but the config asks for "
                    f"{[rows // len(theirs), *rest]}; give the config of these weights"
                )
            pieces.append(piece)
            used.add(full)
        ours[name] = torch.cat(pieces)
    return ours, sorted(set(tensors) - used)


CLOUD: Final = Architecture(
    name="cloud",
    config=CloudConfig,
    build=Cloud,
    presets=PRESETS,
    view="sequence",
    gives=frozenset({Gives.CRYSTAL, Gives.PARTS, Gives.TOKENS}),
    numerics=1,
)
