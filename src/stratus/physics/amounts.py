"""What a mole is of, and in which unit a number is: conversions that are said, never guessed.

The laws give J/(mol K) and J/mol per mole of cells of so many atoms. A label or a table may be per
mole of atoms, of formula units or of cells, in J, kJ or eV.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeVar

from stratus.errors import InputError
from stratus.physics.quantities import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from stratus.physics.quantities import Quantity

    Number = TypeVar("Number", float, NDArray[np.float64], Tensor)

Per = Literal["atom", "formula", "cell"]
"""What a mole is of."""

PER: Final[Mapping[str, str]] = MappingProxyType(
    {
        "atom": "per mole of atoms",
        "formula": "per mole of formula units",
        "cell": "per mole of primitive cells",
    }
)

_EV: Final = 96485.33212331001
"""One electronvolt a particle, in J/mol: e N_A, exact since 2019."""


class Unit(NamedTuple):
    """A unit of a quantity.

    Attributes:
        si: one of it in J/mol or J/(mol K).
        energy: whether it is of U and F, not of C_v and S.
        atom: whether the unit itself is per atom, not per mole of something.
    """

    si: float
    energy: bool
    atom: bool = False


UNITS: Final[Mapping[str, Unit]] = MappingProxyType(
    {
        "J/mol": Unit(1.0, energy=True),
        "kJ/mol": Unit(1000.0, energy=True),
        "eV": Unit(_EV, energy=True),
        "meV": Unit(_EV / 1000, energy=True),
        "J/mol/K": Unit(1.0, energy=False),
        "kJ/mol/K": Unit(1000.0, energy=False),
        "eV/K": Unit(_EV, energy=False),
        "meV/K": Unit(_EV / 1000, energy=False),
    }
)
"""Units by name. Those in eV are of one atom, formula unit or cell, not of a mole of them."""

_SPELLINGS: Final = MappingProxyType({"J/(molK)": "J/mol/K", "kJ/(molK)": "kJ/mol/K"})


def unit_in_si(quantity: Quantity, unit: str) -> float:
    """Return what one unit is in J/(mol K), for ``cv`` and ``s``, or J/mol, for ``u`` and ``f``.

    Args:
        quantity: what is measured in it.
        unit: a name in :data:`UNITS`; ``J/(mol K)`` is ``J/mol/K``. What a mole is of is not part
            of it.

    Raises:
        stratus.errors.InputError: there is no such unit or quantity, or it is no unit of that.
    """
    if quantity not in QUANTITIES:
        raise InputError(f"there is no quantity {quantity!r}; there are {', '.join(QUANTITIES)}")
    energy = QUANTITIES[quantity].unit == "J/mol"
    text = unit.replace(" ", "").replace("*", "").replace("·", "")
    found = UNITS.get(_SPELLINGS.get(text, text))
    if found is None or found.energy != energy:
        fitting = ", ".join(name for name, each in UNITS.items() if each.energy == energy)
        raise InputError(f"{unit!r} is no unit of {quantity}; give one of {fitting}")
    return found.si


def formula_atoms(counts: Iterable[int]) -> int:
    """Return the atoms of a formula unit: 5 for the counts 4 and 6, as of Al4O6.

    Args:
        counts: how many atoms of each element there are in a cell.

    Raises:
        stratus.errors.InputError: there is no count, or one is less than 1.
    """
    found = list(counts)
    if not found or min(found) < 1:
        raise InputError(f"a formula has at least one atom of each of its elements, not {found}")
    return sum(found) // math.gcd(*found)


def atoms_in(per: str, cell: Number, formula: Number) -> Number:
    """Return how many moles of atoms are in a mole of what is asked for.

    Args:
        per: what the mole is of.
        cell: atoms of a primitive cell.
        formula: atoms of a formula unit.

    Raises:
        stratus.errors.InputError: there is no such amount.
    """
    if per == "atom":
        return cell / cell
    if per == "formula":
        return formula
    if per == "cell":
        return cell
    raise InputError(f"there is no amount {per!r}; there are {', '.join(PER)}")
