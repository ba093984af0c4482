"""E(n)-GNN: atoms that send messages and move (Satorras, Hoogeboom and Welling 2021).

Each atom has a vector and a place. In each layer its neighbours send it messages, made of both
atoms and of how far they are apart; these change its vector, and push it towards or away from them.
With ``r`` from an atom ``i`` to its neighbour ``j``, where both are by now, and ``w`` from 1 at no
distance to 0 at the cutoff:

    m_ij = phi_e(h_i, h_j, |r|^2, a_ij)
    x_i <- x_i - 1/n sum_j w r / sqrt(|r|^2 + 1 Å^2) tanh(phi_x(m_ij))
    h_i <- h_i + phi_h(h_i, 1/n sum_j w m_ij)

Source: arXiv:2102.09844, equations 3 to 6, with the residual step of its code, and the layers of
MatSciML (arXiv:2309.05934), which has the tanh and projects atoms before it pools them.

Other than there:

- An atom has neighbours in all images of the cell. The vector of an edge is the one of the crystal
  plus how far its neighbour and less how far its centre moved, so images move along.
- Messages fade at the cutoff (``w``), where neighbours come and go, and sums are divided by a
  constant ``n`` and not by the number of neighbours: energy and forces do not jump.
- ``r`` is divided by ``sqrt(|r|^2 + 1 Å^2)``: about a unit vector between atoms, smooth where two
  are in one place. In the paper nothing divides it, or ``|r| + 1``; in MatSciML ``|r| + 0.1``.
- ``|r|^2`` is in units of the squared cutoff. The edge attributes ``a_ij`` are Gaussians of the
  length that the edge has in the crystal; ``gaussians: 0`` is the published net, without any.
- Weights are drawn with the variance 1 / inputs, three times that of torch, so that messages of
  fresh weights are not faint beside the atoms.
- The last layer moves nothing, as nobody would see it; atoms are pooled by their mean and not by
  their sum, so that a supercell is its crystal.
"""

from __future__ import annotations

import math
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.architecture import Architecture
from stratus.encoders.edges import edge_lengths, edge_vectors, fading, gaussians
from stratus.encoders.element_table import ElementEncoder
from stratus.encoders.encoding import Encoding, Gives
from stratus.encoders.fresh_weights import draw_weights
from stratus.encoders.pooling import means, sums
from stratus.views.keys import CELLS, CENTRES, NEIGHBOURS, NUMBERS, OWNER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

_DEEPEST: Final = 64
_ACTIVATIONS: Final = MappingProxyType({"silu": nn.SiLU, "relu": nn.ReLU})
_SOFT_A2: Final = 1.0  # added to squared lengths that a vector is divided by, in Å^2

Width = Annotated[int, Field(ge=1, le=2**16)]


class EgnnConfig(BaseModel):
    """Sizes of :class:`Egnn`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: Width = Field(description="Length of the vector of a crystal.")
    atom_hidden: Width = Field(description="Length of the vector of an atom, and of a message.")
    layers: int = Field(ge=2, le=_DEEPEST, description="Layers; in all but the last, atoms move.")
    position_hidden: tuple[Width, ...] = Field(
        max_length=_DEEPEST, description="Inner lengths of the net that says how far atoms move."
    )
    projection: int = Field(
        default=2, ge=1, le=_DEEPEST, description="Linear layers of an atom before the pooling."
    )
    activation: Literal["silu", "relu"] = Field(
        default="silu", description="Of all nets; with relu forces jump."
    )
    cutoff_a: float = Field(
        default=5.0, gt=0, le=100, allow_inf_nan=False,
        description="Longest edge, in Å: where messages fade.",
    )  # fmt: skip
    max_neighbours: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        default=None, description="Of how many nearest atoms an atom gets messages; none: all."
    )
    typical_neighbours: float = Field(
        default=10.0, gt=0, allow_inf_nan=False,
        description="What sums over neighbours are divided by.",
    )  # fmt: skip
    gaussians: int = Field(
        default=26, ge=0, le=4096,
        description="Gaussians of the length of an edge, from 0 to the cutoff; 0: none.",
    )  # fmt: skip
    element_properties: bool = Field(default=True, description="Properties of the elements.")

    def model_post_init(self, _: object, /) -> None:
        """Refuse a single Gaussian, which has no width."""
        if self.gaussians == 1:
            raise ValueError("one Gaussian has no width; choose 0 or at least 2")


class _Edges(NamedTuple):
    """The edges ``K`` of a batch, as all layers need them."""

    centres: Tensor  # int64 [K]
    neighbours: Tensor  # int64 [K]
    vectors: Tensor  # [K, 3], of the crystal, in Å
    features: Tensor | None  # [K, gaussians]
    weights: Tensor  # [K, 1], fading over the typical number of neighbours


class EquivariantLayer(nn.Module):
    """One layer: messages, moves and new vectors of the atoms.

    Args:
        config: sizes.
        moves: whether atoms move.
    """

    def __init__(self, config: EgnnConfig, *, moves: bool) -> None:
        super().__init__()
        width, activation = config.atom_hidden, _ACTIVATIONS[config.activation]
        self.unit = config.cutoff_a**2
        self.centre = nn.Linear(width, width)
        self.neighbour = nn.Linear(width, width, bias=False)
        self.square = nn.Linear(1, width, bias=False)
        self.edge = nn.Linear(config.gaussians, width, bias=False) if config.gaussians else None
        self.message = nn.Sequential(activation(), nn.Linear(width, width), activation())
        self.position = None
        if moves:
            inner = _layers([width, *config.position_hidden], activation)
            last = nn.Linear([width, *config.position_hidden][-1], 1, bias=False)
            self.position = nn.Sequential(*inner, last)
        self.update = nn.Sequential(
            nn.Linear(2 * width, width), activation(), nn.Linear(width, width)
        )

    def forward(self, x: Tensor, moved: Tensor, edges: _Edges) -> tuple[Tensor, Tensor]:
        """Return atoms and moves after the layer.

        Args:
            x: the atoms, ``[N, atom_hidden]``.
            moved: how far each atom is from its place in the crystal, ``[N, 3]``, in Å.
            edges: of the crystal.
        """
        ends = moved.index_select(0, edges.neighbours) - moved.index_select(0, edges.centres)
        vectors = edges.vectors + ends
        squares = vectors.square().sum(dim=1, keepdim=True)
        inner = self.square(squares / self.unit)
        inner = inner + self.centre(x).index_select(0, edges.centres)
        inner = inner + self.neighbour(x).index_select(0, edges.neighbours)
        if self.edge is not None:
            inner = inner + self.edge(edges.features)
        messages = self.message(inner)
        if self.position is not None:
            shares = edges.weights * torch.tanh(self.position(messages))
            pushes = vectors * (shares / (squares + _SOFT_A2).sqrt())
            moved = moved - sums(pushes, edges.centres, x.shape[0])
        received = sums(messages * edges.weights, edges.centres, x.shape[0])
        return x + self.update(torch.cat([x, received], dim=1)), moved


class Egnn(ElementEncoder):
    """The encoder of graphs of atoms that move.

    Args:
        config: sizes.
        generator: where fresh weights come from; torch's own generator if None.
    """

    def __init__(self, config: EgnnConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        width, activation = config.atom_hidden, _ACTIVATIONS[config.activation]
        with torch.device("meta"):  # nothing is drawn here, so torch's own generator stays put
            self.add_elements(width, properties=config.element_properties)
            self.blocks = nn.ModuleList(
                EquivariantLayer(config, moves=layer < config.layers - 1)
                for layer in range(config.layers)
            )
            inner = _layers([width] * config.projection, activation)
            self.projection = nn.Sequential(*inner, nn.Linear(width, config.hidden))
        draw_weights(self, generator)
        _widen(self)
        self.add_table()

    def forward(self, batch: Mapping[str, Tensor]) -> Encoding:
        """Encode a batch of the view ``graph``.

        Args:
            batch: ``numbers``, ``positions``, ``cells``, ``centres``, ``neighbours``, ``shifts``
                and ``owner``; see :mod:`stratus.views.keys`. Edges may stand in any order.

        Returns:
            crystal ``[B, hidden]``; parts ``[N, atom_hidden]``, the atoms after the last layer;
            owner ``[N]``; vectors ``[N, 3, layers - 1]``, how far each atom is from its place
            after each layer that moves it, in Å.
        """
        x = fn.embedding(batch[NUMBERS], self.element_vectors())
        edges = self._edges(batch, x.dtype)
        moved, moves = x.new_zeros(x.shape[0], 3), []
        for block in self.blocks:
            x, moved = block(x, moved, edges)
            moves.append(moved)
        owner = batch[OWNER]
        crystal = means(self.projection(x), owner, batch[CELLS].shape[0])
        return Encoding(crystal, x, owner, torch.stack(moves[:-1], dim=2))

    def _edges(self, batch: Mapping[str, Tensor], dtype: torch.dtype) -> _Edges:
        """Return what all layers need of the edges of a batch."""
        cutoff, count = self.config.cutoff_a, self.config.gaussians
        lengths = edge_lengths(batch).to(dtype)
        return _Edges(
            batch[CENTRES],
            batch[NEIGHBOURS],
            edge_vectors(batch).to(dtype),
            gaussians(lengths, cutoff, count) if count else None,
            (fading(lengths, cutoff) / self.config.typical_neighbours).unsqueeze(1),
        )


def _widen(egnn: Egnn) -> None:
    """Make the weights of the layers so large that vectors keep their size: variance 1 / inputs.

    That is three times what torch draws, with which messages of fresh weights are faint.
    """
    with torch.no_grad():
        for net in (egnn.blocks, egnn.projection):
            for part in net.modules():
                if isinstance(part, nn.Linear):
                    part.weight.mul_(math.sqrt(3))


def _layers(widths: Sequence[int], activation: type[nn.Module]) -> list[nn.Module]:
    """Return linear layers from each width to the next, with an activation behind each."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), activation()]
    return layers


_PRESETS: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "nano": {"hidden": 64, "atom_hidden": 32, "layers": 3, "position_hidden": (16,)},
        "small": {"hidden": 128, "atom_hidden": 64, "layers": 4, "position_hidden": (32,)},
        "base": {"hidden": 256, "atom_hidden": 128, "layers": 5, "position_hidden": (64,)},
        "paper": {
            "hidden": 128,
            "atom_hidden": 128,
            "layers": 5,
            "position_hidden": (64, 64),
            "projection": 3,
            "activation": "relu",
            "gaussians": 0,
        },
    }
)

EGNN: Final = Architecture(
    name="egnn",
    config=EgnnConfig,
    build=Egnn,
    presets=_PRESETS,
    view="graph",
    gives=frozenset({Gives.CRYSTAL, Gives.PARTS, Gives.VECTORS}),
    numerics=1,
)
