"""A fully connected net of each atom: its element, and its nearest neighbours in order.

The simplest net of atoms, to hold others against: no messages, so an atom knows of its neighbours
alone. They stand in places by their distance, the nearest first; a place holds whether there is
one, how far it is and a vector of its element. The mean of the atoms is the crystal.

A fully connected net is among the baselines of the scaling laws of material models, over plain
coordinates; this one keeps the idea, and reads what does not change when a crystal is turned,
moved or written in another cell.

Sorting alone would break that: neighbours of a crystal are often equally far and of several
elements, and which comes first would be chance. So an order is soft. The rank of a neighbour is how
many are nearer, one that is as far counting half; it blends over ``softness_a``, and a neighbour is
spread over the two places next to its rank. Where all are well apart this is sorting, exactly; and
neighbours fade at the cutoff, so nothing jumps, gradients neither.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.architecture import Architecture
from stratus.encoders.edges import edge_lengths, fading
from stratus.encoders.element_table import ElementEncoder
from stratus.encoders.encoding import Encoding, Gives
from stratus.encoders.fresh_weights import draw_weights
from stratus.encoders.pooling import means, sums
from stratus.views.keys import CELLS, CENTRES, NEIGHBOURS, NUMBERS, OWNER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

_DEEPEST: Final = 64
_BESIDE_ELEMENT: Final = 2  # numbers of a place: whether a neighbour is there, and how far

Width = Annotated[int, Field(ge=1, le=2**16)]


class FcnConfig(BaseModel):
    """Sizes of :class:`Fcn`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: Width = Field(description="Length of the vector of a crystal.")
    element_embedding: Width = Field(description="Length of the vector of an element.")
    atom_hidden: Width = Field(description="Length of the vector of an atom.")
    layers: int = Field(ge=0, le=_DEEPEST, description="Layers behind the first one.")
    places: int = Field(
        default=12, ge=1, le=256, description="How many of the nearest neighbours are seen."
    )
    softness_a: float = Field(
        default=0.2, gt=0, le=10, allow_inf_nan=False,
        description="Over how much of a distance neighbours change their order, in Å.",
    )  # fmt: skip
    cutoff_a: float = Field(
        default=5.0, gt=0, le=100, allow_inf_nan=False,
        description="Largest distance of a neighbour, in Å: where it fades.",
    )  # fmt: skip
    max_neighbours: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        default=None,
        description="Of how many nearest atoms places are filled; none: all within the cutoff.",
    )
    element_properties: bool = Field(default=True, description="Properties of the elements.")


class Fcn(ElementEncoder):
    """The encoder of atoms by their nearest neighbours alone.

    Args:
        config: sizes.
        generator: where fresh weights come from; torch's own generator if None.
    """

    def __init__(self, config: FcnConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        elements, width = config.element_embedding, config.atom_hidden
        with torch.device("meta"):  # nothing is drawn here, so torch's own generator stays put
            self.add_elements(elements, properties=config.element_properties)
            self.centre = nn.Linear(elements, width)
            places = config.places * (elements + _BESIDE_ELEMENT)
            self.neighbours = nn.Linear(places, width, bias=False)
            self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(config.layers))
            self.projection = nn.Linear(width, config.hidden)
        draw_weights(self, generator)
        self.add_table()

    def forward(self, batch: Mapping[str, Tensor]) -> Encoding:
        """Encode a batch of the view ``graph``.

        Args:
            batch: ``numbers``, ``positions``, ``cells``, ``centres``, ``neighbours``, ``shifts``
                and ``owner``; see :mod:`stratus.views.keys`. Edges may stand in any order.

        Returns:
            crystal ``[B, hidden]``; parts ``[N, atom_hidden]``, the atoms after the last layer;
            owner ``[N]``.
        """
        elements = fn.embedding(batch[NUMBERS], self.element_vectors())
        places = self._places(batch, elements)
        x = fn.silu(self.centre(elements) + self.neighbours(places))
        for block in self.blocks:
            x = fn.silu(block(x))
        owner = batch[OWNER]
        return Encoding(means(self.projection(x), owner, len(batch[CELLS])), x, owner)

    def _places(self, batch: Mapping[str, Tensor], elements: Tensor) -> Tensor:
        """Return the places of the atoms ``[N, places * (element_embedding + 2)]``."""
        centres, count, cutoff = batch[CENTRES], len(elements), self.config.cutoff_a
        lengths = edge_lengths(batch).to(elements.dtype)
        weights = fading(lengths, cutoff)
        ranks = soft_ranks(lengths, weights, centres, count, self.config.softness_a)
        at = torch.arange(self.config.places, dtype=ranks.dtype, device=ranks.device)
        apart = (ranks.unsqueeze(1) - at).clamp(-1, 1)
        shares = (1 + torch.cos(math.pi * apart)) / 2 * weights.unsqueeze(1)
        theirs = elements.index_select(0, batch[NEIGHBOURS])
        seen = torch.cat([torch.ones_like(lengths)[:, None], lengths[:, None] / cutoff, theirs], 1)
        return sums(shares.unsqueeze(2) * seen.unsqueeze(1), centres, count).flatten(1)


def soft_ranks(
    lengths: Tensor, weights: Tensor, centres: Tensor, count: int, softness_a: float
) -> Tensor:
    """Return how many neighbours of the same centre are nearer than each; as far counts half.

    Args:
        lengths: of the edges, ``[K]``, in Å.
        weights: how much each edge counts, ``[K]``.
        centres: int64 ``[K]``, in any order.
        count: how many atoms there are.
        softness_a: an edge that is so much shorter counts in full, one so much longer not at all;
            between them is a polynomial with two derivatives that are 0 at the ends.

    Returns:
        ``[K]``, from 0.
    """
    if not len(lengths):
        return torch.zeros_like(lengths)
    order = torch.argsort(centres, stable=True)
    of = centres.bincount(minlength=count)
    rows = centres.index_select(0, order)
    columns = torch.arange(len(order), device=order.device) - (of.cumsum(0) - of)[rows]
    shape = (count, int(of.max()))
    others = lengths.new_zeros(shape).index_put((rows, columns), lengths.index_select(0, order))
    counts = lengths.new_zeros(shape).index_put((rows, columns), weights.index_select(0, order))
    part = (lengths.unsqueeze(1) - others.index_select(0, centres)) / softness_a
    part = part.clamp(-1, 1)
    square = part.square()
    nearer = 0.5 + part * (15 - square * (10 - 3 * square)) / 16
    return (nearer * counts.index_select(0, centres)).sum(dim=1) - weights / 2


_PRESETS: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "nano": {"hidden": 64, "element_embedding": 16, "atom_hidden": 64, "layers": 2},
        "small": {"hidden": 128, "element_embedding": 16, "atom_hidden": 160, "layers": 3},
        "base": {"hidden": 256, "element_embedding": 32, "atom_hidden": 320, "layers": 4},
    }
)

FCN: Final = Architecture(
    name="fcn",
    config=FcnConfig,
    build=Fcn,
    presets=_PRESETS,
    view="graph",
    gives=frozenset({Gives.CRYSTAL, Gives.PARTS}),
    numerics=1,
)
