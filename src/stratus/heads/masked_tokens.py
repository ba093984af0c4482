"""The head of masked language modelling: which token stood at a masked place.

BERT's (Devlin et al. 2018, arXiv:1810.04805): Linear, GELU, LayerNorm, then the product with the
token embedding itself (tied weights) and a bias. Only masked places are computed, 15 % of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Self, cast

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.encoding import Gives
from stratus.errors import InputError
from stratus.heads.head import Head
from stratus.views.keys import WHERE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from stratus.encoders.encoding import Encoding
    from stratus.views.token_view import TokenView

MASKED_TOKENS: Final = "masked-tokens"
"""The name of its numbers, and of the head among those of a net that was pre-trained."""

_INITIAL_STD: Final = 0.02  # BERT's


class MaskedTokenHeadConfig(BaseModel):
    """Sizes of :class:`MaskedTokenHead`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = Field(ge=1, description="Length of a vector.")
    vocabulary_size: int = Field(ge=1, description="Tokens to choose from.")
    fields: int = Field(1, ge=1, description="Tokens of one row that are told apart.")
    layer_norm_eps: float = Field(1e-12, gt=0, description="Added to variances.")


class MaskedTokenHead(Head):
    """Logits of the tokens at masked places; tied to the token embedding of an encoder.

    Args:
        hidden: length of the vectors of the encoder.
        vocabulary_size: tokens to choose from.
        fields: how many tokens of one row are told apart: the ``fields`` of the view. With more
            than one, a learned vector of the token's place in its row is added, so that one row
            can give each of its tokens.
        layer_norm_eps: added to variances.
        generator: where fresh weights come from; torch's own generator if None.
    """

    needs: ClassVar[frozenset[Gives]] = frozenset({Gives.TOKENS})
    alike: ClassVar[tuple[str, ...]] = ("hidden", "vocabulary_size")
    config: MaskedTokenHeadConfig
    _encoder: tuple[nn.Module, ...] = ()

    def __init__(
        self,
        hidden: int,
        vocabulary_size: int,
        fields: int = 1,
        *,
        layer_norm_eps: float = 1e-12,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.config = MaskedTokenHeadConfig(
            hidden=hidden,
            vocabulary_size=vocabulary_size,
            fields=fields,
            layer_norm_eps=layer_norm_eps,
        )
        with torch.device("meta"):  # nothing is drawn here, so torch's own generator stays put
            self.dense = nn.Linear(hidden, hidden)
        self.dense.to_empty(device=torch.get_default_device())
        self.norm = nn.LayerNorm(hidden, eps=layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))
        self.field_embedding = nn.Parameter(torch.empty(fields, hidden)) if fields > 1 else None
        nn.init.normal_(self.dense.weight, std=_INITIAL_STD, generator=generator)
        nn.init.zeros_(self.dense.bias)
        if self.field_embedding is not None:
            nn.init.normal_(self.field_embedding, std=_INITIAL_STD, generator=generator)

    @classmethod
    def of_view(
        cls, view: TokenView, hidden: int, generator: torch.Generator | None = None
    ) -> Self:
        """Return a head with fresh weights that guesses the tokens of a view.

        Args:
            view: what the encoder reads.
            hidden: length of the vectors of the encoder.
            generator: where fresh weights come from; torch's own generator if None.
        """
        return cls(hidden, len(view.vocabulary), view.fields, generator=generator)

    def tie(self, encoder: nn.Module) -> None:
        """Take the token embedding of an encoder as the last layer; it stays the encoder's."""
        self._encoder = (encoder,)  # in a tuple, so that its weights are not those of the head too

    def forward(self, batch: Mapping[str, Tensor], encoding: Encoding) -> dict[str, Tensor]:
        """Score the tokens at masked places.

        Args:
            batch: ``where`` int64 ``[M, 2]``, crystal and row of each place; with more fields
                ``[M, 3]``, crystal, row and place in the row. Places from the last field on share
                its vector.
            encoding: with the parts of all rows.

        Returns:
            logits ``[M, V]``, under ``masked-tokens``.

        Raises:
            stratus.errors.InputError: the head is tied to no encoder.
        """
        if not self._encoder:
            raise InputError("the head of masked tokens is tied to no encoder; make a Net of both")
        where = batch[WHERE]
        x = encoding.by_crystal()[where[:, 0], where[:, 1]]
        if self.field_embedding is not None:
            field = where[:, 2].clamp(max=self.config.fields - 1)
            x = x + self.field_embedding[field]
        x = self.norm(fn.gelu(self.dense(x)))
        embedding = cast("nn.Embedding", self._encoder[0].token_embedding)
        return {MASKED_TOKENS: fn.linear(x, embedding.weight, self.bias)}


_BERT_HEAD: Final = {
    "dense.weight": "cls.predictions.transform.dense.weight",
    "dense.bias": "cls.predictions.transform.dense.bias",
    "norm.weight": "cls.predictions.transform.LayerNorm.weight",
    "norm.bias": "cls.predictions.transform.LayerNorm.bias",
    "bias": "cls.predictions.bias",
}
_BERT_DECODER: Final = "cls.predictions.decoder.weight"
_BERT_DECODER_BIAS: Final = "cls.predictions.decoder.bias"
_BERT_EMBEDDING: Final = "bert.embeddings.word_embeddings.weight"


def from_bert_head(
    tensors: Mapping[str, Tensor], config: MaskedTokenHeadConfig
) -> tuple[dict[str, Tensor], list[str]]:
    """Rename the weights of the head of a Hugging Face ``BertForMaskedLM``.

    The decoder is the token embedding there too; files may hold it twice, and the bias under
    either of two names.

    Args:
        tensors: the state dict of a ``BertForMaskedLM``.
        config: the sizes that these weights have; one field.

    Returns:
        the state dict of :class:`MaskedTokenHead`, and the names that were not used, sorted.

    Raises:
        stratus.errors.InputError: a tensor is missing or has another shape, or the decoder is
            not the token embedding; the text names it.
    """
    theirs = dict(_BERT_HEAD)
    if theirs["bias"] not in tensors:
        theirs["bias"] = _BERT_DECODER_BIAS
    with torch.device("meta"):
        wanted = MaskedTokenHead(**config.model_dump()).state_dict()
    if unknown := wanted.keys() - theirs.keys():
        raise InputError(f"the head of a BERT has no {', '.join(sorted(unknown))}; use one field")
    ours: dict[str, Tensor] = {}
    for name, full in theirs.items():
        if full not in tensors:
            raise InputError(f"the weights have no tensor {full}, so they hold no head of a BERT")
        if tensors[full].shape != wanted[name].shape:
            raise InputError(
                f"{full} has the shape {list(tensors[full].shape)}, but the config asks for "
                f"{list(wanted[name].shape)}; give the config of these weights"
            )
        ours[name] = tensors[full]
    for copy, original in ((_BERT_DECODER, _BERT_EMBEDDING), (_BERT_DECODER_BIAS, theirs["bias"])):
        if copy in tensors and not _same(tensors[copy], tensors.get(original)):
            raise InputError(f"{copy} differs from {original}; only a tied decoder can be imported")
    return ours, sorted(set(tensors) - {*theirs.values(), _BERT_DECODER, _BERT_DECODER_BIAS})


def _same(one: Tensor, other: Tensor | None) -> bool:
    return other is not None and torch.equal(one, other)
