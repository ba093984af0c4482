"""The encoders in a line each, for helps that must not load torch."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SUMMARIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "atom_transformer": "all atoms at once, by their distances (atom transformer)",
        "bond-graph": "atoms, bonds and the angles between them; usual for coordinates",
        "cgcnn": "the graph of atoms and their neighbours (CGCNN)",
        "cloud": "the words of a SCOPE string, in order (CLOUD)",
        "egnn": "atoms that send messages and move (E(n)-GNN)",
        "fcn": "how far the nearest atoms are; a simple net",
        "schnet": "atoms, and filters of their distances (SchNet)",
        "equiformer_v2": "atoms whose features turn with the crystal (EquiformerV2)",
        "gala": "pairs of neighbours of each atom, by geometric algebra (GALA)",
        "megnet": "atoms, edges and a state of the crystal (MEGNet)",
        "orbit-set": "space group and orbits, without order; what is usual",
        "roost": "elements and their shares (Roost)",
    }
)
"""What each encoder reads, by its name in the table of architectures."""
