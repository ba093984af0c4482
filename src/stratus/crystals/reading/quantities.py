"""What the name of a value says: of each atom, a stress, a virial, or nothing in particular."""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


class Quantity(Enum):
    """What a value beside a crystal is, by its name."""

    FORCES = auto()  # three numbers for each atom
    ATOMS = auto()  # a list with one entry for each atom; a single number is of the crystal
    STRESS = auto()  # six or nine numbers
    VIRIAL = auto()  # six or nine numbers
    DIPOLE = auto()  # three numbers


FIXED: Final = "fixed"
"""The array of atoms that are held: 1 or 0 along each of the three lattice vectors."""

CARTESIAN_MASK: Final = "move_mask"
"""What ASE writes into extended XYZ: whether an atom may move along each Cartesian axis."""

MOVABLE: Final = frozenset({CARTESIAN_MASK, "selective_dynamics"})
"""Names under which formats write the opposite of :data:`FIXED`."""

_CALLED: Final = {"force": "forces", "magmom": "magmoms", "charge": "charges"}
_OF_ATOMS: Final = frozenset(
    {FIXED, "magmom", "magmoms", "charges", "velocities", "momenta", *MOVABLE}
)
_WORD: Final = re.compile(r"[^a-z0-9]+")
_NO_FORCES: Final = frozenset({"constant", "constants", "field", "set", "sets", "max", "rms"})


@lru_cache(maxsize=4096)
def quantity(name: str) -> Quantity | None:
    """Return what a name such as ``forces``, ``REF_stress`` or ``dft_forces`` stands for."""
    words = _WORD.split(name.casefold().strip("_ "))
    if "stress" in words:
        return Quantity.STRESS
    if "virial" in words or "virials" in words:
        return Quantity.VIRIAL
    if ("forces" in words or "force" in words) and _NO_FORCES.isdisjoint(words):
        return Quantity.FORCES
    if words[-1] in _OF_ATOMS or "_".join(words[-2:]) in {*_OF_ATOMS, "magnetic_moments"}:
        return Quantity.ATOMS
    return Quantity.DIPOLE if words == ["dipole"] else None


def quantities(names: Iterable[str]) -> dict[str, Quantity]:
    """Return those of some names that stand for a quantity."""
    return {name: found for name in names if (found := quantity(name)) is not None}


def array_name(name: str) -> str:
    """Return the name of an array of atoms: ``force`` is ``forces``, ``magmom`` is ``magmoms``."""
    return FIXED if name in MOVABLE else _CALLED.get(name, name)


def stress_name(name: str) -> str:
    """Return the name of the stress that belongs to a virial: ``REF_virials``, ``REF_stress``."""
    return re.sub("virials?", "stress", name, flags=re.IGNORECASE)
