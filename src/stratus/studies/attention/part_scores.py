"""One model looks at crystals: scores of their parts by attention, roll-out and gradients."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, cast

import torch

from stratus.encoders.table import architecture
from stratus.encoders.transformer import draw_weights
from stratus.errors import InputError
from stratus.heads.property import PropertyHead
from stratus.models.net import Net
from stratus.models.run_over import run_over
from stratus.studies.attention.parts import parts_of
from stratus.studies.attention.reading import attend, blocks_of, gradient_times_input, roll_out
from stratus.views.token_view import require_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from stratus.models.model import Model
    from stratus.studies.attention.parts import Part
    from stratus.views.view import Sample

    Floats = NDArray[np.float64]

ATTENTION: Final = "attention"
ROLL_OUT: Final = "roll-out"
GRADIENTS: Final = "gradients"
METHODS: Final = (ATTENTION, ROLL_OUT, GRADIENTS)

_PROJECTIONS: Final = 4


@dataclass(frozen=True, eq=False)
class Look:
    """What a model looked at in one crystal.

    Attributes:
        parts: rows of the encoder that can be looked at, ``n``.
        heads: ``[heads, n]``, attention from [CLS] in one layer.
        scores: ``[n]`` by method; attention is the sum over the heads.
    """

    parts: Sequence[Part]
    heads: Floats
    scores: dict[str, Floats]


@dataclass(frozen=True, eq=False)
class Looker:
    """A net with the outputs whose gradients are taken.

    Attributes:
        net: an encoder of the architecture ``cloud`` or ``orbit-set`` with property heads; without
            any, four fixed projections of the crystal's vector are the outputs.
        seed: of the projections.
    """

    net: Net
    seed: int

    def outputs(self) -> list[Callable[[Tensor], Tensor]]:
        """Return the outputs: each gives one number ``[B]`` for vectors ``[B, d]``."""
        heads = cast("Sequence[PropertyHead]", list(self.net.heads.values()))
        if heads:
            return [partial(_first_of, head) for head in heads]
        device = next(self.net.parameters()).device
        generator = torch.Generator().manual_seed(self.seed)
        signs = torch.randint(0, 2, (_PROJECTIONS, self.net.config.hidden), generator=generator)
        rows = (2.0 * signs - 1).to(device)
        return [partial(_along, row) for row in rows]


def _first_of(head: PropertyHead, crystal: Tensor) -> Tensor:
    return head.raw(crystal)[:, 0]


def _along(row: Tensor, crystal: Tensor) -> Tensor:
    return crystal @ row


def trained(model: Model, seed: int) -> Looker:
    """Return the first member of a model, with its property heads.

    Raises:
        stratus.errors.InputError: it has no attention over words.
    """
    blocks_of(model.encoder)
    heads = {name: head for name, head in model.heads.items() if isinstance(head, PropertyHead)}
    return Looker(Net(model.encoder, heads), seed)


def untrained(model: Model, seed: int) -> Looker:
    """Return the first member of a model with weights drawn afresh, heads included."""
    generator = torch.Generator().manual_seed(seed)
    device = next(model.encoder.parameters()).device
    encoder = architecture(model.architecture).build(model.encoder.config, generator).to(device)
    heads = {name: copy.deepcopy(head) for name, head in trained(model, seed).net.heads.items()}
    for head in heads.values():
        draw_weights(head, generator)
    return Looker(Net(encoder, heads), seed)


def look(
    model: Model, looker: Looker, samples: Sequence[Sample], layer: int, *, batch_size: int = 64
) -> list[Look]:
    """Let an encoder look at crystals.

    Args:
        model: whose view and vocabulary are used.
        looker: what looks.
        samples: crystals as the view gives them.
        layer: whose attention is taken, from 0; negative ones count from the last.
        batch_size: crystals that go through together.

    Raises:
        stratus.errors.InputError: there is no such layer.
    """
    layers = len(blocks_of(looker.net.encoder))
    if not -layers <= layer < layers:
        raise InputError(f"there is no layer {layer}; the model has {layers}, from 0")
    found: list[Look | None] = [None] * len(samples)
    words = require_tokens(model.view, "a look at attention").vocabulary
    outputs = looker.outputs()

    def read(net: Net, batch: dict[str, Tensor]) -> list[Look]:
        attention = attend(net.encoder, batch)
        heads = attention.weights[layer][:, :, 0].double().cpu()
        flow = roll_out(attention.weights).double().cpu()
        gradients = torch.stack(
            [gradient_times_input(net.encoder, batch, output) for output in outputs]
        )
        # each output has a scale of its own, which must not decide
        scale = gradients.sum(dim=-1, keepdim=True).clamp(min=1e-30)
        pulled = (gradients / scale).mean(dim=0).double().cpu()
        looks = []
        for k, parts in enumerate(parts_of(batch, words)):
            rows = [part.row for part in parts]
            by_head = heads[k][:, rows].numpy()
            scores = {
                ATTENTION: by_head.sum(axis=0),
                ROLL_OUT: flow[k, rows].numpy(),
                GRADIENTS: pulled[k, rows].numpy(),
            }
            looks.append(Look(parts=parts, heads=by_head, scores=scores))
        return looks

    for places, [looks] in run_over(
        [looker.net], model.view, samples, batch_size=batch_size, read=read
    ):
        for place, one in zip(places, looks, strict=True):
            found[place] = one
    return [one for one in found if one is not None]
