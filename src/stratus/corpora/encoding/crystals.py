"""The columns that keep facets of crystals, and how crystals are made from them again."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stratus.crystals.composition import reduce_composition
from stratus.crystals.elements import SYMBOLS
from stratus.crystals.facets import AtomArrays, Crystal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stratus.crystals.entry import Entry

ATOM_FIELDS: Final = (
    pa.field("lattice", pa.list_(pa.float64()), nullable=False),
    pa.field("species", pa.list_(pa.string()), nullable=False),
    pa.field("frac_coords", pa.list_(pa.float64()), nullable=False),
)
"""The cell as given: 9 numbers in Å, a row of the matrix after the other; n symbols; 3 n numbers.

They are what ``stratus fetch`` writes and every reader of tables finds."""

_SYMBOLS: Final = pa.array(SYMBOLS)


def atom_columns(entries: Sequence[Entry]) -> list[pa.Array]:
    """Return the columns :data:`ATOM_FIELDS` of entries; no number is rounded."""
    counts = np.array([0, *map(len, entries)], dtype=np.int32).cumsum(dtype=np.int32)
    empty = np.empty(0)
    lattices = np.concatenate([empty, *(entry.lattice.ravel() for entry in entries)])
    places = np.concatenate([empty, *(entry.frac_coords.ravel() for entry in entries)])
    numbers = np.concatenate([empty, *(entry.numbers for entry in entries)]).astype(np.int64)
    nine = np.arange(len(entries) + 1, dtype=np.int32) * 9
    return [
        pa.ListArray.from_arrays(pa.array(nine), pa.array(lattices)),
        pa.ListArray.from_arrays(pa.array(counts), _SYMBOLS.take(pa.array(numbers))),
        pa.ListArray.from_arrays(pa.array(counts * 3), pa.array(places)),
    ]


def crystals_of(batch: pa.RecordBatch, strings: str | None) -> list[Crystal]:
    """Return what is known of the crystals of a batch.

    Args:
        batch: rows of a chunk, with strings, atoms, or both.
        strings: how its strings are written: ``orbit`` or ``paper``; None where it has none.
    """
    atoms = list(_atoms(batch)) if ATOM_FIELDS[0].name in batch.schema.names else []
    if strings is None:
        return [crystal_of_atoms(one) for one in atoms]
    from stratus.scope.dialects import Dialect

    dialect = Dialect(strings)
    columns = (batch.column(name).to_pylist() for name in ("scope", "n_atoms"))
    found = [dialect.crystal(text, n_atoms) for text, n_atoms in zip(*columns, strict=True)]
    if not atoms:
        return found
    return [crystal._replace(atoms=one) for crystal, one in zip(found, atoms, strict=True)]


def crystal_of_atoms(atoms: AtomArrays) -> Crystal:
    """Return a crystal of which the atoms are known, and nothing of its symmetry."""
    amounts = Counter(atoms.numbers.tolist())
    composition = dict(reduce_composition({SYMBOLS[z]: count for z, count in amounts.items()}))
    return Crystal(
        composition,
        atoms=atoms,
        n_atoms=len(atoms.numbers),
        formula_atoms=sum(composition.values()),
    )


def _atoms(batch: pa.RecordBatch) -> Iterator[AtomArrays]:
    """Yield the atoms of rows; the arrays are parts of one for all rows."""
    lattice, species, places = (batch.column(field.name) for field in ATOM_FIELDS)
    cells = np.array(lattice.flatten()).reshape(-1, 3, 3)
    numbers = np.array(pc.index_in(species.flatten(), value_set=_SYMBOLS), dtype=np.int64)
    frac = np.array(places.flatten()).reshape(-1, 3)
    ends = np.concatenate([[0], np.cumsum(pc.list_value_length(species).to_numpy())])
    for cell, (start, end) in zip(cells, pairwise(ends.tolist()), strict=True):
        yield AtomArrays(cell, numbers[start:end], frac[start:end])
