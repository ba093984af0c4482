"""Bond graph: atoms and bonds of a crystal, each with a vector, and the angles between bonds.

Our own encoder of atoms, for tables of some hundred to some ten thousand crystals. All atoms within
a cutoff are bonded. In each layer

1. every atom gathers what bonds lead away from it in which direction: spherical harmonics of the
   directions, of degree 1 and 2, times weights that the bonds decide, summed over the bonds of the
   atom (the atomic base of the atomic cluster expansion, Drautz 2019, arXiv:1811.09464);
2. every bond reads these sums of both of its atoms in its own direction. By the addition theorem
   of spherical harmonics that is a sum over the other bonds of the atom of Legendre polynomials of
   the angle to each. The line graph of ALIGNN (Choudhary and DeCost 2021, arXiv:2106.01829) serves
   the same end at a cost that grows with pairs of bonds; this one grows with the bonds;
3. every atom gets the sum over its bonds of filters that the bonds decide times the vectors of the
   neighbours (SchNet, Schütt et al. 2017, arXiv:1706.08566), the sum of the bonds themselves, and
   the lengths of the sums of 1, by degree.

Each vector is added to the one before (residual). The crystal is read from the mean of the atoms,
and from weighted means of atoms and of bonds whose weights are a softmax that it learns, which
reaches from the mean to the largest: the highest frequency of a crystal, say, is that of its
stiffest bond. All sums over bonds fade at the cutoff (DimeNet's polynomial), so nothing jumps, nor
do the gradients by positions, and no norm is over a batch.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.architecture import Architecture
from stratus.encoders.edges import edge_vectors, fading, gaussians
from stratus.encoders.element_table import ElementEncoder
from stratus.encoders.encoding import Encoding, Gives
from stratus.encoders.fresh_weights import draw_weights
from stratus.encoders.pooling import means, softmax, sums
from stratus.views.keys import CELLS, CENTRES, NEIGHBOURS, NUMBERS, OWNER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

Width = Annotated[int, Field(ge=1, le=2**16)]

_DEEPEST: Final = 64
_SHORTEST_A: Final = 1e-6  # the direction of a bond is not defined at 0
_SQRT3: Final = math.sqrt(3)
_DEGREES: Final = (0, 0, 0, 1, 1, 1, 1, 1)
_BONDS: Final = 0.2
"""Sums over bonds are multiplied by it, so that those of fresh weights are of the order of 1."""

_FEW_BONDS: Final = 0.1
"""Bonds of an atom, faded ones in part, at which the bonds of a crystal count by half."""


class BondGraphConfig(BaseModel):
    """Sizes of :class:`BondGraph`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: Width = Field(description="Length of the vector of a crystal.")
    atom_hidden: Width = Field(description="Length of the vector of an atom.")
    bond_hidden: Width = Field(description="Length of the vector of a bond.")
    layers: int = Field(ge=1, le=_DEEPEST, description="Layers.")
    angle_channels: int = Field(
        8,
        ge=0,
        le=1024,
        description="Sums over directions of each degree that an atom gathers; 0: no angles.",
    )
    cutoff_a: float = Field(
        default=5.0, gt=0, le=100, allow_inf_nan=False, description="Longest bond, in Å."
    )
    max_neighbours: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        default=None,
        description="Of how many nearest atoms an atom has bonds; none: all, and nothing jumps.",
    )
    gaussians: int = Field(
        default=24, ge=2, le=4096, description="Gaussians of a length, from 0 to the cutoff."
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="Of what is added to an atom.")
    element_properties: bool = Field(default=True, description="Properties of the elements.")


class _Bonds(NamedTuple):
    """The bonds of a batch.

    Attributes:
        centres: int64 ``[K]``.
        neighbours: int64 ``[K]``.
        fade: how much each counts, ``[K, 1]``.
        harmonics: of its direction, each repeated for all channels, ``[K, 8 c]``.
        atoms: how many there are.
    """

    centres: Tensor
    neighbours: Tensor
    fade: Tensor
    harmonics: Tensor
    atoms: int

    def sums(self, rows: Tensor) -> Tensor:
        """Return the sum over the bonds of each atom, ``[N, ...]``, of rows that have faded."""
        return sums(rows, self.centres, self.atoms)

    def add_ends(self, inner: Tensor, of_atoms: Tensor) -> Tensor:
        """Add what both ends of a bond give, from ``[N, 2 e]``: as centre and as neighbour.

        In place, as nothing keeps ``inner`` ``[K, e]``; a pass over the bonds less.
        """
        centre, neighbour = of_atoms.chunk(2, dim=1)
        inner += centre.index_select(0, self.centres)
        inner += neighbour.index_select(0, self.neighbours)
        return inner


class _Vectors(NamedTuple):
    """What goes from layer to layer.

    Attributes:
        atoms: ``[N, d]``.
        bonds: ``[K, e]``.
        faded: the bonds, each times how much it counts, ``[K, e]``.
        at_atoms: their sums over the bonds of each atom, ``[N, e]``.
    """

    atoms: Tensor
    bonds: Tensor
    faded: Tensor
    at_atoms: Tensor

    @classmethod
    def of(cls, atoms: Tensor, bonds: Tensor, of: _Bonds) -> _Vectors:
        """Return atoms and bonds with what bonds are as they fade."""
        faded = bonds * of.fade
        return cls(atoms, bonds, faded, of.sums(faded))


class _Layer(nn.Module):
    """One layer: angles to bonds, bonds to atoms."""

    def __init__(self, config: BondGraphConfig) -> None:
        super().__init__()
        atom, bond, channels = config.atom_hidden, config.bond_hidden, config.angle_channels
        self.norm = nn.LayerNorm(atom)
        self.weigh = self.at_centre = self.at_neighbour = None
        if channels:
            self.weigh = nn.Linear(bond, channels, bias=False)
            self.at_centre = nn.Linear(2 * channels, bond, bias=False)
            self.at_neighbour = nn.Linear(2 * channels, bond, bias=False)
        self.ends = nn.Linear(atom, 2 * bond, bias=False)
        self.bond_in = nn.Linear(bond, bond)
        self.bond_out = nn.Linear(bond, bond)
        self.filter = nn.Linear(bond, 2 * atom, bias=False)
        self.message = nn.Linear(atom, atom, bias=False)
        self.atom_in = nn.Linear(2 * atom + 3 * channels, 2 * atom)
        self.atom_out = nn.Linear(2 * atom, atom)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, old: _Vectors, of: _Bonds) -> _Vectors:
        """Return the vectors of atoms and bonds anew.

        What is linear in the bonds and has no bias is applied to their sums, or to bonds that have
        faded: each is a pass over the bonds less.
        """
        normed = self.norm(old.atoms)
        inner = of.add_ends(self.bond_in(old.bonds), self.ends(normed))
        lengths: list[Tensor] = []
        if self.weigh is not None and self.at_centre is not None and self.at_neighbour is not None:
            directed = of.sums(_repeated(self.weigh(old.faded)).mul_(of.harmonics))
            for at, linear in ((of.centres, self.at_centre), (of.neighbours, self.at_neighbour)):
                matrix = _by_harmonic(linear.weight)
                inner.addmm_(directed.index_select(0, at).mul_(of.harmonics), matrix)
            along = torch.cat([self.weigh(old.at_atoms), _lengths(directed)], dim=1)
            lengths = [torch.asinh(along)]
        new = _Vectors.of(old.atoms, old.bonds + self.bond_out(fn.silu(inner)), of)
        filters, own = self.filter.weight.chunk(2)
        sent = self.message(normed).index_select(0, of.neighbours)
        received = of.sums(fn.linear(new.faded, filters) * sent) * _BONDS
        itself = fn.linear(new.at_atoms, own) * _BONDS
        gathered = torch.cat([received, itself, *lengths], dim=1)
        change = self.dropout(self.atom_out(fn.silu(self.atom_in(gathered))))
        return new._replace(atoms=old.atoms + change)


class BondGraph(ElementEncoder):
    """The encoder of atoms and bonds.

    Args:
        config: sizes.
        generator: where fresh weights come from; torch's own generator if None.
    """

    def __init__(self, config: BondGraphConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        atom, bond = config.atom_hidden, config.bond_hidden
        with torch.device("meta"):  # nothing is drawn here, so torch's own generator stays put
            self.add_elements(atom, properties=config.element_properties)
            self.first_length = nn.Linear(config.gaussians, bond)
            self.first_ends = nn.Linear(atom, 2 * bond, bias=False)
            self.blocks = nn.ModuleList(_Layer(config) for _ in range(config.layers))
            self.norm = nn.LayerNorm(atom)
            self.atom_score = nn.Linear(atom, atom)
            self.bond_score = nn.Linear(bond, bond)
            self.read_out = nn.Linear(2 * atom + bond, config.hidden)
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
        atoms = fn.embedding(batch[NUMBERS], self.element_vectors())
        of, spread = self._geometry(batch, atoms)
        bonds = fn.silu(of.add_ends(self.first_length(spread), self.first_ends(atoms)))
        vectors = _Vectors.of(atoms, bonds, of)
        for block in self.blocks:
            vectors = block(vectors, of)
        atoms, bonds = self.norm(vectors.atoms), vectors.bonds
        owner, count = batch[OWNER], batch[CELLS].shape[0]
        of_bonds = owner.index_select(0, of.centres)
        share = softmax(self.atom_score(atoms), owner, count)
        of_bond = softmax(self.bond_score(bonds), of_bonds, count, of.fade)
        bonded = means(of.sums(of.fade), owner, count)
        read = [
            means(atoms, owner, count),
            sums(atoms * share, owner, count),
            sums(bonds * of_bond, of_bonds, count) * (bonded / (bonded + _FEW_BONDS)),
        ]
        return Encoding(self.read_out(torch.cat(read, dim=1)), atoms, owner)

    def _geometry(self, batch: Mapping[str, Tensor], like: Tensor) -> tuple[_Bonds, Tensor]:
        """Return the bonds of a batch, and their lengths spread over Gaussians ``[K, G]``."""
        vectors = edge_vectors(batch).to(like.dtype)
        lengths = vectors.square().sum(dim=1).clamp_min(_SHORTEST_A**2).sqrt()
        cutoff = self.config.cutoff_a
        harmonics = _harmonics(vectors / lengths.unsqueeze(1))
        bonds = _Bonds(
            batch[CENTRES],
            batch[NEIGHBOURS],
            fading(lengths, cutoff).unsqueeze(1),
            harmonics.repeat_interleave(self.config.angle_channels, dim=1),
            like.shape[0],
        )
        return bonds, gaussians(lengths, cutoff, self.config.gaussians)


def _harmonics(directions: Tensor) -> Tensor:
    """Return the spherical harmonics of degree 1 and 2 of directions ``[K, 3]``, ``[K, 8]``.

    Their scale is that of Racah: for each degree the product of the harmonics of two directions,
    summed, is the Legendre polynomial of the angle between them.
    """
    x, y, z = directions.unbind(dim=1)
    second = (x * y, y * z, (z * z - (x * x + y * y) / 2) / _SQRT3, z * x, (x * x - y * y) / 2)
    return torch.stack([x, y, z, *(_SQRT3 * one for one in second)], dim=1)


def _repeated(weights: Tensor) -> Tensor:
    """Return weights of channels ``[K, c]`` for each of the harmonics, ``[K, 8 c]``."""
    return weights.repeat(1, len(_DEGREES))


def _by_harmonic(weight: Tensor) -> Tensor:
    """Return weights by degree ``[e, 2 c]`` as weights by harmonic, transposed, ``[8 c, e]``."""
    by_degree = weight.T.view(2, -1, len(weight))
    return by_degree[list(_DEGREES)].flatten(0, 1)


def _lengths(directed: Tensor) -> Tensor:
    """Return the squares of sums over directions ``[N, 8 c]``, added by degree, ``[N, 2 c]``."""
    squares = directed.view(directed.shape[0], len(_DEGREES), -1).square()
    return torch.cat([squares[:, :3].sum(dim=1), squares[:, 3:].sum(dim=1)], dim=1)


_PRESETS: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "nano": {"hidden": 64, "atom_hidden": 32, "bond_hidden": 16, "layers": 2},
        "small": {"hidden": 128, "atom_hidden": 64, "bond_hidden": 32, "layers": 3},
        "base": {"hidden": 256, "atom_hidden": 128, "bond_hidden": 64, "layers": 4},
    }
)

BOND_GRAPH: Final = Architecture(
    name="bond-graph",
    config=BondGraphConfig,
    build=BondGraph,
    presets=_PRESETS,
    view="graph",
    gives=frozenset({Gives.CRYSTAL, Gives.PARTS}),
    numerics=1,
    training=MappingProxyType(
        {"epochs": 100, "learning_rate": 3e-3, "ema": 0.99, "patience": None}
    ),
    training_of_few=MappingProxyType({"members": 3}),
)
