"""How many atoms a value is of: what turns values per atom into those of a cell and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stratus.crystals.facets import Crystal
    from stratus.tasks.task import Task


class AtomCounts(NamedTuple):
    """The atoms of some crystals.

    Attributes:
        cell: int64 ``[n]``, in the primitive cell; 0 where unknown.
        formula: int64 ``[n]``, in a formula unit: NaCl has 2; 0 where unknown.
    """

    cell: NDArray[np.int64]
    formula: NDArray[np.int64]

    @classmethod
    def of_crystals(cls, crystals: Sequence[Crystal]) -> Self:
        """Return the atoms of crystals that are told by strings."""
        return cls(
            cell=np.array([one.n_atoms for one in crystals], np.int64),
            formula=np.array([one.formula_atoms for one in crystals], np.int64),
        )

    def of(self, task: Task) -> NDArray[np.int64] | None:
        """Return the atoms that values of a task are of; None where they are of no number."""
        return {"cell": self.cell, "formula": self.formula}.get(task.per)

    def take(self, rows: NDArray[np.int64]) -> AtomCounts:
        """Return those of some crystals."""
        return AtomCounts(self.cell[rows], self.formula[rows])
