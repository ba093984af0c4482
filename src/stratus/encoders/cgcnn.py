"""CGCNN: a crystal as the graph of its atoms (Xie and Grossman 2018).

Each atom starts as a vector of its element. In each layer it gets a gated message from each of its
neighbours, made of both atoms and of the distance between them, which is spread over Gaussians. The
mean of the atoms goes through fully connected layers, the trunk, and is the crystal.
Source: Physical Review Letters 120, 145301 (arXiv:1710.10324), and the code of aviary, whose
numbers ``tests/oracle`` holds ours against.

Other than there: the vector of an element is learned and told its properties; the matrix of a
message is applied to atoms and not to edges, of which there are twelve times as many
(:mod:`stratus.encoders.gated_messages`); norms may be of layers, or none, and edges may fade at the
cutoff; the activation behind the trunk is left to the heads.
"""

from __future__ import annotations

from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.architecture import Architecture
from stratus.encoders.batch_norm import BatchNorm
from stratus.encoders.edges import edge_lengths, fading, gaussians
from stratus.encoders.element_table import ElementEncoder, draw_evenly
from stratus.encoders.encoding import Encoding, Gives
from stratus.encoders.gated_messages import GatedMessages
from stratus.encoders.gated_sums import Edges, NormKind
from stratus.encoders.pooling import counts
from stratus.views.keys import CELLS, CENTRES, NEIGHBOURS, NUMBERS, OWNER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

_DEEPEST: Final = 64
_ACTIVATIONS: Final = MappingProxyType({"softplus": fn.softplus, "leaky-relu": fn.leaky_relu})

Width = Annotated[int, Field(ge=1, le=2**16)]


class CgcnnConfig(BaseModel):
    """Sizes of :class:`Cgcnn`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: Width = Field(description="Length of the vector of a crystal.")
    element_embedding: Width = Field(description="Length of the learned vector of an element.")
    atom_hidden: Width = Field(description="Length of the vector of an atom.")
    layers: int = Field(ge=0, le=_DEEPEST, description="Layers of messages between the atoms.")
    trunk: tuple[Width, ...] = Field(
        max_length=_DEEPEST, description="Inner lengths of the net behind the pooling."
    )
    activation: Literal["softplus", "leaky-relu"] = Field(
        default="softplus", description="Between the layers of the trunk."
    )
    cutoff_a: float = Field(
        default=8.0, gt=0, le=100, allow_inf_nan=False,
        description="Longest edge, in Å: where the last Gaussian stands and edges fade.",
    )  # fmt: skip
    max_neighbours: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        default=12, description="Of how many nearest atoms an atom gets messages; none: all."
    )
    gaussians: int = Field(
        default=41, ge=2, le=4096, description="Gaussians of a distance, from 0 to the cutoff."
    )
    norm: NormKind = Field(default="batch", description="Norm of messages: batch, layer or none.")
    fading: bool = Field(
        default=False, description="Edges fade at the cutoff, as a potential needs."
    )
    element_properties: bool = Field(default=True, description="Properties of the elements.")


class Cgcnn(ElementEncoder):
    """The encoder of graphs of atoms.

    Args:
        config: sizes.
        generator: where fresh weights come from; torch's own generator if None.
    """

    def __init__(self, config: CgcnnConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        sizes = list(pairwise([config.atom_hidden, *config.trunk, config.hidden]))
        with torch.device("meta"):  # nothing is drawn here, so torch's own generator stays put
            self.add_elements(config.element_embedding, properties=config.element_properties)
            self.atom_projection = nn.Linear(config.element_embedding, config.atom_hidden)
            self.blocks = nn.ModuleList(
                GatedMessages(config.atom_hidden, config.gaussians, config.norm)
                for _ in range(config.layers)
            )
            self.trunk = nn.ModuleList(nn.Linear(a, b) for a, b in sizes)
        _draw_weights(self, generator)
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
        x = self._atoms(batch[NUMBERS])
        lengths = edge_lengths(batch).to(x.dtype)
        cutoff = self.config.cutoff_a
        edges = Edges.of(
            gaussians(lengths, cutoff, self.config.gaussians),
            fading(lengths, cutoff) if self.config.fading else None,
            batch[CENTRES],
            batch[NEIGHBOURS],
            x.shape[0],
        )
        for block in self.blocks:
            x = block(x, edges)
        owner = batch[OWNER]
        return Encoding(self._crystals(x, owner, batch[CELLS].shape[0]), x, owner)

    def _atoms(self, numbers: Tensor) -> Tensor:
        """Return the first vectors of atoms ``[N]``: those of their elements."""
        return fn.embedding(numbers, self.atom_projection(self.element_vectors()))

    def _crystals(self, x: Tensor, owner: Tensor, count: int) -> Tensor:
        """Return the crystals ``[count, hidden]`` of their atoms ``[N, atom_hidden]``."""
        sums = x.new_zeros(count, x.shape[1]).index_add(0, owner, x)
        atoms = counts(owner, count).clamp_min(1).unsqueeze(1)
        activation = _ACTIVATIONS[self.config.activation]
        found: Tensor = self.trunk[0](fn.softplus(sums / atoms))
        for layer in self.trunk[1:]:
            found = layer(activation(found))
        return found


def _draw_weights(cgcnn: Cgcnn, generator: torch.Generator | None) -> None:
    """Fill all weights afresh as torch does by default; norms change nothing at first."""
    cgcnn.to_empty(device=torch.get_default_device())
    for part in cgcnn.modules():
        if isinstance(part, nn.Embedding):
            cgcnn.draw_elements(generator)
        elif isinstance(part, GatedMessages):
            inputs = sum(block.in_features for block in (part.centre, part.neighbour, part.edge))
            for block in (part.centre, part.neighbour, part.edge):
                draw_evenly(block.weight, inputs, generator)
            draw_evenly(part.centre.bias, inputs, generator)
        elif isinstance(part, BatchNorm | nn.LayerNorm):
            part.reset_parameters()  # draws nothing
    for linear in (cgcnn.atom_projection, *cgcnn.trunk):
        draw_evenly(linear.weight, linear.in_features, generator)
        draw_evenly(linear.bias, linear.in_features, generator)
    told = cgcnn.property_projection
    if told is not None:
        draw_evenly(told.weight, told.in_features, generator)


_PRESETS: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "nano": {
            "hidden": 64,
            "element_embedding": 32,
            "atom_hidden": 32,
            "layers": 3,
            "trunk": (),
        },
        "small": {
            "hidden": 128,
            "element_embedding": 92,
            "atom_hidden": 64,
            "layers": 4,
            "trunk": (128,),
        },
        "base": {
            "hidden": 256,
            "element_embedding": 128,
            "atom_hidden": 128,
            "layers": 5,
            "trunk": (256,),
        },
    }
)

CGCNN: Final = Architecture(
    name="cgcnn",
    config=CgcnnConfig,
    build=Cgcnn,
    presets=_PRESETS,
    view="graph",
    gives=frozenset({Gives.CRYSTAL, Gives.PARTS}),
    numerics=1,
)
