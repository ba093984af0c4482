"""EquiformerV2: attention between atoms whose features turn with the crystal (Liao et al. 2023).

An atom has C functions on the sphere, as coefficients of spherical harmonics to degree ``lmax``. It
starts as its element and as the directions of its neighbours; each block adds attention over edges,
in the frame of each edge (eSCN, Passaro and Zitnick 2023), and a feed-forward net. The mean of the
scalars of the atoms, projected, is the crystal; the coefficients of degree 1 are ``vectors``.
Sources: arXiv:2306.12059, arXiv:2302.03655, and the code of fairchem-core 1.10, whose numbers
``tests/oracle`` holds ours against.

Other than there: frames are chosen so that gradients by positions are right
(:mod:`stratus.encoders.edge_frames`; there they are cut, and a random angle of each edge changes
the numbers of each run); gates are the default activation, with which the encoder is equivariant to
rounding, and with values on a grid (``activation: s2``) to the error of the grid; elements are told
their properties; edges may fade at the cutoff. Mirror images are told apart, there and here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, Self, cast

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.architecture import Architecture
from stratus.encoders.edge_frames import EdgeFrames
from stratus.encoders.edge_net import EdgeNet, first_layers
from stratus.encoders.edges import edge_lengths, edge_vectors, fading
from stratus.encoders.element_table import ElementEncoder
from stratus.encoders.encoding import Encoding, Gives
from stratus.encoders.equiformer_attention import Attention, Edges, FeedForward, Sizes
from stratus.encoders.equiformer_sizes import presets
from stratus.encoders.fresh_weights import draw_weights
from stratus.encoders.pooling import means, sums
from stratus.encoders.spherical_layers import SphericalNorm, SphericalNormKind
from stratus.views.keys import CELLS, CENTRES, NEIGHBOURS, NUMBERS, OWNER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

Width = Annotated[int, Field(ge=1, le=2**16)]
Rate = Annotated[float, Field(ge=0, lt=1)]

_LEAST_POWER: Final = -36.0  # exp of it is 2e-16; smaller numbers take processors long


class EquiformerV2Config(BaseModel):
    """Sizes of :class:`EquiformerV2`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: Width = Field(description="Length of the vector of a crystal.")
    lmax: int = Field(ge=1, le=8, description="Highest degree of the features of an atom.")
    mmax: int = Field(ge=1, le=8, description="Highest order in the frame of an edge.")
    channels: Width = Field(description="Functions on the sphere that an atom has.")
    edge_channels: Width = Field(description="Inner width of the radial nets.")
    layers: int = Field(ge=0, le=64, description="Blocks of attention and feed-forward net.")
    heads: int = Field(ge=1, le=256, description="Heads of attention.")
    attention_hidden: Width = Field(description="Channels between the layers of a message.")
    alpha_channels: Width = Field(description="Numbers of a head that a score is made of.")
    value_channels: Width = Field(description="Channels of a head.")
    feed_forward: Width = Field(description="Inner channels of the feed-forward nets.")
    gaussians: int = Field(
        default=600, ge=2, le=4096, description="Gaussians of a distance, from 0 to the cutoff."
    )
    gaussian_width: float = Field(
        default=1.0, gt=0, le=100, allow_inf_nan=False,
        description="Standard deviation of a Gaussian, in units of how far they are apart.",
    )  # fmt: skip
    cutoff_a: float = Field(
        default=8.0, gt=0, le=100, allow_inf_nan=False,
        description="Longest edge, in Å: where the last Gaussian stands and edges fade.",
    )  # fmt: skip
    max_neighbours: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        default=20, description="Of how many nearest atoms an atom gets messages; none: all."
    )
    mean_degree: float = Field(
        default=20.0, gt=0, allow_inf_nan=False,
        description="What the sum over the edges of an atom is divided by at the start.",
    )  # fmt: skip
    activation: Literal["gate", "s2"] = Field(
        default="gate", description="Gates of each degree, or values on a grid of the sphere."
    )
    grid_mlp: bool = Field(
        default=False, description="Whether feed-forward nets are nets of values on the grid."
    )
    grid_resolution: int = Field(
        default=18, ge=2, le=512, description="Latitudes and longitudes of the grid."
    )
    norm: SphericalNormKind = Field(
        default="rms_norm_sh", description="Scalars and other degrees apart, or all together."
    )
    fading: bool = Field(
        default=False, description="Edges fade at the cutoff, as a potential needs."
    )
    alpha_dropout: Rate = Field(default=0.0, description="Of attention, in training.")
    path_dropout: Rate = Field(default=0.0, description="Of a block of a crystal, in training.")
    element_properties: bool = Field(default=True, description="Properties of the elements.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.mmax > self.lmax:
            raise ValueError(f"mmax {self.mmax} is more than lmax {self.lmax}")
        if self.grid_mlp and self.activation != "s2":
            raise ValueError("grid_mlp needs the grid of activation s2")
        if self.activation == "s2" and self.grid_resolution < 2 * self.lmax + 1:
            raise ValueError(
                f"a grid of {self.grid_resolution} cannot hold degrees up to {self.lmax}; take at "
                f"least {2 * self.lmax + 1}"
            )
        return self


class EquiformerV2(ElementEncoder):
    """The encoder of graphs of atoms.

    Args:
        config: sizes.
        generator: where fresh weights come from; torch's own generator if None.
    """

    def __init__(
        self, config: EquiformerV2Config, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.config = config
        sizes = _sizes(config)
        with torch.device("meta"):  # nothing is drawn here, so torch's own generator stays put
            self.add_elements(config.channels, properties=config.element_properties)
            elements = self.element_embedding.num_embeddings
            self.edge_degree_embedding = EdgeNet(
                elements,
                config.gaussians,
                config.edge_channels,
                config.channels * (config.lmax + 1),
            )
            self.blocks = nn.ModuleList(
                Block(sizes, elements, config.norm, config.path_dropout)
                for _ in range(config.layers)
            )
            self.norm = SphericalNorm(config.lmax, config.channels, config.norm)
            self.crystal_projection = nn.Linear(config.channels, config.hidden)
        self.frames = EdgeFrames(config.lmax, config.mmax)
        draw_weights(self, generator)
        self.add_table()

    def forward(self, batch: Mapping[str, Tensor]) -> Encoding:
        """Encode a batch of the view ``graph``.

        Args:
            batch: ``numbers``, ``positions``, ``cells``, ``centres``, ``neighbours``, ``shifts``
                and ``owner``; see :mod:`stratus.views.keys`. Edges may stand in any order.

        Returns:
            crystal ``[B, hidden]``; parts ``[N, channels]``, the scalars of the atoms; owner
            ``[N]``; vectors ``[N, 3, channels]``.
        """
        owner, count = batch[OWNER], batch[CELLS].shape[0]
        x = self.features(batch)
        scalars = x[:, 0]
        crystal = self.crystal_projection(means(scalars, owner, count))
        return Encoding(crystal, scalars, owner, x[:, 1:4])

    def features(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the features of the atoms after the last norm, ``[N, (lmax + 1)^2, channels]``."""
        config, numbers, owner = self.config, batch[NUMBERS], batch[OWNER]
        dtype = self.norm.weight.dtype
        lengths = edge_lengths(batch)
        frames = self.frames(edge_vectors(batch), lengths, dtype)
        weights = fading(lengths, config.cutoff_a).to(dtype).unsqueeze(1)
        edges = Edges(batch[CENTRES], batch[NEIGHBOURS], frames, weights if config.fading else None)
        spread = self._gaussians(lengths).to(dtype)
        blocks = cast("list[Block]", list(self.blocks))
        nets = [self.edge_degree_embedding, *(block.attention.radial for block in blocks)]
        inner = first_layers(nets, spread, numbers, edges.centres, edges.neighbours)
        x = self._atoms(numbers, self.edge_degree_embedding(inner[0]), edges)
        crystals = batch[CELLS].shape[0]
        for block, own in zip(blocks, inner[1:], strict=True):
            x = block(x, own, edges, owner, crystals)
        found: Tensor = self.norm(x)
        return found

    def _atoms(self, numbers: Tensor, radial: Tensor, edges: Edges) -> Tensor:
        """Return the first features of atoms: their elements, and where their neighbours are."""
        config = self.config
        if edges.weights is not None:
            radial = radial * edges.weights
        outward = edges.frames.outward[:, : config.lmax + 1].transpose(1, 2)
        turned = outward @ radial.view(radial.shape[0], config.lmax + 1, config.channels)
        directions = sums(turned, edges.centres, numbers.shape[0]) / config.mean_degree
        elements = fn.embedding(numbers, self.element_vectors()).unsqueeze(1)
        return directions + fn.pad(elements, (0, 0, 0, directions.shape[1] - 1))

    def _gaussians(self, lengths: Tensor) -> Tensor:
        """Return the Gaussians of lengths, ``[K, gaussians]``."""
        config = self.config
        step = config.cutoff_a / (config.gaussians - 1)
        places = torch.arange(config.gaussians, dtype=lengths.dtype, device=lengths.device)
        narrow = 0.5 / config.gaussian_width**2
        powers = (lengths.unsqueeze(1) / step - places).square() * -narrow
        return powers.clamp_min(_LEAST_POWER).exp()


class Block(nn.Module):
    """Attention and a feed-forward net, each behind a norm and added to what was there.

    Args:
        sizes: of both.
        elements: rows of the tables of elements.
        norm: which.
        path_dropout: how often either is left out for a crystal, in training.
    """

    def __init__(
        self, sizes: Sizes, elements: int, norm: SphericalNormKind, path_dropout: float
    ) -> None:
        super().__init__()
        self.path_dropout = path_dropout
        self.attention_norm = SphericalNorm(sizes.lmax, sizes.channels, norm)
        self.attention = Attention(sizes, elements)
        self.feed_forward_norm = SphericalNorm(sizes.lmax, sizes.channels, norm)
        self.feed_forward = FeedForward(sizes)

    def forward(
        self, x: Tensor, inner: Tensor, edges: Edges, owner: Tensor, crystals: int
    ) -> Tensor:
        """Return the features after the block.

        Args:
            x: before it, ``[N, (lmax + 1)^2, C]``.
            inner: of its radial net, ``[K, width]``.
            edges: between the atoms.
            owner: the crystal of each atom.
            crystals: how many there are.
        """
        found = self.attention(self.attention_norm(x), inner, edges)
        x = x + self._kept(found, owner, crystals)
        found = self.feed_forward(self.feed_forward_norm(x))
        return x + self._kept(found, owner, crystals)

    def _kept(self, x: Tensor, owner: Tensor, crystals: int) -> Tensor:
        """Return x, in training without those of some crystals."""
        if not (self.training and self.path_dropout):
            return x
        factors = fn.dropout(x.new_ones(crystals), self.path_dropout)
        return x * factors.index_select(0, owner).view(-1, 1, 1)


def _sizes(config: EquiformerV2Config) -> Sizes:
    """Return what the parts of a block need of a config."""
    same = {name: getattr(config, name) for name in Sizes._fields if name != "gates"}
    return Sizes(**same, gates=config.activation == "gate")


EQUIFORMER_V2: Final = Architecture(
    name="equiformer_v2",
    config=EquiformerV2Config,
    build=EquiformerV2,
    presets=presets(),
    view="graph",
    gives=frozenset({Gives.CRYSTAL, Gives.PARTS, Gives.VECTORS}),
    numerics=1,
)
