"""The keys of a batch: what each tensor is called, and what it holds.

``B`` crystals, ``L`` tokens, ``S`` slots, ``F`` tokens a slot, ``E`` elements, ``N`` atoms.
A view makes them, an encoder and an objective read them; nobody spells them a second time.

``K`` edges, of graphs of atoms. A flat batch holds the parts of all crystals end to end, and
likewise their edges; :func:`stratus.views.collate.flat_batch` makes it from what :class:`Key` says
of each tensor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Batch: TypeAlias = "dict[str, Tensor]"


@dataclass(frozen=True, slots=True)
class Key:
    """What one tensor of a flat batch holds.

    Attributes:
        name: its name, in a sample and in a batch.
        of: what one row of it belongs to: a crystal, a part (an atom), or an edge.
        dtype: the numpy name of its dtype in a batch; in a sample it may be a smaller one.
        index: whether its numbers are places of parts of their crystal, to which a batch adds the
            parts of the crystals before.
        about: what its numbers are and in which unit, in words; an exported model says it.
    """

    name: str
    of: Literal["crystal", "part", "edge"]
    dtype: str
    index: bool = False
    about: str = ""


TOKENS: Final = "tokens"
"""int64 ``[B, L]`` or ``[B, S, F]``: token ids; the id of ``[PAD]`` where there is no token."""

MASK: Final = "mask"
"""bool ``[B, L]``, ``[B, S]``, ``[B, E]`` or ``[B, n]``: True where a row of the encoder is
real, False where it pads."""

PADDING: Final = "padding"
"""int64 ``[1]``: how many places of the mask are False; ``[0]`` where none is.

Its shape says whether attention needs a mask, which can be asked without waiting for a device.
"""

SEGMENTS: Final = "segments"
"""int64 ``[B, S]``, only of sets: 0 [CLS], 1 space group, 2 orbit, 3 composition, 4 atoms."""

GROUPS: Final = "groups"
"""int64, the shape of ``tokens``: which orbit a token belongs to, from 1; 0 where to none."""

SITES: Final = "sites"
"""int64 ``[B, S]``, only of sets: site symmetry of an orbit, as a place from 1 in
:data:`stratus.crystals.wyckoff.POINT_GROUPS`; 0 where there is none or it is not known."""

ELEMENTS: Final = "elements"
"""int64 ``[B, E]``, only of compositions: atomic numbers; 0 where there is no element."""

FRACTIONS: Final = "fractions"
"""float32 ``[B, E]``, only of compositions: shares of the atoms, which sum to 1; 0 where none."""

WHERE: Final = "where"
"""int64 ``[M, 2]`` or ``[M, 3]``, only with masked tokens: crystal and row of each masked place,
and its place in the row where one row stands for several tokens."""

NUMBERS: Final = "numbers"
"""int64 ``[N]``, only of atoms: atomic numbers."""

POSITIONS: Final = "positions"
"""float ``[N, 3]``, only of atoms: Cartesian, in Å, the atoms of all crystals end to end."""

CELLS: Final = "cells"
"""float ``[B, 3, 3]``, only of atoms: rows are lattice vectors, in Å."""

OWNER: Final = "owner"
"""int64 ``[N]``, only of atoms: the crystal of each atom."""

CENTRES: Final = "centres"
"""int64 ``[K]``, only of graphs: the atom that an edge ends at, which gets a message over it."""

NEIGHBOURS: Final = "neighbours"
"""int64 ``[K]``, only of graphs: the atom that an edge comes from."""

SHIFTS: Final = "shifts"
"""float ``[K, 3]``, only of graphs: whole lattice vectors from the neighbour in the cell to its
image. An edge is the vector ``positions[neighbours] + shifts @ cell - positions[centres]``."""

DISPLACED: Final = "displaced"
"""float ``[N, 3]``, only where an energy is differentiated: what positions are a function of."""

STRAIN: Final = "strain"
"""float ``[B, 3, 3]``, likewise: zero, what positions and cells are a function of."""
