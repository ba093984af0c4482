"""SchNet: atoms and filters of the distances between them (Schütt et al. 2017).

In each block an atom gets the vectors of its neighbours, multiplied number by number with a filter
that a small net makes of their distance. With ``ssp(x) = softplus(x) - ln 2`` and ``f`` from 1 at
no distance to 0 at the cutoff:

    W_ij = f(|r_ij|) linear(ssp(linear(Gaussians of |r_ij|)))
    h_i <- h_i + linear(ssp(linear(sum_j (linear h_j) * W_ij)))

and the mean of the atoms after ``linear, ssp, linear`` is the crystal.
Source: arXiv:1706.08566, sections 3 and 4, and figure 2.

Other than there:

- Sums run over all atoms within a cutoff, in all images of the cell. The paper has no cutoff; a
  cosine (Behler 2011, Journal of Chemical Physics 134, 074106), as in the later code of its
  authors, makes messages fade there, so that energy and forces do not jump.
- Gaussians are as wide as they are apart, 0.2 Å in the presets. In the paper they stand 0.1 Å
  apart up to 30 Å, each 0.22 Å wide, so neighbouring ones say nearly the same.
- A filter has no activation behind its second layer, as in that code; the paper has one.
- Elements are told their properties; atoms are pooled by their mean, so a supercell is its crystal;
  the layer behind the pooled atoms is a head's.
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
from stratus.encoders.edges import edge_lengths, gaussians
from stratus.encoders.element_table import ElementEncoder
from stratus.encoders.encoding import Encoding, Gives
from stratus.encoders.fresh_weights import draw_weights
from stratus.encoders.pooling import means, sums
from stratus.views.keys import CELLS, CENTRES, NEIGHBOURS, NUMBERS, OWNER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

_DEEPEST: Final = 64

Width = Annotated[int, Field(ge=1, le=2**16)]


class SchnetConfig(BaseModel):
    """Sizes of :class:`Schnet`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: Width = Field(description="Length of the vector of a crystal.")
    atom_hidden: Width = Field(description="Length of the vector of an atom, and of a filter.")
    layers: int = Field(ge=1, le=_DEEPEST, description="Blocks of messages between the atoms.")
    cutoff_a: float = Field(
        default=5.0, gt=0, le=100, allow_inf_nan=False,
        description="Longest edge, in Å: where messages fade.",
    )  # fmt: skip
    max_neighbours: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        default=None, description="Of how many nearest atoms an atom gets messages; none: all."
    )
    gaussians: int = Field(
        default=26, ge=2, le=4096, description="Gaussians of a distance, from 0 to the cutoff."
    )
    element_properties: bool = Field(default=True, description="Properties of the elements.")


class ShiftedSoftplus(nn.Module):
    """``softplus(x) - ln 2``, which is 0 at 0."""

    def forward(self, x: Tensor) -> Tensor:
        """Return it of each number."""
        return fn.softplus(x) - math.log(2)


class Interaction(nn.Module):
    """A block: messages of the neighbours through filters of distances, and a net of the atom.

    Args:
        width: length of the vector of an atom, and of a filter.
        inputs: how many Gaussians a distance is spread over.
    """

    def __init__(self, width: int, inputs: int) -> None:
        super().__init__()
        self.neighbour = nn.Linear(width, width, bias=False)
        self.filter = nn.Sequential(
            nn.Linear(inputs, width), ShiftedSoftplus(), nn.Linear(width, width)
        )
        self.update = nn.Sequential(
            nn.Linear(width, width), ShiftedSoftplus(), nn.Linear(width, width)
        )

    def forward(
        self, x: Tensor, features: Tensor, weights: Tensor, ends: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Return the atoms after the block.

        Args:
            x: the atoms, ``[N, width]``.
            features: Gaussians of the lengths of the edges, ``[K, inputs]``.
            weights: from 1 to 0 at the cutoff, ``[K, 1]``.
            ends: int64 ``[K]`` each, centres and neighbours.
        """
        centres, neighbours = ends
        filters = self.filter(features) * weights
        messages = self.neighbour(x).index_select(0, neighbours) * filters
        changed: Tensor = x + self.update(sums(messages, centres, x.shape[0]))
        return changed


class Schnet(ElementEncoder):
    """The encoder of graphs of atoms by continuous filters.

    Args:
        config: sizes.
        generator: where fresh weights come from; torch's own generator if None.
    """

    def __init__(self, config: SchnetConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        width = config.atom_hidden
        with torch.device("meta"):  # nothing is drawn here, so torch's own generator stays put
            self.add_elements(width, properties=config.element_properties)
            self.blocks = nn.ModuleList(
                Interaction(width, config.gaussians) for _ in range(config.layers)
            )
            self.projection = nn.Sequential(
                nn.Linear(width, width), ShiftedSoftplus(), nn.Linear(width, config.hidden)
            )
        draw_weights(self, generator)
        self.add_table()

    def forward(self, batch: Mapping[str, Tensor]) -> Encoding:
        """Encode a batch of the view ``graph``.

        Args:
            batch: ``numbers``, ``positions``, ``cells``, ``centres``, ``neighbours``, ``shifts``
                and ``owner``; see :mod:`stratus.views.keys`. Edges may stand in any order.

        Returns:
            crystal ``[B, hidden]``; parts ``[N, atom_hidden]``, the atoms after the last block;
            owner ``[N]``.
        """
        x = fn.embedding(batch[NUMBERS], self.element_vectors())
        cutoff = self.config.cutoff_a
        lengths = edge_lengths(batch).to(x.dtype)
        features = gaussians(lengths, cutoff, self.config.gaussians)
        weights = cosine_fading(lengths, cutoff).unsqueeze(1)
        for block in self.blocks:
            x = block(x, features, weights, (batch[CENTRES], batch[NEIGHBOURS]))
        owner = batch[OWNER]
        return Encoding(means(self.projection(x), owner, batch[CELLS].shape[0]), x, owner)


def cosine_fading(lengths: Tensor, cutoff_a: float) -> Tensor:
    """Return half a wave of the cosine: 1 at 0, and 0 from the cutoff on, with its slope.

    Args:
        lengths: ``[K]``, in Å.
        cutoff_a: in Å.

    Returns:
        ``[K]``.
    """
    part = (lengths / cutoff_a).clamp_max(1)
    return (1 + torch.cos(math.pi * part)) / 2


_PRESETS: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "nano": {"hidden": 64, "atom_hidden": 48, "layers": 3},
        "small": {"hidden": 128, "atom_hidden": 96, "layers": 3},
        "base": {"hidden": 256, "atom_hidden": 160, "layers": 5},
        "paper": {
            "hidden": 32,
            "atom_hidden": 64,
            "layers": 3,
            "cutoff_a": 6.0,
            "gaussians": 31,
        },
    }
)

SCHNET: Final = Architecture(
    name="schnet",
    config=SchnetConfig,
    build=Schnet,
    presets=_PRESETS,
    view="graph",
    gives=frozenset({Gives.CRYSTAL, Gives.PARTS}),
    numerics=1,
)
