"""Reference phases of the elements: those whose formation energy is 0 by definition.

The table is a data file. Of an element it has the phase that the Materials Project of 2018, from
which most labels are, has as the lowest in energy (0 in MatBench's ``mp_e_form``), and the phase of
the books where that is another one; ``energy_ev_per_atom`` is what ``mp_e_form`` has for a phase.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class ReferencePhase(NamedTuple):
    """One row of the table.

    Attributes:
        element: its symbol.
        space_group: 1 to 230.
        orbits: the Wyckoff symbols of its orbits, as a SCOPE string has them, such as ``2b 2c``;
            empty where any will do.
        energy_ev_per_atom: formation energy in MatBench's ``mp_e_form``; None where that has none.
        source: who says so.
    """

    element: str
    space_group: int
    orbits: str
    energy_ev_per_atom: float | None
    source: str


@cache
def reference_phases() -> tuple[ReferencePhase, ...]:
    """Return the table, by atomic number."""
    text = files("stratus.tasks").joinpath("data/reference_phases.csv").read_text("utf-8")
    return tuple(
        ReferencePhase(
            row["element"],
            int(row["space_group"]),
            row["orbits"],
            float(row["energy_ev_per_atom"]) if row["energy_ev_per_atom"] else None,
            row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    )


def is_reference(element: str, space_group: int | None, orbits: str | None) -> bool:
    """Whether a crystal of one element is in a reference phase.

    Args:
        element: its symbol.
        space_group: None where it is unknown: then the reference phase is meant.
        orbits: its Wyckoff symbols; None where they are unknown.
    """
    if space_group is None:
        return True
    of_group = _orbits().get((element, space_group), ())
    return any(not each or orbits is None or each == orbits for each in of_group)


@cache
def _orbits() -> dict[tuple[str, int], tuple[str, ...]]:
    found: dict[tuple[str, int], tuple[str, ...]] = {}
    for phase in reference_phases():
        key = phase.element, phase.space_group
        found[key] = (*found.get(key, ()), phase.orbits)
    return found
