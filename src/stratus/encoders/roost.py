"""Roost: a composition as a complete graph of its elements (Goodall and Lee 2020).

Each element starts as a vector with its fraction at the end. In each block it gets messages from
all elements of the crystal, itself included; weighted soft attention pools them, in blocks and at
the end, so a fraction weighs what is pooled. A residual net, the trunk, makes the crystal of it.
Source: Nature Communications 11, 6280 (arXiv:1910.00617), and the code of its authors (aviary),
whose sizes are the preset ``base`` and whose numbers ``tests/oracle`` holds ours against.

Other than there: the vector of an element is learned and told its properties, not read from a table
of text-mined vectors; the power of the fractions starts at 1 (:class:`WeightedAttention`); the ReLU
behind the trunk is left to the heads. A crystal is a row of a dense batch: nothing is scattered.
"""

from __future__ import annotations

import math
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import nn
from torch.nn import functional as fn

from stratus.crystals.elements import SYMBOLS
from stratus.encoders.architecture import Architecture
from stratus.encoders.element_table import ElementEncoder, draw_evenly
from stratus.encoders.encoding import Encoding, Gives
from stratus.views.keys import ELEMENTS, FRACTIONS, MASK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

_MOST_HEADS: Final = 64
_DEEPEST_TRUNK: Final = 16

Width = Annotated[int, Field(ge=1, le=2**16)]


class RoostConfig(BaseModel):
    """Sizes of :class:`Roost`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: Width = Field(description="Length of the vector of a crystal.")
    element_embedding: Width = Field(description="Length of the learned vector of an element.")
    element_hidden: int = Field(
        ge=2, le=2**16, description="Length of an element's vector in a crystal, with its fraction."
    )
    layers: int = Field(ge=0, description="Blocks of messages between the elements.")
    heads: int = Field(ge=1, le=_MOST_HEADS, description="Attention heads, in blocks and pooling.")
    gate_hidden: Width = Field(description="Inner length of the nets of attention.")
    message_hidden: Width = Field(description="Inner length of the nets of messages.")
    trunk: tuple[Width, ...] = Field(
        max_length=_DEEPEST_TRUNK,
        description="Inner lengths of the net behind the pooling; none: no net.",
    )
    element_properties: bool = Field(default=True, description="Properties of the elements.")
    max_length: int = Field(
        20, ge=2, le=len(SYMBOLS) - 1, description="Most elements that a crystal may have."
    )

    @model_validator(mode="after")
    def _without_a_trunk_pooling_is_the_end(self) -> Self:
        if not self.trunk and self.hidden != self.element_hidden:
            raise ValueError(
                f"without a trunk, hidden {self.hidden} is element_hidden {self.element_hidden}"
            )
        return self


class Roost(ElementEncoder):
    """The encoder of compositions.

    Args:
        config: sizes.
        generator: where fresh weights come from; torch's own generator if None.
    """

    def __init__(self, config: RoostConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        with torch.device("meta"):  # nothing is drawn here, so torch's own generator stays put
            self.add_elements(config.element_embedding, properties=config.element_properties)
            self.element_projection = nn.Linear(config.element_embedding, config.element_hidden - 1)
            self.blocks = nn.ModuleList(Messages(config) for _ in range(config.layers))
            self.pooling = Pooling(config)
            self.trunk = ResidualNet(config) if config.trunk else nn.Identity()
        _draw_weights(self, generator)
        self.add_table()

    def forward(self, batch: Mapping[str, Tensor]) -> Encoding:
        """Encode a batch of the view ``composition``.

        Args:
            batch: ``elements`` int64 ``[B, E]``, ``fractions`` ``[B, E]`` and ``mask`` bool
                ``[B, E]``.

        Returns:
            crystal ``[B, hidden]``; parts ``[B * E, element_hidden]``, the elements after the
            last block.
        """
        real = batch[MASK]
        elements = self.element_embedding(batch[ELEMENTS])
        if self.property_projection is not None:
            elements = elements + self.property_projection(self.property_table[batch[ELEMENTS]])
        x = self.element_projection(elements)
        fractions = batch[FRACTIONS].to(self.pooling.power.dtype)
        x = torch.cat([x, fractions.unsqueeze(-1)], dim=-1)
        logs = torch.where(real, fractions, 1).log()
        for block in self.blocks:
            x = x + block(x, logs, real)
        return Encoding.of_padded(self.trunk(self.pooling(x, logs, real)), x, real)


class WeightedAttention(nn.Module):
    """What pools over elements, weighing them by their fractions and by attention.

    Each head has a net of one inner layer for attention, ``g``, and one for messages, ``m``. The
    share of an element is ``a = w^p exp(g) / sum w^p exp(g)`` with its fraction ``w``, and the
    result is the sum of ``a m``, averaged over the heads. That is a softmax of ``g + p log w``,
    which cannot overflow. The last layer of ``m`` is linear and the shares sum to 1, so it is
    applied once after pooling; a bias of ``g`` would change nothing, so there is none.

    The power ``p`` of a head is learned and starts at 1, where shares are those of the atoms. The
    published code draws it from N(0, 1), so half of the heads begin below zero, where traces
    outweigh what the crystal is made of, and runs depend on the seed.

    Args:
        config: sizes.
        inputs: how many vectors of elements the nets read at a time.
    """

    def __init__(self, config: RoostConfig, *, inputs: int) -> None:
        super().__init__()
        heads, gate, message = config.heads, config.gate_hidden, config.message_hidden
        self.first = nn.Linear(inputs * config.element_hidden, heads * (gate + message))
        self.gate = nn.Parameter(torch.empty(heads, gate))
        self.power = nn.Parameter(torch.empty(heads))
        self.message = nn.Parameter(torch.empty(heads, message, config.element_hidden))
        self.message_bias = nn.Parameter(torch.empty(config.element_hidden))

    def _by_head(self, x: Tensor) -> Tensor:
        """Turn ``[B, E, heads * inner]`` into ``[B, heads, E, inner]``."""
        batch, elements, _ = x.shape
        return x.view(batch, elements, len(self.gate), -1).transpose(1, 2)

    def _attend(self, gate: Tensor, message: Tensor, logs: Tensor, real: Tensor) -> Tensor:
        """Pool inner layers ``[B, heads, receivers, E, inner]`` to ``[B, receivers, ...]``."""
        heads = len(self.gate)
        scores = (gate @ self.gate[:, None, :, None]).squeeze(-1)
        scores = scores + self.power[:, None, None] * logs[:, None, None]
        shares = scores.masked_fill(~real[:, None, None], -math.inf).softmax(dim=-1)
        sums = (shares.unsqueeze(-2) @ message).squeeze(-2)
        return torch.einsum("bhrm,hmd->brd", sums, self.message) / heads + self.message_bias


class Messages(WeightedAttention):
    """What each element gets from all elements of its crystal."""

    def __init__(self, config: RoostConfig) -> None:
        super().__init__(config, inputs=2)

    def forward(self, x: Tensor, logs: Tensor, real: Tensor) -> Tensor:
        """Return the messages, added up.

        Args:
            x: vectors of the elements, ``[B, E, element_hidden]``.
            logs: logarithms of their fractions, ``[B, E]``; 0 for padding.
            real: which are elements and no padding, bool ``[B, E]``.

        Returns:
            ``[B, E, element_hidden]``.
        """
        receiver, sender = self.first.weight.chunk(2, dim=1)  # a net of both, without the pairs
        received = self._by_head(fn.linear(x, receiver, self.first.bias)).unsqueeze(3)
        sent = self._by_head(fn.linear(x, sender)).unsqueeze(2)
        at = self.gate.shape[1]
        gate = fn.leaky_relu(received[..., :at] + sent[..., :at])
        message = fn.leaky_relu(received[..., at:] + sent[..., at:])
        return self._attend(gate, message, logs, real)


class Pooling(WeightedAttention):
    """One vector for all elements of a crystal."""

    def __init__(self, config: RoostConfig) -> None:
        super().__init__(config, inputs=1)

    def forward(self, x: Tensor, logs: Tensor, real: Tensor) -> Tensor:
        """Return ``[B, element_hidden]``; arguments as of :class:`Messages`."""
        inner = fn.leaky_relu(self._by_head(self.first(x))).unsqueeze(2)
        at = self.gate.shape[1]
        return self._attend(inner[..., :at], inner[..., at:], logs, real).squeeze(1)


class ResidualNet(nn.Module):
    """The trunk: layers with ReLU, each beside a linear shortcut, then a linear layer."""

    def __init__(self, config: RoostConfig) -> None:
        super().__init__()
        sizes = list(pairwise([config.element_hidden, *config.trunk]))
        self.inner = nn.ModuleList(nn.Linear(a, b) for a, b in sizes)
        self.shortcuts = nn.ModuleList(
            nn.Identity() if a == b else nn.Linear(a, b, bias=False) for a, b in sizes
        )
        self.last = nn.Linear(config.trunk[-1], config.hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Transform ``[B, element_hidden]`` to ``[B, hidden]``."""
        for inner, shortcut in zip(self.inner, self.shortcuts, strict=True):
            x = fn.relu(inner(x)) + shortcut(x)
        out: Tensor = self.last(x)
        return out


def _draw_weights(roost: Roost, generator: torch.Generator | None) -> None:
    """Fill all weights afresh as torch does by default, but for the powers, which are 1."""
    roost.to_empty(device=torch.get_default_device())
    for part in roost.modules():
        if isinstance(part, nn.Embedding):
            roost.draw_elements(generator)
        elif isinstance(part, nn.Linear):
            draw_evenly(part.weight, part.in_features, generator)
            if part.bias is not None:
                draw_evenly(part.bias, part.in_features, generator)
        elif isinstance(part, WeightedAttention):
            draw_evenly(part.gate, part.gate.shape[1], generator)
            draw_evenly(part.message, part.message.shape[1], generator)
            draw_evenly(part.message_bias, part.message.shape[1], generator)
            nn.init.ones_(part.power)


_PRESETS: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "nano": {
            "hidden": 64,
            "element_embedding": 64,
            "element_hidden": 32,
            "layers": 3,
            "heads": 3,
            "gate_hidden": 64,
            "message_hidden": 64,
            "trunk": (128,),
        },
        "small": {
            "hidden": 128,
            "element_embedding": 128,
            "element_hidden": 64,
            "layers": 3,
            "heads": 3,
            "gate_hidden": 128,
            "message_hidden": 128,
            "trunk": (512, 256),
        },
        "base": {
            "hidden": 256,
            "element_embedding": 200,
            "element_hidden": 64,
            "layers": 3,
            "heads": 3,
            "gate_hidden": 256,
            "message_hidden": 256,
            "trunk": (1024, 512),
        },
    }
)

ROOST: Final = Architecture(
    name="roost",
    config=RoostConfig,
    build=Roost,
    presets=_PRESETS,
    view="composition",
    gives=frozenset({Gives.CRYSTAL, Gives.PARTS}),
    numerics=2,
)
