"""A transformer of atoms: each atom of a crystal attends to each (Joshi et al. 2025, ADiT).

Source of the published form, ``geometry: absolute``: the encoder of the all-atom diffusion
transformer (arXiv:2503.03965), with the sizes that Trikha et al. 2025 (arXiv:2509.21811) scaled.
An atom starts as the sum of its element, its Cartesian and its fractional coordinates, each through
a net, and sines and cosines of its place in the list. The layers are those of
``torch.nn.TransformerEncoder``, norms first, with the tanh form of GELU; ``tests/oracle`` holds
ours against them. The crystal is the mean of its atoms.

That form sees neither lattice nor periodicity, and its vectors change when a crystal is turned,
moved, or listed in another order. Other than there: ``rotate`` turns positions and cell together,
anew in every step of training; there the cell stayed as it was, and kept samples froze their turn.

The mended forms are told no coordinates and no place in the list; elements are told their
properties. What they know of two atoms are distances, and these weigh the attention of every layer
and head: of a score ``s`` the share is ``w exp(s)`` over the sum of these, and ``w`` is made of
``b(r)``, a linear function of Gaussians of the distance (as in Graphormer and Uni-Mol).

- ``distances``: ``w = exp(b(r))`` with the distance of the nearest images; the volume per atom is
  added to each atom. An atom and itself are as far as its nearest image.
- ``neighbours``: ``w`` is the sum of ``f(r) exp(b(r))`` over all images within the cutoff, at which
  ``f`` fades. That is attention to the endless crystal, image by image (Crystalformer, Taniai et
  al. 2024, arXiv:2403.11686), so it is the same in each cell and supercell, and smooth.

As shares sum to 1, they cannot tell how many atoms are near; so each atom is told the sum of the
Gaussians of its distances, faded at the cutoff (the centrality of Transformer-M, Luo et al. 2023).
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.architecture import Architecture
from stratus.encoders.edges import edge_lengths, fading, gaussians
from stratus.encoders.element_table import ElementEncoder
from stratus.encoders.encoding import Encoding, Gives
from stratus.encoders.fresh_weights import draw_weights
from stratus.encoders.pooling import means, sums
from stratus.views.cloud_of_atoms import Geometry
from stratus.views.keys import CELLS, CENTRES, MASK, NEIGHBOURS, NUMBERS, OWNER, POSITIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

_PERIOD: Final = 2048  # of the places in the list
_USUAL_VOLUME_A3: Final = 16.0  # of an atom
_MOST: Final = 64

Width = Annotated[int, Field(ge=1, le=2**16)]


class AtomTransformerConfig(BaseModel):
    """Sizes of :class:`AtomTransformer`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: Width = Field(description="Length of the vector of an atom and of a crystal.")
    layers: int = Field(ge=1, le=_MOST, description="Layers of attention between the atoms.")
    heads: int = Field(ge=1, le=_MOST, description="Attention heads; hidden is a multiple of it.")
    feed_forward: Width = Field(description="Inner length of the feed-forward part.")
    geometry: Geometry = Field(
        default=Geometry.DISTANCES,
        description="What is told of places: distances, neighbours, or absolute (published).",
    )
    rotate: bool = Field(
        default=False,
        description="Turn each crystal anew in every step of training; of absolute coordinates.",
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="Share dropped in training.")
    cutoff_a: float = Field(
        default=8.0, gt=0, le=100, allow_inf_nan=False,
        description="Where the last Gaussian of a distance stands and neighbours fade, in Å.",
    )  # fmt: skip
    gaussians: int = Field(
        default=32, ge=2, le=4096, description="Gaussians of a distance, from 0 to the cutoff."
    )
    element_properties: bool = Field(default=True, description="Properties of the elements.")
    max_atoms: int = Field(default=512, ge=1, le=8192, description="Most atoms of a crystal.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.hidden % self.heads:
            raise ValueError(f"hidden {self.hidden} cannot be shared by {self.heads} heads")
        absolute = self.geometry is Geometry.ABSOLUTE
        if absolute and self.hidden % 2:
            raise ValueError(f"hidden {self.hidden} is odd, and is half sines, half cosines")
        if self.rotate and not absolute:
            raise ValueError(
                f"rotate is for the geometry absolute; of {self.geometry} a turned crystal is the "
                "same"
            )
        return self


class Rows(NamedTuple):
    """Crystals of a batch as rows of one number of atoms.

    Attributes:
        real: bool ``[B, n]``, which places are atoms.
        place: int64 ``[N]``, where each atom is among the ``B * n`` places.
        nth: int64 ``[N]``, its place in its crystal.
    """

    real: Tensor
    place: Tensor
    nth: Tensor

    @classmethod
    def of(cls, batch: Mapping[str, Tensor]) -> Rows:
        """Read them from a batch."""
        real, owner = batch[MASK], batch[OWNER]
        counts = real.sum(dim=1)
        starts = counts.cumsum(dim=0) - counts
        nth = torch.arange(owner.shape[0], device=owner.device) - starts[owner]
        return cls(real, owner * real.shape[1] + nth, nth)

    def padded(self, x: Tensor) -> Tensor:
        """Return atoms ``[N, d]`` as ``[B, n, d]``, 0 where there is none."""
        count, most = self.real.shape
        out = x.new_zeros(count * most, x.shape[1]).index_copy(0, self.place, x)
        return out.view(count, most, -1)

    def flat(self, x: Tensor) -> Tensor:
        """Return ``[B, n, d]`` as atoms ``[N, d]``."""
        return x.flatten(0, 1).index_select(0, self.place)


class AtomTransformer(ElementEncoder):
    """The encoder of clouds of atoms.

    Args:
        config: sizes.
        generator: where fresh weights come from; torch's own generator if None.
    """

    def __init__(
        self, config: AtomTransformerConfig, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.config = config
        width = config.hidden
        with torch.device("meta"):  # nothing is drawn here, so torch's own generator stays put
            self.add_elements(width, properties=config.element_properties)
            if config.geometry is Geometry.ABSOLUTE:
                self.position_embedding = _net(3, width)
                self.fraction_embedding = _net(3, width)
            else:
                # one of each head and layer, and one number more: whether it is the atom itself
                per_pair = config.layers * config.heads
                self.pair_projection = nn.Linear(config.gaussians + 1, per_pair, bias=False)
                self.surroundings = nn.Linear(config.gaussians, width, bias=False)
            if config.geometry is Geometry.DISTANCES:
                self.volume = _net(1, width)
            self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
            self.final_norm = nn.LayerNorm(width)
        draw_weights(self, generator)
        self.add_table()

    def forward(self, batch: Mapping[str, Tensor]) -> Encoding:
        """Encode a batch of the view ``cloud-of-atoms``.

        Args:
            batch: ``numbers``, ``positions``, ``cells``, ``centres``, ``neighbours``, ``shifts``,
                ``owner`` and ``mask``; see :mod:`stratus.views.keys`. Crystals end to end in their
                order; edges may stand in any order.

        Returns:
            crystal ``[B, hidden]``; parts ``[N, hidden]``, the atoms after the last norm; owner
            ``[N]``.
        """
        owner, count = batch[OWNER], batch[CELLS].shape[0]
        rows = Rows.of(batch)
        x = fn.embedding(batch[NUMBERS], self.element_vectors())
        weights: list[Tensor] | list[None]
        if self.config.geometry is Geometry.ABSOLUTE:
            x = x + self._places(batch, rows)
            weights = [None] * self.config.layers
        else:
            told, weights = self._distances(batch, rows)
            x = x + told
        x = rows.padded(x)
        for block, weight in zip(self.blocks, weights, strict=True):
            x = block(x, rows.real, weight)
        x = self.final_norm(rows.flat(x))
        return Encoding(means(x, owner, count), x, owner)

    def _places(self, batch: Mapping[str, Tensor], rows: Rows) -> Tensor:
        """Return what the published form tells each atom of where it is, ``[N, d]``."""
        owner, dtype = batch[OWNER], self.final_norm.weight.dtype
        positions, cells = batch[POSITIONS], batch[CELLS]
        if self.config.rotate and self.training:
            turns = random_rotations(len(cells), cells)
            cells = cells @ turns
            positions = (positions.unsqueeze(1) @ turns[owner]).squeeze(1)
        fractions = (positions.unsqueeze(1) @ torch.linalg.inv(cells)[owner]).squeeze(1)
        places: Tensor = self.position_embedding(positions.to(dtype))
        places = places + self.fraction_embedding(fractions.to(dtype))
        return places + index_waves(rows.nth, self.config.hidden).to(dtype)

    def _distances(self, batch: Mapping[str, Tensor], rows: Rows) -> tuple[Tensor, list[Tensor]]:
        """Return what each atom is told ``[N, d]`` and what weighs attention, by layer."""
        config, dtype = self.config, self.final_norm.weight.dtype
        (count, most), total = rows.real.shape, rows.place.shape[0]
        centres, neighbours = batch[CENTRES], batch[NEIGHBOURS]
        lengths = edge_lengths(batch).to(dtype)
        spread = gaussians(lengths, config.cutoff_a, config.gaussians)
        fades = fading(lengths, config.cutoff_a).unsqueeze(1)
        of_spread = self.pair_projection.weight[:, :-1]
        of_itself = self.pair_projection.weight[:, -1:]
        powers = spread @ of_spread.T
        pairs = rows.place[centres] * most + rows.nth[neighbours]
        places = count * most * most
        itself = (centres == neighbours).to(dtype).unsqueeze(1)
        if config.geometry is Geometry.DISTANCES:
            # where images are equally far a pair is there more than once: it is their mean
            times = centres.new_zeros(places).index_add(0, pairs, torch.ones_like(pairs))
            share = times[pairs].to(dtype).reciprocal().unsqueeze(1)
            powers = (powers + itself * of_itself.T).exp() * share
            told = sums(spread * (fades * share), centres, total)
        else:
            powers = powers.exp() * fades
            told = sums(spread * fades, centres, total)
        dense = powers.new_zeros(places, powers.shape[1]).index_add(0, pairs, powers)
        if config.geometry is Geometry.NEIGHBOURS:  # the atom itself is in each sum
            own = of_itself.T.exp().expand(total, -1)
            dense = dense.index_add(0, rows.place * most + rows.nth, own)
        told = self.surroundings(told)
        if config.geometry is Geometry.DISTANCES:
            told = told + self.volume(_volumes(batch, rows).to(dtype))[batch[OWNER]]
        by_layer = dense.view(count, most, most, config.layers, config.heads)
        return told, list(by_layer.permute(3, 0, 4, 1, 2).unbind())


class Block(nn.Module):
    """Attention between the atoms of a crystal, then a net; each adds to what came in.

    A layer of ``torch.nn.TransformerEncoder`` with norms first, whose attention may be weighted.
    It is written out so that it can be differentiated twice.

    Args:
        config: sizes.
    """

    def __init__(self, config: AtomTransformerConfig) -> None:
        super().__init__()
        width = config.hidden
        self.heads, self.dropout = config.heads, config.dropout
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward_in = nn.Linear(width, config.feed_forward)
        self.feed_forward_out = nn.Linear(config.feed_forward, width)

    def forward(self, x: Tensor, real: Tensor, weights: Tensor | None) -> Tensor:
        """Transform atoms.

        Args:
            x: ``[B, n, d]``.
            real: bool ``[B, n]``, which are no padding.
            weights: of the exponentials of the scores, ``[B, heads, n, n]``, at least 0, and above
                0 somewhere for each atom; 1 if None. Those of padding do not matter.
        """
        x = x + self._drop(self._attend(self.attention_norm(x), real, weights))
        inner = self.feed_forward_in(self.feed_forward_norm(x))
        inner = self._drop(fn.gelu(inner, approximate="tanh"))
        return x + self._drop(self.feed_forward_out(inner))

    def _attend(self, x: Tensor, real: Tensor, weights: Tensor | None) -> Tensor:
        batch, atoms, width = x.shape
        packed = self.query_key_value(x).view(batch, atoms, 3, self.heads, width // self.heads)
        query, key, value = packed.permute(2, 0, 3, 1, 4)
        scores = (query / math.sqrt(width // self.heads)) @ key.transpose(-1, -2)
        if weights is None:
            shares = scores.masked_fill(~real[:, None, None], -math.inf).softmax(dim=-1)
        else:
            # the highest score cancels, so it needs no gradient; atoms of weight 0 are not asked
            least = torch.finfo(scores.dtype).min
            highest = scores.detach().masked_fill(weights <= 0, least).amax(dim=-1, keepdim=True)
            powers = (scores - highest).clamp_max(0).exp() * weights
            total = powers.sum(dim=-1, keepdim=True)
            shares = powers / (total + (total <= 0))  # padding attends to nothing
        mixed = self._drop(shares) @ value
        out: Tensor = self.attention_out(mixed.transpose(1, 2).reshape(batch, atoms, width))
        return out

    def _drop(self, x: Tensor) -> Tensor:
        return fn.dropout(x, self.dropout, training=self.training)


def index_waves(index: Tensor, width: int) -> Tensor:
    """Return sines, then cosines, of places in a list, float64 ``[N, width]``.

    Args:
        index: int64 ``[N]``.
        width: even.

    Returns:
        of ``index * pi / 2048^(2 k / width)`` for ``k`` from 0 to ``width / 2 - 1``.
    """
    k = torch.arange(width // 2, dtype=torch.float64, device=index.device)
    angles = index.unsqueeze(1) * (math.pi / _PERIOD ** (2 * k / width))
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def random_rotations(count: int, like: Tensor) -> Tensor:
    """Return rotations, all equally likely, from torch's own generator, as dropout does.

    Args:
        count: how many.
        like: of the device and dtype that they get.

    Returns:
        ``[count, 3, 3]``, orthogonal with determinant 1; rows times them are turned. Source:
        Shoemake 1992 (Graphics Gems III, 124): quaternions of four normal numbers.
    """
    q = torch.randn(count, 4, dtype=torch.float64, device=like.device)
    w, x, y, z = (q / q.norm(dim=1, keepdim=True)).unbind(dim=1)
    turns = torch.stack(
        [
            *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
            *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
            *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
        ],
        dim=1,
    )
    return turns.view(count, 3, 3).to(like.dtype)


def _net(inputs: int, width: int) -> nn.Sequential:
    """Return the net of coordinates: linear without bias, SiLU, linear."""
    return nn.Sequential(nn.Linear(inputs, width, bias=False), nn.SiLU(), nn.Linear(width, width))


def _volumes(batch: Mapping[str, Tensor], rows: Rows) -> Tensor:
    """Return the logarithm of the volume per atom over a usual one, ``[B, 1]``."""
    volumes: Tensor = torch.linalg.det(batch[CELLS]).abs() / rows.real.sum(dim=1)
    return (volumes / _USUAL_VOLUME_A3).log().unsqueeze(1)


def _sizes(hidden: int, heads: int, feed_forward: int, layers: int) -> dict[str, object]:
    return {"hidden": hidden, "heads": heads, "feed_forward": feed_forward, "layers": layers}


_PUBLISHED: Final[Mapping[str, object]] = MappingProxyType(
    {"geometry": "absolute", "dropout": 0.1, "element_properties": False}
)
PUBLISHED_SIZES: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "adit-0.015M": _sizes(16, 1, 64, 2),
        "adit-0.138M": _sizes(64, 1, 256, 2),
        "adit-0.188M": _sizes(64, 1, 256, 3),
        "adit-0.402M": _sizes(96, 1, 384, 3),
        "adit-0.695M": _sizes(128, 2, 512, 4),
        "adit-2.411M": _sizes(192, 3, 768, 5),
        "adit-2.856M": _sizes(192, 4, 768, 6),
        "adit-5.036M": _sizes(256, 4, 1024, 6),
        "adit-9.064M": _sizes(320, 5, 1280, 7),
    }
)
"""The sizes that were scaled, by the millions of parameters that were said of them.

These are the layers, the last norm and the three heads of energy, forces and stress; embeddings of
elements and coordinates are left out (:func:`stratus.encoders.counting.counted_parameters`).
"""

ATOM_TRANSFORMER: Final = Architecture(
    name="atom_transformer",
    config=AtomTransformerConfig,
    build=AtomTransformer,
    presets=MappingProxyType(
        {
            "nano": _sizes(32, 4, 128, 3),
            "small": _sizes(64, 4, 256, 3),
            "base": _sizes(128, 8, 512, 4),
            **{name: {**sizes, **_PUBLISHED} for name, sizes in PUBLISHED_SIZES.items()},
        }
    ),
    view="cloud-of-atoms",
    gives=frozenset({Gives.CRYSTAL, Gives.PARTS}),
    numerics=1,
)
