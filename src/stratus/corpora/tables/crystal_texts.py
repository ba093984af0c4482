"""Texts that say what is known of a crystal: a SCOPE string, or a formula with a space group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from stratus.crystals.entry import Code
from stratus.crystals.facets import Facet
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from stratus.crystals.facets import Crystal, ReadFacet
    from stratus.scope.dialects import AnyScope


class CrystalTexts(Protocol):
    """What texts come to for a model."""

    def string(self, text: str) -> Crystal | Refusal:
        """Return what a SCOPE string comes to."""

    def formula(self, formula: Any, space_group: Any = None) -> Crystal | Refusal:
        """Return what a formula and a space group come to."""

    def scope(self, scope: AnyScope) -> Crystal | Refusal:
        """Return what a :class:`stratus.Scope` comes to."""


def crystal_texts(reads: ReadFacet) -> CrystalTexts:
    """Return how texts are read for a model.

    Args:
        reads: what the model reads.
    """
    if reads.facet is Facet.ATOMS:
        return _NoTexts()
    from stratus.corpora.tables.strings import StringTexts

    return StringTexts(str(reads.strings))


def is_scope(value: object) -> TypeGuard[AnyScope]:
    """Whether an object is a ``Scope`` or a ``PaperScope``; what has none is not imported."""
    kind = type(value)
    return kind.__module__.startswith("stratus.scope.") and kind.__name__.endswith("Scope")


class _NoTexts:
    """Texts for a model of atoms, to which they tell nothing."""

    def string(self, text: str) -> Refusal:  # noqa: ARG002 - of the protocol
        return _lacks_atoms("a SCOPE string")

    def formula(self, formula: Any, space_group: Any = None) -> Refusal:  # noqa: ARG002 - likewise
        return _lacks_atoms("a formula")

    def scope(self, scope: object) -> Refusal:  # noqa: ARG002 - likewise
        return _lacks_atoms("a SCOPE string")


def _lacks_atoms(what: str) -> Refusal:
    return Refusal(
        Code.MISSING_FACET,
        f"the model reads atoms, that is lattice, species and coordinates, which {what} does not "
        "have; give a structure",
    )
