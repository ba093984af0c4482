"""One model looks at crystals: scores of their parts by attention, roll-out and gradients."""

from __future__ import annotations

import copy
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import torch

from stratus.encoders.table import architecture
from stratus.encoders.transformer import draw_weights
from stratus.errors import InputError
from stratus.models.batching import by_length
from stratus.models.predicting import evaluating
from stratus.models.task_head import TaskHead
from stratus.studies.attention.parts import parts_of
from stratus.studies.attention.reading import attend, blocks_of, gradient_times_input, roll_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

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
    """An encoder with the outputs whose gradients are taken.

    Attributes:
        encoder: of the architecture ``cloud`` or ``orbit-set``.
        heads: property heads; without any, four fixed projections of the crystal's vector are
            the outputs.
        seed: of the projections.
    """

    encoder: nn.Module
    heads: tuple[TaskHead, ...]
    seed: int

    def outputs(self) -> list[Callable[[Tensor], Tensor]]:
        """Return the outputs: each gives one number ``[B]`` for vectors ``[B, d]``."""
        if self.heads:
            return [partial(_first_of, head) for head in self.heads]
        config: Any = self.encoder.config
        device = next(self.encoder.parameters()).device
        generator = torch.Generator().manual_seed(self.seed)
        signs = torch.randint(0, 2, (_PROJECTIONS, config.hidden), generator=generator)
        rows = (2.0 * signs - 1).to(device)
        return [partial(_along, row) for row in rows]


def _first_of(head: nn.Module, crystal: Tensor) -> Tensor:
    first: Tensor = head(crystal)[:, 0]
    return first


def _along(row: Tensor, crystal: Tensor) -> Tensor:
    return crystal @ row


def trained(model: Model, seed: int) -> Looker:
    """Return the first member of a model.

    Raises:
        stratus.errors.InputError: it has no attention over words.
    """
    blocks_of(model.encoder)
    heads = tuple(head for head in model.heads.values() if isinstance(head, TaskHead))
    return Looker(model.encoder, heads, seed)


def untrained(model: Model, seed: int) -> Looker:
    """Return the first member of a model with weights drawn afresh, heads included."""
    generator = torch.Generator().manual_seed(seed)
    device = next(model.encoder.parameters()).device
    encoder = architecture(model.architecture).build(model.encoder.config, generator).to(device)
    heads = []
    for head in trained(model, seed).heads:
        heads.append(copy.deepcopy(head))
        draw_weights(heads[-1], generator)
    return Looker(encoder, tuple(heads), seed)


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
    layers = len(blocks_of(looker.encoder))
    if not -layers <= layer < layers:
        raise InputError(f"there is no layer {layer}; the model has {layers}, from 0")
    found: list[Look | None] = [None] * len(samples)
    outputs = looker.outputs()
    with ExitStack() as stack:
        stack.enter_context(evaluating(looker.encoder, *looker.heads))
        for places, batch in by_length(model, samples, batch_size):
            attention = attend(looker.encoder, batch)
            heads = attention.weights[layer][:, :, 0].double().cpu()
            flow = roll_out(attention.weights).double().cpu()
            gradients = torch.stack(
                [gradient_times_input(looker.encoder, batch, output) for output in outputs]
            )
            # each output has a scale of its own, which must not decide
            scale = gradients.sum(dim=-1, keepdim=True).clamp(min=1e-30)
            pulled = (gradients / scale).mean(dim=0).double().cpu()
            for k, parts in enumerate(parts_of(batch, model.vocabulary)):
                rows = [part.row for part in parts]
                by_head = heads[k][:, rows].numpy()
                found[places[k]] = Look(
                    parts=parts,
                    heads=by_head,
                    scores={
                        ATTENTION: by_head.sum(axis=0),
                        ROLL_OUT: flow[k, rows].numpy(),
                        GRADIENTS: pulled[k, rows].numpy(),
                    },
                )
    return [one for one in found if one is not None]
