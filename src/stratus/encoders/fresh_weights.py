"""Fresh weights of a module from a generator, as torch draws them by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch import nn

from stratus.encoders.batch_norm import BatchNorm
from stratus.encoders.element_table import ElementEncoder, draw_evenly

if TYPE_CHECKING:
    from collections.abc import Sequence


@runtime_checkable
class Drawn(Protocol):
    """A module that draws weights of its own, those of its children apart."""

    def draw(self, generator: torch.Generator | None) -> None:
        """Fill them afresh."""


def draw_weights(
    module: nn.Module, generator: torch.Generator | None, zero: Sequence[nn.Linear] = ()
) -> None:
    """Fill all weights of a module afresh; it may have been built on the meta device.

    Linear layers, embeddings and norms are drawn as torch does by default; the elements of an
    :class:`ElementEncoder` as it says; and what has a method ``draw(generator)`` draws itself.

    Args:
        module: whose weights are drawn, in the order of ``module.modules()``.
        generator: where they come from; torch's own generator if None.
        zero: linear layers of it whose weights and biases are 0 instead.
    """
    module.to_empty(device=torch.get_default_device())
    of_elements = {m.element_embedding for m in module.modules() if isinstance(m, ElementEncoder)}
    for part in module.modules():
        if isinstance(part, nn.Linear):
            draw_evenly(part.weight, part.in_features, generator)
            if part.bias is not None:
                draw_evenly(part.bias, part.in_features, generator)
        elif isinstance(part, nn.Embedding) and part not in of_elements:
            nn.init.normal_(part.weight, generator=generator)
        elif isinstance(part, BatchNorm | nn.LayerNorm):
            part.reset_parameters()  # draws nothing
        elif isinstance(part, Drawn):
            part.draw(generator)
        if isinstance(part, ElementEncoder):
            part.draw_elements(generator)
    for linear in zero:
        nn.init.zeros_(linear.weight)
        if linear.bias is not None:
            nn.init.zeros_(linear.bias)
