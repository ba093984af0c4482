"""What a size of a model costs: parameters without embeddings, and operations of training.

Operations are counted twice: by formula from the sizes of the layers, and by running a training
step on the meta device, where nothing is computed, under torch's own counter. The two must agree.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional as fn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from stratus.encoders.table import architecture, configure
from stratus.errors import InputError, StratusError
from stratus.heads.masked_tokens import MASKED_TOKENS, MaskedTokenHead
from stratus.models.net import Net
from stratus.scope.vocabulary import vocabulary
from stratus.views.keys import MASK, TOKENS, WHERE
from stratus.views.token_view import token_view as make_view

if TYPE_CHECKING:
    from stratus.heads.head import Head
    from stratus.training.options import PretrainOptions
    from stratus.views.token_view import TokenView

PER_HEAD: Final = 64
"""Length of the vectors of one attention head, unless said otherwise; the paper's."""

AGREEMENT: Final = 0.02
"""Largest relative difference between the two counts of operations."""

FORWARD_AND_BACKWARD: Final = 3
"""A backward pass multiplies twice for each multiplication of the forward pass."""

_REFERENCE: Final = (128, 1e-3)
_HIGHEST: Final = 4e-3


class Size(BaseModel):
    """Layers and widths of an encoder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: int = Field(ge=1)
    heads: int = Field(ge=1)
    hidden: int = Field(ge=1)

    @property
    def name(self) -> str:
        """``LAYERSxHEADSxHIDDEN``."""
        return f"{self.layers}x{self.heads}x{self.hidden}"

    @property
    def model(self) -> dict[str, int | float]:
        """Values of the config of a transformer; the feed-forward part is four times as wide."""
        return {**self.model_dump(), "feed_forward": 4 * self.hidden}

    @property
    def learning_rate(self) -> float:
        """A peak rate that falls with the root of the width: 1e-3 at 128, 4e-3 at most."""
        hidden, rate = _REFERENCE
        return min(_HIGHEST, rate * math.sqrt(hidden / self.hidden))


PAPER: Final = tuple(
    Size(layers=layers, heads=heads, hidden=PER_HEAD * heads)
    for heads in (1, 4, 12)
    for layers in (1, 3, 6, 12)
)
"""The sizes of the paper."""


def parse_size(text: str) -> Size:
    """Read ``LAYERSxHEADS`` or ``LAYERSxHEADSxHIDDEN``; hidden is 64 a head if not given.

    Raises:
        stratus.errors.InputError: it is no such text, or heads do not share hidden.
    """
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)(?:x([1-9]\d*))?", text.strip())
    if not found:
        raise InputError(f"{text!r} is no size; write LAYERSxHEADS or LAYERSxHEADSxHIDDEN")
    layers, heads = int(found[1]), int(found[2])
    hidden = int(found[3]) if found[3] else PER_HEAD * heads
    if hidden % heads:
        raise InputError(f"the size {text!r} cannot be: {heads} heads do not share {hidden}")
    return Size(layers=layers, heads=heads, hidden=hidden)


def config_of(options: PretrainOptions) -> Any:
    """Return the config of the encoder of a run."""
    sizes = {"vocabulary_size": len(vocabulary())} | options.model
    return configure(options.encoder, options.preset, **sizes)


def view_of(options: PretrainOptions) -> TokenView:
    """Return how the encoder of a run sees a crystal."""
    name = architecture(options.encoder).view
    return make_view(name, vocabulary(), config_of(options).max_length)


@dataclass(frozen=True)
class Cost:
    """Floating-point operations of a forward pass, by what they grow with.

    Attributes:
        per_row: for each row of the encoder.
        per_pair: for each pair of rows of one crystal.
        per_place: for each masked place.
    """

    per_row: int
    per_pair: int
    per_place: int


def cost_of(encoder: nn.Module, head: nn.Module, *, hidden: int, layers: int) -> Cost:
    """Count a model's operations: two for each weight of a linear layer, and attention.

    Args:
        encoder: the linear layers of its ``blocks`` are used once a row; those before them, which
            are small, are not counted.
        head: its linear layers, and the tied embedding, are used once a masked place.
        hidden: length of the vectors.
        layers: number of attention layers.
    """
    embedding = encoder.get_submodule("token_embedding")
    tied = sum(weight.numel() for weight in embedding.parameters())
    return Cost(
        per_row=2 * _linear_weights(encoder.get_submodule("blocks")),
        per_pair=4 * hidden * layers,  # query x key, and share x value
        per_place=2 * (_linear_weights(head) + tied),
    )


@dataclass(frozen=True)
class Counted:
    """What a model has and costs.

    Attributes:
        parameters: trained values of the encoder that are no embedding.
        embeddings: trained values of its embeddings.
        head: trained values of the head.
        cost: operations of its blocks and head.
        projections: operations of a row before the blocks, forward and backward.
        ratio: operations of a training step by torch's counter over those by formula.
    """

    parameters: int
    embeddings: int
    head: int
    cost: Cost
    projections: int
    ratio: float

    def flops(self, rows: float, pairs: float, places: float) -> float:
        """Return the operations of training, by formula.

        Args:
            rows: rows of the encoder that were seen.
            pairs: sum of the squares of the rows of each crystal.
            places: masked places.
        """
        cost = self.cost
        forward = cost.per_row * rows + cost.per_pair * pairs + cost.per_place * places
        return FORWARD_AND_BACKWARD * forward + self.projections * rows


def count(options: PretrainOptions, text: str) -> Counted:
    """Count parameters and operations of the model of a run.

    Args:
        options: of the run.
        text: a SCOPE string of typical length, on which a step is counted.

    Raises:
        stratus.errors.StratusError: the two counts of operations differ by more than 2 %.
    """
    config, view = config_of(options), view_of(options)
    words = view.vocabulary
    with torch.device("meta"):
        encoder = architecture(options.encoder).build(config).to("meta")
        head = MaskedTokenHead(config.hidden, len(words), view.fields)
    cost = cost_of(encoder, head, hidden=config.hidden, layers=config.layers)
    embeddings = sum(
        weight.numel()
        for part in encoder.modules()
        if isinstance(part, nn.Embedding)
        for weight in part.parameters()
    )
    batch = view.collate([view.tokens(text)] * 2)
    rows = int(batch[MASK].sum())
    projections, fixed = _before_blocks(encoder, len(words))
    counted = Counted(
        parameters=sum(w.numel() for w in encoder.parameters()) - embeddings,
        embeddings=embeddings,
        head=sum(w.numel() for w in head.parameters()),
        cost=cost,
        projections=projections,
        ratio=1.0,
    )
    places = torch.tensor([[0, 1, 0], [1, 1, 0]], device="meta")[:, : batch[TOKENS].ndim]
    by_torch = _measure(encoder, head, {k: v.to("meta") for k, v in batch.items()}, places) - fixed
    lengths = batch[MASK].sum(dim=1)
    by_formula = counted.flops(rows, int((lengths * lengths).sum()), len(places))
    ratio = by_torch / by_formula
    if abs(ratio - 1) > AGREEMENT:
        raise StratusError(
            f"a training step of {options.encoder} {options.model} costs {by_torch:.4g} operations "
            f"by torch's counter and {by_formula:.4g} by formula; the formula of "
            "stratus.studies.scaling.sizes has to be mended for this encoder"
        )
    return Counted(**{**vars(counted), "ratio": ratio})


def _linear_weights(module: nn.Module) -> int:
    return sum(m.weight.numel() for m in module.modules() if isinstance(m, nn.Linear))


def _before_blocks(encoder: nn.Module, words: int) -> tuple[int, int]:
    """Return the operations of linear layers beside the blocks: for each row, and for each step.

    Their inputs are numbers, which need no gradient, so a backward pass costs as much as a forward
    pass. That of the elements is used once a step, for every word.
    """
    per_row, per_step = 0, 0
    for name, part in encoder.named_children():
        if isinstance(part, nn.Linear):
            twice = 2 * 2 * part.weight.numel()
            if name == "element_projection":
                per_step += twice * words
            else:
                per_row += twice
    return per_row, per_step


def _measure(
    encoder: nn.Module, head: Head, batch: dict[str, torch.Tensor], places: torch.Tensor
) -> int:
    """Count the operations of a training step as torch sees them."""
    net = Net(encoder, {MASKED_TOKENS: head})
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        logits = net({**batch, WHERE: places})[MASKED_TOKENS]
        targets = torch.zeros(len(places), dtype=torch.int64, device="meta")
        torch.autograd.backward(fn.cross_entropy(logits, targets))
    return int(counter.get_total_flops())
