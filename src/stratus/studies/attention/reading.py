"""Reading attention out of an encoder, and two other ways to ask what mattered.

The fused kernels of torch give no weights. Queries and keys are taken where they are computed, and
the weights are made from them again: softmax of ``q k / sqrt(d)`` with the mask of the batch.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from stratus.encoders.transformer import Block, attention_mask
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor

    from stratus.encoders.encoding import Encoding


@dataclass(frozen=True, eq=False)
class Attention:
    """What an encoder gave, and how it attended.

    Attributes:
        encoding: what it returned.
        weights: of each layer, ``[B, heads, n, n]``; a row sums to 1 over the rows that are real.
        values: of each layer, ``[B, heads, n, d / heads]``.
    """

    encoding: Encoding
    weights: tuple[Tensor, ...]
    values: tuple[Tensor, ...]


def blocks_of(encoder: nn.Module) -> list[Block]:
    """Return the attention blocks of an encoder, first layer first.

    Raises:
        stratus.errors.InputError: it has none.
    """
    blocks: Any = getattr(encoder, "blocks", ())
    found = [block for block in blocks if isinstance(block, Block)]
    if not found:
        raise InputError(
            f"a {type(encoder).__name__} has no attention over words; choose a model of the "
            "architecture cloud or orbit-set"
        )
    return found


def attend(encoder: nn.Module, batch: Mapping[str, Tensor]) -> Attention:
    """Run an encoder and return its attention.

    Args:
        encoder: of the architecture ``cloud`` or ``orbit-set``, without dropout (``eval``).
        batch: of its view.

    Raises:
        stratus.errors.InputError: the encoder has no attention.
    """
    real = attention_mask(batch)
    weights: list[Tensor] = []
    values: list[Tensor] = []

    def keep(block: Block) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(_module: nn.Module, _inputs: Any, packed: Tensor) -> None:
            rows, hidden = packed.shape[1], packed.shape[2] // 3
            heads = packed.view(-1, rows, 3, block.heads, hidden // block.heads)
            query, key, value = heads.permute(2, 0, 3, 1, 4)
            scores = query @ key.transpose(-2, -1) / (hidden // block.heads) ** 0.5
            if real is not None:
                scores = scores.masked_fill(~real, -torch.inf)
            weights.append(scores.softmax(dim=-1))
            values.append(value)

        return hook

    with ExitStack() as hooks:
        for block in blocks_of(encoder):
            hooks.enter_context(_removed(block.query_key_value.register_forward_hook(keep(block))))
        encoding = encoder(batch)
    return Attention(encoding, tuple(weights), tuple(values))


def roll_out(weights: tuple[Tensor, ...]) -> Tensor:
    """Return how much each row flows into [CLS] through all layers, ``[B, n]``.

    Abnar and Zuidema 2020 (arXiv 2005.00928): the mean over heads, half of it the row itself, since
    each layer adds to what came in; multiplied over the layers.

    Args:
        weights: of each layer, ``[B, heads, n, n]``.
    """
    flow = torch.eye(weights[0].shape[-1], device=weights[0].device).expand_as(weights[0][:, 0])
    for layer in weights:
        own = torch.eye(layer.shape[-1], device=layer.device, dtype=layer.dtype)
        flow = (0.5 * layer.mean(dim=1) + 0.5 * own) @ flow.to(layer.dtype)
    return flow[:, 0]


def gradient_times_input(
    encoder: nn.Module, batch: Mapping[str, Tensor], output: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return how much an output depends on each row that enters the first layer, ``[B, n]``.

    The size of gradient times input (Shrikumar et al. 2017, arXiv 1704.02685).

    Args:
        encoder: of the architecture ``cloud`` or ``orbit-set``, without dropout (``eval``).
        batch: of its view.
        output: gives one number ``[B]`` for the vectors ``[B, d]`` of the crystals.
    """
    entered: list[Tensor] = []

    def hook(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        entered.append(inputs[0].detach().requires_grad_())
        return (entered[0], *inputs[1:])

    with torch.inference_mode(False), torch.enable_grad():  # noqa: FBT003 - torch's interface
        with _removed(blocks_of(encoder)[0].register_forward_pre_hook(hook)):
            told = output(encoder({k: v.clone() for k, v in batch.items()}).crystal).sum()
        (gradient,) = torch.autograd.grad(told, entered[0])
    return (gradient * entered[0].detach()).sum(dim=-1).abs()


@contextmanager
def _removed(handle: torch.utils.hooks.RemovableHandle) -> Iterator[None]:
    try:
        yield
    finally:
        handle.remove()
