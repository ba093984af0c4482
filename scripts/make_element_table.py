"""Write ``src/stratus/crystals/data/elements.csv``: properties of the elements.

The values are those of pymatgen's periodic table (MIT licence); the last eight columns count the
electrons outside the noble-gas core, and the places that are free in the shells begun. A cell is
empty where pymatgen knows no value.

Run: ``python scripts/make_element_table.py``
"""

from __future__ import annotations

import csv
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from pymatgen.core import Element

from stratus.crystals.elements import SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE = Path(__file__).parents[1] / "src/stratus/crystals/data/elements.csv"
ORDER = "1s 2s 2p 3s 3p 4s 3d 4p 5s 4d 5p 6s 4f 5d 6p 7s 5f 6d 7p"
FILLING = ORDER.split()
CAPACITY = {"s": 2, "p": 6, "d": 10, "f": 14}
NOBLE_GASES = (2, 10, 18, 36, 54, 86)

PROPERTIES: dict[str, Callable[[Element], float]] = {
    "row": lambda e: e.row,
    "group": lambda e: e.group,
    "mendeleev_number": lambda e: e.mendeleev_no,
    "electronegativity_pauling": lambda e: e.X,
    "log_mass_u": lambda e: math.log(e.atomic_mass),
    "atomic_radius_angstrom": lambda e: e.atomic_radius,
    "atomic_radius_calculated_angstrom": lambda e: e.atomic_radius_calculated,
    "ionic_radius_angstrom": lambda e: e.average_ionic_radius or math.nan,
    "molar_volume_cm3": lambda e: e.molar_volume,
    "melting_point_k": lambda e: e.melting_point,
    "log_bulk_modulus_gpa": lambda e: math.log(e.bulk_modulus),
    "log_first_ionization_energy_ev": lambda e: math.log(e.ionization_energies[0]),
    "electron_affinity_ev": lambda e: e.electron_affinity,
    "log_thermal_conductivity_w_per_m_k": lambda e: math.log(e.thermal_conductivity),
}


def value(property_: Callable[[Element], float], element: Element) -> float:
    """Return a property; NaN where pymatgen knows none."""
    try:
        return float(property_(element))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return math.nan


def electrons(element: Element) -> list[float]:
    """Return the electrons outside the noble-gas core, and the free places, in s, p, d and f."""
    try:
        shells = {f"{n}{kind}": count for n, kind, count in element.full_electronic_structure}
    except KeyError:
        return [math.nan] * 8
    inside, core = 0, set()
    for shell in FILLING:
        if inside >= max((z for z in NOBLE_GASES if z < element.Z), default=0):
            break
        core.add(shell)
        inside += CAPACITY[shell[-1]]
    outer = {
        kind: sum(n for shell, n in shells.items() if shell[-1] == kind and shell not in core)
        for kind in CAPACITY
    }
    free = [(size - outer[kind]) % size for kind, size in CAPACITY.items()]
    return [*map(float, outer.values()), *map(float, free)]


def main() -> None:
    """Write the table."""
    warnings.simplefilter("ignore")  # pymatgen warns of each value that it does not know
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["element", *PROPERTIES]
            + [f"{kind}_electrons" for kind in CAPACITY]
            + [f"{kind}_free" for kind in CAPACITY]
        )
        for symbol in SYMBOLS[1:]:
            element = Element(symbol)
            numbers = [value(p, element) for p in PROPERTIES.values()] + electrons(element)
            writer.writerow([symbol, *("" if math.isnan(x) else f"{x:.6g}" for x in numbers)])


if __name__ == "__main__":
    main()
