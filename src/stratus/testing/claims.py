"""What an encoder may claim."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from stratus.crystals.facets import Facet

if TYPE_CHECKING:
    from collections.abc import Mapping


class Claim(StrEnum):
    """What an encoder may claim of itself; each is measured, claimed or not.

    A structure goes all the way: facet, view, encoder. So an encoder of SCOPE strings claims
    rotation, because the string of a turned crystal is the same.
    """

    BATCH = "batch"
    """A crystal in a batch, in any order, is the crystal alone."""

    ORDER = "order of atoms"
    """The order of the atoms makes no difference; vectors of atoms are reordered with them."""

    TRANSLATION = "translation"
    """Atoms that are all moved alike, over the edges of the cell too, make no difference."""

    ROTATION = "rotation"
    """A turned crystal is the same; ``vectors`` turn with it."""

    REFLECTION = "reflection"
    """The mirror image of a crystal is the same, of a chiral one too; ``vectors`` are mirrored."""

    CELL = "another cell"
    """Other lattice vectors of the same lattice make no difference."""

    SUPERCELL = "supercell"
    """A cell of several copies of the crystal is the same; each copy of an atom is that atom."""

    SMOOTH = "smooth"
    """Nothing jumps as an atom moves, and neighbours come and go."""

    SMOOTH_GRADIENTS = "smooth gradients"
    """Likewise the gradients by positions, as forces must be."""

    ISOLATED = "isolated atom"
    """An atom without neighbours has a finite vector, which does not depend on the vacuum."""

    SEPARATION = "separation"
    """What is far away makes no difference: neither how far it is, nor, to the vector of an atom,
    which element it is."""

    GRADIENTS = "gradients"
    """Gradients by positions and cells are those of central differences, in float64."""

    PRECISION = "float32"
    """Single precision gives what double precision gives."""

    BUNDLE = "save and load"
    """A bundle gives the same bits after it was saved and loaded."""

    DETERMINISM = "determinism"
    """The same seed gives the same bits; torch's own generator is left alone."""

    PARAMETERS = "parameters"
    """Every tensor of weights gets a gradient, and all are finite."""

    COMPOSITIONS = "compositions"
    """Crystals that differ in one element alone have different vectors."""

    POLYMORPHS = "polymorphs"
    """Two structures of one composition have different vectors."""


_ALL: Final = frozenset(Claim)
_OF_POSITIONS: Final = frozenset({Claim.SMOOTH, Claim.SMOOTH_GRADIENTS, Claim.GRADIENTS})
_USUAL: Final[Mapping[Facet, frozenset[Claim]]] = MappingProxyType(
    {
        Facet.ATOMS: _ALL,
        # Mirror images of a chiral crystal may be of two space groups, and have two strings.
        Facet.SCOPE: _ALL - _OF_POSITIONS - {Claim.REFLECTION},
        Facet.COMPOSITION: _ALL - {Claim.GRADIENTS, Claim.POLYMORPHS},
    }
)


def usual_claims(facet: Facet) -> frozenset[Claim]:
    """Return what an encoder of a facet claims where it does not say otherwise.

    Args:
        facet: what its view reads. Of atoms: everything. Of SCOPE strings: all but what needs
            positions, and reflection. Of compositions: all but gradients and polymorphs.
    """
    return _USUAL[facet]
