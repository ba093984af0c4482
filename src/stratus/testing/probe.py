"""An encoder with fresh weights and its view: structures in, vectors out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from stratus.corpora.encoding.crystals import crystal_of_atoms
from stratus.crystals.facets import AtomArrays, Facet
from stratus.models.net import Net

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from pydantic import BaseModel
    from torch import Tensor

    from stratus.crystals.entry import Entry
    from stratus.crystals.facets import Crystal, ReadFacet
    from stratus.encoders.architecture import Architecture
    from stratus.encoders.encoding import Encoding
    from stratus.views.keys import Batch
    from stratus.views.view import Sample, View

    Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Vectors:
    """What an encoder gives of one crystal, in float64.

    Attributes:
        crystal: shape (d,).
        parts: shape (n, d), without padding; None where the encoder gives none.
        vectors: shape (n, 3, c), without padding; None where the encoder gives none.
    """

    crystal: Doubles
    parts: Doubles | None
    vectors: Doubles | None


class Probe:
    """An encoder with fresh weights, in evaluation mode, and its view.

    Args:
        architecture: of the encoder.
        config: its sizes.
        view: how it sees a crystal.
        seed: of the weights.
    """

    def __init__(
        self, architecture: Architecture, config: BaseModel, view: View, seed: int
    ) -> None:
        self.architecture, self.config, self.view, self.seed = architecture, config, view, seed
        self.encoder = self.build()
        self._exact = self.build().double()

    def build(self) -> torch.nn.Module:
        """Return a new encoder with the weights of the seed."""
        generator = torch.Generator().manual_seed(self.seed)
        return self.architecture.build(self.config, generator).eval()

    def net(self) -> Net:
        """Return the encoder as a net without heads."""
        return Net(self.encoder).eval()

    @property
    def of_atoms(self) -> bool:
        """Whether parts are the atoms of the cell as given."""
        return self.view.facet is Facet.ATOMS

    def samples(self, entries: Sequence[Entry]) -> list[Sample]:
        """Return how the view sees crystals."""
        reads = self.view.reads
        return [self.view.sample(crystal_of(entry, reads)) for entry in entries]

    def batch(self, entries: Sequence[Entry], dtype: torch.dtype = torch.float64) -> Batch:
        """Return a batch of crystals whose floating numbers have a dtype."""
        batch = self.view.collate(self.samples(entries))
        return {
            key: value.to(dtype) if value.is_floating_point() else value
            for key, value in batch.items()
        }

    def encoding(self, batch: Mapping[str, Tensor], dtype: torch.dtype = torch.float64) -> Encoding:
        """Encode a batch, with gradients if they are on."""
        encoder = self._exact if dtype == torch.float64 else self.encoder
        found: Encoding = encoder(batch)
        return found

    def parameters(self) -> dict[str, Tensor]:
        """Return the weights of the encoder in double precision, by name."""
        return dict(self._exact.named_parameters())

    def vectors(
        self, entries: Sequence[Entry], dtype: torch.dtype = torch.float64
    ) -> list[Vectors]:
        """Encode crystals in one batch."""
        with torch.no_grad():
            return split(self.encoding(self.batch(entries, dtype), dtype))

    def each(self, entries: Sequence[Entry]) -> list[Vectors]:
        """Encode crystals each in a batch of its own."""
        return [self.vectors([entry])[0] for entry in entries]


def split(encoding: Encoding) -> list[Vectors]:
    """Return the vectors of each crystal of a batch."""
    crystals = _numpy(encoding.crystal)
    if encoding.parts is None or encoding.owner is None:
        return [Vectors(crystal, None, None) for crystal in crystals]
    parts, owner = _numpy(encoding.parts), encoding.owner.numpy()
    vectors = None if encoding.vectors is None else _numpy(encoding.vectors)
    return [
        Vectors(crystal, parts[owner == k], None if vectors is None else vectors[owner == k])
        for k, crystal in enumerate(crystals)
    ]


def crystal_of(entry: Entry, reads: ReadFacet) -> Crystal:
    """Return what a view reads of a structure, with its atoms.

    Args:
        entry: the structure.
        reads: the facet, and how strings are written; no symmetry is searched where there are none.
    """
    atoms = AtomArrays(entry.lattice, entry.numbers, entry.frac_coords)
    if reads.strings is None:
        return crystal_of_atoms(atoms)
    from stratus.scope.dialects import Dialect
    from stratus.scope.encode import encode

    scope = encode(entry, dialect=reads.strings)
    return Dialect(reads.strings).crystal(str(scope), scope.n_atoms)._replace(atoms=atoms)


def _numpy(values: Tensor) -> Doubles:
    return np.asarray(values.detach().to(torch.float64).numpy())
