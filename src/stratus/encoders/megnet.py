"""MEGNet: atoms, edges and the state of a crystal in turn (Chen et al. 2019).

In each block an edge is renewed of its two atoms, itself and the state; an atom of itself, the mean
of its edges and the state; the state of itself and the means of all edges and all atoms. Dense
layers stand before that and a skip connection around. Set2Set reads atoms and edges out
(:mod:`stratus.encoders.set2set`), and with the state they are the crystal.
Source: Chemistry of Materials 31, 3564 (arXiv:1812.05055), equations 1 to 6 and figure 2, and the
code of matgl, whose numbers ``tests/oracle`` holds ours against.

Other than there: the vector of an element is learned and told its properties; the state, which is
zeros there and so one constant behind its first layers, is a learned vector; matrices of edges are
applied to atoms and the state, of which there are fewer; edges may fade at the cutoff; the layers
behind the first one of the read-out are left to the heads. Of the MEGNet of MatSciML three inputs
are left out: positions, which turn with the crystal; the reduced "mass" of an edge, which is made
of atomic numbers that the edge is given anyhow; and statistics of a surface, which bulk has not.
"""

from __future__ import annotations

import math
from itertools import islice, pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple, TypeAlias

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.architecture import Architecture
from stratus.encoders.edges import edge_lengths, fading, gaussians
from stratus.encoders.element_table import ElementEncoder
from stratus.encoders.encoding import Encoding, Gives
from stratus.encoders.fresh_weights import draw_weights
from stratus.encoders.pooling import counts, sums
from stratus.encoders.set2set import Set2Set, Weighted
from stratus.views.keys import CELLS, CENTRES, NEIGHBOURS, NUMBERS, OWNER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

Kind: TypeAlias = Literal["shifted-softplus", "silu"]
Width = Annotated[int, Field(ge=1, le=2**16)]
Inner = Annotated[tuple[Width, ...], Field(max_length=16)]

_LARGE: Final = 40.0  # from here on softplus of x is x, in double precision too
_SPREAD_OF_STATE: Final = 0.1


class MegnetConfig(BaseModel):
    """Sizes of :class:`Megnet`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: Width = Field(description="Length of the vector of a crystal.")
    element_embedding: Width = Field(description="Length of the learned vector of an element.")
    width: Width = Field(description="Length of the vectors of atoms, of edges and of the state.")
    layers: int = Field(ge=1, le=64, description="Blocks.")
    dense: Inner = Field(description="Inner lengths of the dense layers before a block.")
    update: Inner = Field(description="Inner lengths of the nets that renew.")
    edge_dense: Inner | None = Field(
        default=None, description="Likewise dense of edges, of which there are most; none: alike."
    )
    edge_update: Inner | None = Field(default=None, description="Likewise update of edges.")
    set2set_layers: int = Field(default=1, ge=1, le=16, description="Layers of the read-out.")
    set2set_iterations: int = Field(default=2, ge=2, le=64, description="Turns of the read-out.")
    activation: Kind = Field(
        default="silu", description="Behind each layer; shifted-softplus is the published one."
    )
    cutoff_a: float = Field(
        default=6.0, gt=0, le=100, allow_inf_nan=False,
        description="Longest edge, in Å: where the last Gaussian stands and edges fade.",
    )  # fmt: skip
    max_neighbours: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        default=12, description="From how many nearest atoms an atom has edges; none: all."
    )
    gaussians: int = Field(
        default=32, ge=2, le=4096, description="Gaussians of a distance, from 0 to the cutoff."
    )
    gaussian_width_a: float | None = Field(
        default=None, gt=0, le=100, allow_inf_nan=False,
        description="How wide they are, in Å; none: as they are apart.",
    )  # fmt: skip
    fading: bool = Field(
        default=False, description="Edges fade at the cutoff, as a potential needs."
    )
    element_properties: bool = Field(default=True, description="Properties of the elements.")


class Megnet(ElementEncoder):
    """The encoder of graphs of atoms with a state.

    Args:
        config: sizes.
        generator: where fresh weights come from; torch's own generator if None.
    """

    def __init__(self, config: MegnetConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        kind, width, ahead = config.activation, config.width, (*config.dense, config.width)
        with torch.device("meta"):  # nothing is drawn here, so torch's own generator stays put
            self.add_elements(config.element_embedding, properties=config.element_properties)
            self.atom_layers = Dense([config.element_embedding, *ahead], kind)
            self.edge_layers = Dense([config.gaussians, *ahead], kind)
            self.state = State(width)
            self.blocks = nn.ModuleList(Block(config, first=not k) for k in range(config.layers))
            read = config.set2set_layers, config.set2set_iterations
            self.atoms_read = Set2Set(width, *read)
            self.edges_read = Set2Set(width, *read)
            self.projection = nn.Linear(5 * width, config.hidden)
        draw_weights(self, generator)
        self.add_table()

    def forward(self, batch: Mapping[str, Tensor]) -> Encoding:
        """Encode a batch of the view ``graph``.

        Args:
            batch: ``numbers``, ``positions``, ``cells``, ``centres``, ``neighbours``, ``shifts``
                and ``owner``; see :mod:`stratus.views.keys`. Edges may stand in any order.

        Returns:
            crystal ``[B, hidden]``; parts ``[N, width]``, the atoms after the last block; owner
            ``[N]``.
        """
        config = self.config
        atoms = fn.embedding(batch[NUMBERS], self.atom_layers(self.element_vectors()))
        lengths = edge_lengths(batch).to(atoms.dtype)
        spread = gaussians(lengths, config.cutoff_a, config.gaussians, config.gaussian_width_a)
        graph = Graph.of(batch, fading(lengths, config.cutoff_a) if config.fading else None, atoms)
        edges = self.edge_layers(spread)
        state = self.state().expand(graph.crystals, -1)
        for block in self.blocks:
            atoms, edges, state = block(atoms, edges, state, graph)
        read = [
            self.atoms_read(atoms, graph.owner, graph.crystals),
            self.edges_read(edges, graph.edge_owner, graph.crystals, graph.shares),
            state,
        ]
        return Encoding(self.projection(torch.cat(read, dim=1)), atoms, graph.owner)


class Graph(NamedTuple):
    """The graphs of a batch, as a block needs them.

    Attributes:
        centres: int64 ``[K]``, the atom that gets an edge.
        neighbours: int64 ``[K]``, the atom that it comes from.
        owner: int64 ``[N]``, the crystal of each atom.
        edge_owner: int64 ``[K]``, the crystal of each edge.
        crystals: how many there are.
        weights: how much each edge counts, ``[K, 1]``; all alike if None.
        per_atom: one over how much the edges of an atom count together, ``[N, 1]``.
        per_crystal: likewise of all edges of a crystal, ``[B, 1]``.
        per_size: one over the atoms of a crystal, ``[B, 1]``.
        shares: how much each edge counts in the read-out; all alike if None.
    """

    centres: Tensor
    neighbours: Tensor
    owner: Tensor
    edge_owner: Tensor
    crystals: int
    weights: Tensor | None
    per_atom: Tensor
    per_crystal: Tensor
    per_size: Tensor
    shares: Weighted | None

    @classmethod
    def of(cls, batch: Mapping[str, Tensor], weights: Tensor | None, atoms: Tensor) -> Graph:
        """Return the graphs of a batch.

        A mean of edges that fade is ``sum(weight edge) / (1 + sum(weight))``, or it would jump
        when the last edge of an atom is gone; the 1 is that of an atom, so of a crystal it is how
        many atoms there are, and of each edge in the read-out that much less. So copies of a
        crystal are the crystal.

        Args:
            batch: of the view ``graph``.
            weights: how much each edge counts, ``[K]``; all alike if None.
            atoms: ``[N, width]``, for its dtype.
        """
        owner, centres, crystals = batch[OWNER], batch[CENTRES], batch[CELLS].shape[0]
        edge_owner = owner.index_select(0, centres)
        sizes = counts(owner, crystals).clamp_min(1).to(atoms.dtype)
        if weights is None:
            per_atom = counts(centres, owner.shape[0]).to(atoms.dtype)
            per_crystal = sums(per_atom, owner, crystals).clamp_min(1)
            per_atom, shares = per_atom.clamp_min(1), None
        else:
            per_atom = sums(weights, centres, owner.shape[0]) + 1
            per_crystal = sums(per_atom, owner, crystals)
            shares = Weighted(weights / sizes.index_select(0, edge_owner), 1.0)
            weights = weights.unsqueeze(1)
        return cls(
            centres,
            batch[NEIGHBOURS],
            owner,
            edge_owner,
            crystals,
            weights,
            per_atom.reciprocal().unsqueeze(1),
            per_crystal.reciprocal().unsqueeze(1),
            sizes.reciprocal().unsqueeze(1),
            shares,
        )


class Block(nn.Module):
    """One turn: edges, atoms and state are renewed (equations 1 to 6 of the paper).

    Args:
        config: sizes.
        first: the first one has no dense layers before it, as those of the encoder are.
    """

    def __init__(self, config: MegnetConfig, *, first: bool) -> None:
        super().__init__()
        kind, width = config.activation, config.width
        sizes, update = [width, *config.dense, width], config.update
        of_edges = config.dense if config.edge_dense is None else config.edge_dense
        edge_update = update if config.edge_update is None else config.edge_update
        self.edge_dense = nn.Identity() if first else Dense([width, *of_edges, width], kind)
        self.atom_dense = nn.Identity() if first else Dense(sizes, kind)
        self.state_dense = nn.Identity() if first else Dense(sizes, kind)
        self.edge_update = Dense([4 * width, *edge_update, width], kind)
        self.atom_update = Dense([3 * width, *update, width], kind)
        self.state_update = Dense([3 * width, *update, width], kind)

    def forward(
        self, atoms: Tensor, edges: Tensor, state: Tensor, graph: Graph
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return atoms ``[N, width]``, edges ``[K, width]`` and state ``[B, width]`` anew."""
        e, v, u = self.edge_dense(edges), self.atom_dense(atoms), self.state_dense(state)
        centre, neighbour, edge, common = self.edge_update.first(4)
        of_state = fn.linear(u, common, self.edge_update.bias)  # a bias of edges is a pass more
        at_centre = fn.linear(v, centre) + of_state.index_select(0, graph.owner)
        inner = fn.linear(e, edge)
        inner += at_centre.index_select(0, graph.centres)  # in place, as nothing keeps it
        inner += fn.linear(v, neighbour).index_select(0, graph.neighbours)
        e = self.edge_update.behind(inner)

        counted = e if graph.weights is None else e * graph.weights
        at_atoms = sums(counted, graph.centres, v.shape[0])
        itself, of_edges, common = self.atom_update.first(3)
        inner = fn.linear(v, itself, self.atom_update.bias)
        inner = inner + fn.linear(at_atoms * graph.per_atom, of_edges)
        inner = inner + fn.linear(u, common).index_select(0, graph.owner)
        v = self.atom_update.behind(inner)

        all_edges = sums(at_atoms, graph.owner, graph.crystals) * graph.per_crystal
        all_atoms = sums(v, graph.owner, graph.crystals) * graph.per_size
        u = self.state_update(torch.cat([u, all_edges, all_atoms], dim=1))
        return atoms + v, edges + e, state + u


class Dense(nn.Module):
    """Linear layers, an activation behind each.

    They are drawn so that rows neither grow nor shrink, as He et al. 2015 (arXiv:1502.01852) do.
    Weights that torch draws by default are two and a half times smaller, and behind the fifteen
    layers of three blocks nothing of the state would be left.

    Args:
        sizes: lengths of rows, from the first to the last.
        kind: of the activation. The shift of ``log(exp(x) / 2 + 1 / 2)`` is taken into the bias of
            the next layer, as that is a pass over the rows less.
    """

    def __init__(self, sizes: Sequence[int], kind: Kind) -> None:
        super().__init__()
        self.kind = kind
        self.weights = nn.ParameterList(torch.empty(b, a) for a, b in pairwise(sizes))
        self.biases = nn.ParameterList(torch.empty(b) for b in sizes[1:])

    def draw(self, generator: torch.Generator | None) -> None:
        """Fill them afresh."""
        for weight, bias in zip(self.weights, self.biases, strict=True):
            bound = math.sqrt(6 / weight.shape[1])
            nn.init.uniform_(weight, -bound, bound, generator=generator)
            nn.init.zeros_(bias)

    @property
    def bias(self) -> Tensor:
        """Of the first layer."""
        found: Tensor = self.biases[0]
        return found

    def first(self, parts: int) -> Sequence[Tensor]:
        """Return the matrix of the first layer in parts, for rows that are made of parts."""
        weight: Tensor = self.weights[0]
        return weight.chunk(parts, dim=1)

    def forward(self, rows: Tensor) -> Tensor:
        """Return ``[n, last size]`` of ``[n, first size]``."""
        return self.behind(fn.linear(rows, self.weights[0], self.biases[0]))

    def behind(self, inner: Tensor) -> Tensor:
        """Return what comes of the rows behind the first matrix and bias."""
        for weight, bias in islice(zip(self.weights, self.biases, strict=True), 1, None):
            if self.kind == "silu":
                inner = fn.linear(fn.silu(inner), weight, bias)
            else:
                shifted = bias - math.log(2) * weight.sum(dim=1)
                inner = fn.linear(fn.softplus(inner, threshold=_LARGE), weight, shifted)
        if self.kind == "silu":
            return fn.silu(inner)
        return fn.softplus(inner, threshold=_LARGE) - math.log(2)


class State(nn.Module):
    """The state that every crystal begins with: a learned vector.

    Args:
        width: its length.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.empty(1, width))

    def draw(self, generator: torch.Generator | None) -> None:
        """Fill it afresh."""
        nn.init.normal_(self.vector, std=_SPREAD_OF_STATE, generator=generator)

    def forward(self) -> Tensor:
        """Return it, ``[1, width]``."""
        return self.vector


_PRESETS: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "nano": {
            "hidden": 64,
            "element_embedding": 32,
            "width": 16,
            "layers": 3,
            "dense": (32,),
            "update": (32,),
        },
        "small": {
            "hidden": 128,
            "element_embedding": 64,
            "width": 32,
            "layers": 3,
            "dense": (64,),
            "update": (64, 64),
            "edge_dense": (),
            "edge_update": (64,),
        },
        "base": {
            "hidden": 256,
            "element_embedding": 128,
            "width": 64,
            "layers": 4,
            "dense": (128,),
            "update": (128, 64),
        },
        "paper": {
            "hidden": 128,
            "element_embedding": 128,
            "width": 128,
            "layers": 4,
            "dense": (256, 256),
            "update": (128, 128),
            "set2set_layers": 5,
            "set2set_iterations": 4,
            "activation": "shifted-softplus",
            "gaussians": 100,
            "gaussian_width_a": 0.5,
            "cutoff_a": 4.0,
            "max_neighbours": None,
        },
    }
)

MEGNET: Final = Architecture(
    name="megnet",
    config=MegnetConfig,
    build=Megnet,
    presets=_PRESETS,
    view="graph",
    gives=frozenset({Gives.CRYSTAL, Gives.PARTS}),
    numerics=1,
)
