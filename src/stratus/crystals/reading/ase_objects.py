"""ASE's ``Atoms`` that are already in memory, with the results of their calculator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stratus.crystals.entry import Code, Entry, Reject, Stage
from stratus.crystals.reading.ase_values import RESULTS, RESULTS_OF_ATOMS, add_labels, plain
from stratus.crystals.reading.building import build, fractional
from stratus.crystals.reading.constraints import fixed_atoms
from stratus.crystals.reading.frame_values import ASE_SOURCE
from stratus.crystals.reading.periodicity import periodicity
from stratus.crystals.reading.quantities import FIXED
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from stratus.crystals.reading.record import ReadOptions


def entry_of_atoms(
    atoms: Any,
    id: str,  # noqa: A002 - the field's name
    source: str,
    options: ReadOptions,
) -> Entry | Reject:
    """Return the entry of an ASE ``Atoms``, with its ``info``, its arrays and its results.

    Results are taken from a calculator that has run on these very atoms; none is run.

    Raises:
        Refusal: it has no cell, or holds a dummy.
    """
    lattice = np.array(atoms.cell[:], dtype=np.float64).reshape(3, 3)
    numbers = np.array(atoms.get_atomic_numbers(), dtype=np.int64)
    if not lattice.any():
        raise Refusal(Code.NOT_A_STRUCTURE, "the atoms have no cell: a molecule is no crystal")
    if len(numbers) and numbers.min() < 1:
        raise Refusal(Code.DUMMY_SPECIES, "an atom has number 0, a dummy", Stage.CHECKING)
    coords = fractional(np.array(atoms.positions, dtype=np.float64).reshape(-1, 3), lattice)
    notes = list[str]()
    labels: dict[str, Any] = {}
    add_labels(labels, atoms.info, notes)
    columns = {n: v for n, v in atoms.arrays.items() if n not in {"numbers", "positions"}}
    for name, value in _results(atoms, notes).items():
        place = columns if name in RESULTS_OF_ATOMS else labels
        if name in place and not np.array_equal(place[name], value):
            notes.append(f"{name} of the calculator is kept, which differs from that of the atoms")
        place[name] = value
    if atoms.constraints:
        constraints = [_as_mapping(one) for one in atoms.constraints]
        fixed, said = fixed_atoms(constraints, len(numbers))
        notes += said
        if fixed is not None:
            columns[FIXED] = fixed
    return build(
        id=id,
        source=source,
        lattice=lattice,
        numbers=numbers,
        frac_coords=coords,
        options=options,
        labels=labels,
        left_out=notes,
        columns=columns,
        periodic=periodicity(atoms.pbc),
        frame=ASE_SOURCE,
    )


def _results(atoms: Any, notes: list[str]) -> dict[str, Any]:
    """Return what the calculator has found for these atoms, running nothing."""
    found = getattr(atoms.calc, "results", None)
    if not isinstance(found, dict) or not found:
        return {}
    ran_on = getattr(atoms.calc, "atoms", None)
    if ran_on is None or not _same(ran_on, atoms):
        notes.append("results of the calculator left out: they are not of these atoms")
        return {}
    known = {name: found.get(name) for name in (*RESULTS, *RESULTS_OF_ATOMS)}
    others = [name for name, value in found.items() if name not in known and value is not None]
    notes += [f"{name} left out: it is no result that is read" for name in others]
    return {name: plain(value) for name, value in known.items() if value is not None}


def _same(one: Any, other: Any) -> bool:
    return all(
        np.array_equal(first, second)
        for first, second in (
            (one.numbers, other.numbers),
            (one.positions, other.positions),
            (one.cell[:], other.cell[:]),
            (one.pbc, other.pbc),
        )
    )


def _as_mapping(constraint: Any) -> Any:
    try:
        return constraint.todict()
    except (AttributeError, NotImplementedError, TypeError):
        return {"name": type(constraint).__name__}
