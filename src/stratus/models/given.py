"""What a model is told of a crystal: its string, how much that tells, and the atoms of its cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stratus.scope.partial import Known, read_amounts
from stratus.scope.vocabulary import SEPARATOR
from stratus.tasks.atom_counts import AtomCounts

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMPOSITION, _PARTS = 2, 4  # of a string of the orbit dialect


class Given(NamedTuple):
    """What is known of a crystal.

    Attributes:
        text: its string, in the dialect of the model.
        n_atoms: atoms in the primitive cell; 0 where they are unknown.
        known: how much the string tells.
    """

    text: str
    n_atoms: int
    known: Known = Known.WHOLE

    @property
    def formula_atoms(self) -> int:
        """Atoms in a formula unit; 0 where the string does not tell (``paper`` dialect)."""
        parts = self.text.split(f" {SEPARATOR} ")
        return sum(read_amounts(parts[_COMPOSITION]).values()) if len(parts) == _PARTS else 0


def atoms_of(crystals: Sequence[Given]) -> AtomCounts:
    """Return the atoms of the cells and of the formula units of some crystals."""
    return AtomCounts(
        cell=np.array([one.n_atoms for one in crystals], np.int64),
        formula=np.array([one.formula_atoms for one in crystals], np.int64),
    )
