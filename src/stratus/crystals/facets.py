"""What may be known of a crystal, and a crystal as a record of what is.

A view names the facet that it reads; nothing between a file and a view asks which one that is.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from stratus.crystals.composition import composition_text, reduce_composition, reduced_formula

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray


class Facet(StrEnum):
    """What may be known of a crystal."""

    COMPOSITION = "composition"
    """Its elements and their amounts."""

    SCOPE = "scope"
    """Its SCOPE string, whole or partial."""

    ATOMS = "atoms"
    """Its lattice, and the species and places of its atoms."""


USUAL_STRINGS: Final = "orbit"
"""How SCOPE strings are written where nothing says otherwise; partial crystals always are."""


class ReadFacet(NamedTuple):
    """What is read of crystals.

    Attributes:
        facet: what a model sees of them.
        strings: how SCOPE strings are written, ``orbit`` or ``paper``; None where none is read.
    """

    facet: Facet
    strings: str | None

    @property
    def in_words(self) -> str:
        """``atoms``, or ``scope (orbit)``."""
        return str(self.facet) if self.strings is None else f"{self.facet} ({self.strings})"


class Detail(StrEnum):
    """How much is known of a crystal, the most first."""

    WHOLE = "whole"
    SPACE_GROUP = "space-group"
    FORMULA = "formula"


class AtomArrays(NamedTuple):
    """The atoms of a cell, periodic along all three lattice vectors.

    Attributes:
        lattice: float64 ``[3, 3]``, rows are the lattice vectors, in Å.
        numbers: int64 ``[n]``, atomic numbers.
        frac: float64 ``[n, 3]``, fractional coordinates, not wrapped into the cell.
    """

    lattice: NDArray[np.float64]
    numbers: NDArray[np.int64]
    frac: NDArray[np.float64]


class Crystal(NamedTuple):
    """What is known of a crystal.

    Attributes:
        composition: whole amounts by element symbol, reduced, in the order in which a SCOPE string
            writes them; shares of the atoms where ``formula_atoms`` is 0.
        scope: its SCOPE string, whole or partial; None where nobody searched for its symmetry.
        atoms: its atoms; None where nothing is known of them.
        n_atoms: atoms in the primitive cell, or, where the symmetry is unknown, in the cell as
            given; 0 where they are unknown.
        formula_atoms: atoms in a formula unit, 2 for NaCl; 0 where they are unknown.
        space_group: 1 to 230; None where it is unknown.
        wyckoffs: the canonical Wyckoff symbols of its orbits, ``4a 4b``; None where unknown.
        detail: how much is known of it.
        notes: what was decided when it was read, one sentence each.
    """

    composition: Mapping[str, float]
    scope: str | None = None
    atoms: AtomArrays | None = None
    n_atoms: int = 0
    formula_atoms: int = 0
    space_group: int | None = None
    wyckoffs: str | None = None
    detail: Detail = Detail.WHOLE
    notes: tuple[str, ...] = ()

    @property
    def formula(self) -> str:
        """The reduced formula; empty where only shares are known."""
        return reduced_formula(self._reduced()) if self.formula_atoms else ""

    @property
    def composition_words(self) -> str:
        """The composition as a SCOPE string writes it, ``Na 1 Cl 1``; of shares, by symbol."""
        if self.formula_atoms:
            return composition_text(self._reduced())
        return " ".join(f"{symbol} {share}" for symbol, share in sorted(self.composition.items()))

    @property
    def identity(self) -> tuple[bytes, ...]:
        """What tells it from another, as bytes: its string, and the arrays of its atoms."""
        text = self.composition_words if self.scope is None else self.scope
        if self.atoms is None:
            return (text.encode(),)
        return (text.encode(), *(array.tobytes() for array in self.atoms))

    def has(self, facet: Facet) -> bool:
        """Whether a facet is known."""
        return facet is Facet.COMPOSITION or getattr(self, facet.value) is not None

    def _reduced(self) -> tuple[tuple[str, int], ...]:
        return reduce_composition({name: int(n) for name, n in self.composition.items()})
