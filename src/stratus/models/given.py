"""How many atoms crystals have that are told by strings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stratus.tasks.atom_counts import AtomCounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratus.scope.crystal_text import CrystalText


def atoms_of(crystals: Sequence[CrystalText]) -> AtomCounts:
    """Return the atoms of the cells and of the formula units of some crystals."""
    return AtomCounts(
        cell=np.array([one.n_atoms for one in crystals], np.int64),
        formula=np.array([one.formula_atoms for one in crystals], np.int64),
    )
