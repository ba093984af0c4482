"""A crystal as one string tells it: whole, or as much as is known."""

from __future__ import annotations

from typing import Final, NamedTuple

from stratus.scope.partial import Known, read_amounts
from stratus.scope.vocabulary import SEPARATOR

_COMPOSITION, _PARTS = 2, 4  # of a string of the orbit dialect
_BETWEEN: Final = f" {SEPARATOR} "


class CrystalText(NamedTuple):
    """A crystal in a string of a dialect.

    Attributes:
        text: the string.
        n_atoms: atoms in the primitive cell; 0 where they are unknown.
        known: how much the string tells.
        notes: what was decided when it was written, one sentence each.
    """

    text: str
    n_atoms: int = 0
    known: Known = Known.WHOLE
    notes: tuple[str, ...] = ()

    @property
    def formula_atoms(self) -> int:
        """Atoms in a formula unit; 0 where the string does not tell (``paper`` dialect)."""
        parts = self.text.split(_BETWEEN)
        return sum(read_amounts(parts[_COMPOSITION]).values()) if len(parts) == _PARTS else 0
