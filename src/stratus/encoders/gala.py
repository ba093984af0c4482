"""GALA: attention over pairs of neighbours, by the geometric product of their vectors.

Each atom starts as a vector of its element. In each layer an edge gets a value of both of its atoms
and of its length; the pairs of the edges of an atom attend, by how they lie and by their values;
and what they come to moves the vector of the atom. The same attention sums vectors that turn with
the crystal, which shift the atoms for the next layer. The mean over the atoms is the crystal.
Source: Spellings 2021, arXiv:2110.02393; sizes and use for crystals as in MatSciML (Miret et al.
2023, arXiv:2309.05934). The attention itself, its equations and what is mended of it:
:mod:`stratus.encoders.tuple_attention`.

Other than in MatSciML:

- The vectors that attention gives were thrown away there; here they shift the ends of edges in the
  next layer, their lengths join the update of an atom, and they are what ``vectors`` holds.
- Features are those of atoms, and not of each pair of atoms in one cloud, so what an atom learns
  passes on to its neighbours, and a layer costs no pair of edges more.
- Running statistics of a batch ("momentum" norms) are replaced: lengths are in units of 3 Å, atoms
  have a layer norm, and the nets of pairs one that is differentiated, or none. So a crystal does
  not depend on others in its batch.
- Edges may fade at the cutoff, each pair with both of its edges.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.architecture import Architecture
from stratus.encoders.edges import edge_vectors, fading, gaussians
from stratus.encoders.element_table import ElementEncoder
from stratus.encoders.encoding import Encoding, Gives
from stratus.encoders.fresh_weights import draw_weights
from stratus.encoders.pooling import means
from stratus.encoders.tuple_attention import TupleAttention, Tuples, norms
from stratus.views.keys import CELLS, CENTRES, NEIGHBOURS, NUMBERS, OWNER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

_DEEPEST: Final = 64
_UNIT_A: Final = 3.0  # about as long as an edge is, so that products are about 1

Width = Annotated[int, Field(ge=1, le=2**16)]


class GalaConfig(BaseModel):
    """Sizes of :class:`Gala`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: Width = Field(description="Length of the vector of a crystal.")
    atom_hidden: Width = Field(description="Length of the vector of an atom.")
    layers: int = Field(ge=1, le=_DEEPEST, description="Layers of attention.")
    value_hidden: Width = Field(description="Inner length of the net of the invariants of a pair.")
    score_hidden: Width = Field(description="Inner length of the net of scores and factors.")
    vectors: Width = Field(default=8, description="Vectors of an atom that turn with the crystal.")
    pairs: Literal["unordered", "ordered"] = Field(
        default="unordered",
        description="Whether a pair has a first and a second edge, as published, or no order.",
    )
    cutoff_a: float = Field(
        default=8.0, gt=0, le=100, allow_inf_nan=False,
        description="Longest edge, in Å: where the last Gaussian stands and edges fade.",
    )  # fmt: skip
    max_neighbours: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        default=8, description="Of how many nearest atoms pairs are made; none: all."
    )
    gaussians: int = Field(
        default=41, ge=2, le=4096, description="Gaussians of a distance, from 0 to the cutoff."
    )
    norm: Literal["none", "layer"] = Field(
        default="none", description="Norm inside of the nets of pairs: none or layer."
    )
    softening: float = Field(
        default=0.1, ge=0, le=1, allow_inf_nan=False,
        description="Rounds the norm of a bivector where two edges are parallel; 0: not.",
    )  # fmt: skip
    fading: bool = Field(
        default=False, description="Edges fade at the cutoff, as a potential needs."
    )
    element_properties: bool = Field(default=True, description="Properties of the elements.")


class Gala(ElementEncoder):
    """The encoder of pairs of neighbours.

    Args:
        config: sizes.
        generator: where fresh weights come from; torch's own generator if None.
    """

    def __init__(self, config: GalaConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        with torch.device("meta"):  # nothing is drawn here, so torch's own generator stays put
            self.add_elements(config.atom_hidden, properties=config.element_properties)
            self.blocks = nn.ModuleList(
                GalaBlock(config, first=number == 0) for number in range(config.layers)
            )
            self.readout = nn.Sequential(
                nn.Linear(config.atom_hidden, config.atom_hidden),
                nn.SiLU(),
                nn.Linear(config.atom_hidden, config.hidden),
            )
        draw_weights(self, generator)
        _strengthen(self.blocks)
        self.add_table()

    def forward(self, batch: Mapping[str, Tensor]) -> Encoding:
        """Encode a batch of the view ``graph``.

        Args:
            batch: ``numbers``, ``positions``, ``cells``, ``centres``, ``neighbours``, ``shifts``
                and ``owner``; see :mod:`stratus.views.keys`. Edges may stand in any order.

        Returns:
            crystal ``[B, hidden]``; parts ``[N, atom_hidden]``, the atoms after the last layer;
            owner ``[N]``; vectors ``[N, 3, vectors]``.
        """
        config = self.config
        x = fn.embedding(batch[NUMBERS], self.element_vectors())
        edges = edge_vectors(batch).to(x.dtype)
        lengths = norms(edges).squeeze(1)
        spread = gaussians(lengths, config.cutoff_a, config.gaussians)
        fades = fading(lengths, config.cutoff_a) if config.fading else None
        ordered = config.pairs == "ordered"
        tuples = Tuples.of(batch[CENTRES], len(x), fades, ordered=ordered, dtype=x.dtype)
        vectors = x.new_zeros(len(x), 3, config.vectors)
        for block in self.blocks:
            x, vectors = block(x, vectors, edges / _UNIT_A, spread, batch[NEIGHBOURS], tuples)
        owner = batch[OWNER]
        crystal = means(self.readout(x), owner, len(batch[CELLS]))
        return Encoding(crystal, x, owner, vectors)


class GalaBlock(nn.Module):
    """One layer: values of edges, attention over their pairs, update of the atoms.

    Args:
        config: sizes.
        first: whether it is the first one, before which atoms have no vectors.
    """

    def __init__(self, config: GalaConfig, *, first: bool) -> None:
        super().__init__()
        width = config.atom_hidden
        self.centre = nn.Linear(width, width)
        self.neighbour = nn.Linear(width, width, bias=False)
        self.edge = nn.Linear(config.gaussians, width, bias=False)
        self.shift = None if first else nn.Linear(config.vectors, 1, bias=False)
        self.attention = TupleAttention(
            width,
            config.value_hidden,
            config.score_hidden,
            config.vectors,
            ordered=config.pairs == "ordered",
            norm=config.norm == "layer",
            softening=config.softening,
        )
        self.update = nn.Sequential(
            nn.Linear(width + config.vectors, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        x: Tensor,
        vectors: Tensor,
        edges: Tensor,
        spread: Tensor,
        neighbours: Tensor,
        tuples: Tuples,
    ) -> tuple[Tensor, Tensor]:
        """Return the atoms ``[N, atom_hidden]`` and vectors ``[N, 3, vectors]`` after it.

        Args:
            x: atoms before it.
            vectors: vectors before it.
            edges: ``[K, 3]``.
            spread: their lengths, over Gaussians.
            neighbours: int64 ``[K]``, where they come from.
            tuples: pairs of them.
        """
        centres = tuples.centres
        values = self.centre(x).index_select(0, centres) + self.edge(spread)
        values = fn.silu(values + self.neighbour(x).index_select(0, neighbours))
        if self.shift is not None:
            shift = self.shift(vectors).squeeze(2)
            edges = edges + shift.index_select(0, neighbours) - shift.index_select(0, centres)
        still, turning = self.attention(edges, values, tuples)
        vectors = vectors + turning
        sizes = (1 + vectors.square().sum(dim=1)).sqrt() - 1  # a norm without its kink at 0
        x = self.norm(x + self.update(torch.cat([still, sizes], dim=1)))
        return x, vectors


def _strengthen(blocks: nn.ModuleList) -> None:
    """Give fresh matrices the variance of one over their inputs; torch's own is a third of it.

    From an angle to a crystal there are seven matrices in a row, which would leave little of it.
    """
    with torch.no_grad():
        for part in blocks.modules():
            if isinstance(part, nn.Linear):
                part.weight.mul_(math.sqrt(3))


_PRESETS: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "nano": {
            "hidden": 64,
            "atom_hidden": 32,
            "layers": 2,
            "value_hidden": 32,
            "score_hidden": 32,
        },
        "small": {
            "hidden": 128,
            "atom_hidden": 64,
            "layers": 3,
            "value_hidden": 64,
            "score_hidden": 64,
        },
        "base": {
            "hidden": 256,
            "atom_hidden": 128,
            "layers": 4,
            "value_hidden": 128,
            "score_hidden": 128,
        },
        "paper": {
            "hidden": 128,
            "atom_hidden": 128,
            "layers": 6,
            "value_hidden": 256,
            "score_hidden": 512,
            "vectors": 1,
            "pairs": "ordered",
            "norm": "layer",
        },
    }
)

GALA: Final = Architecture(
    name="gala",
    config=GalaConfig,
    build=Gala,
    presets=_PRESETS,
    view="graph",
    gives=frozenset({Gives.CRYSTAL, Gives.PARTS, Gives.VECTORS}),
    numerics=1,
)
