"""From a crystal to its SCOPE string."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from stratus.crystals.composition import reduce_composition, reduced_formula
from stratus.crystals.elements import SYMBOLS
from stratus.crystals.entry import Entry
from stratus.crystals.symmetry import DEFAULT_SYMPREC, Backend, count_orbits, find_symmetry
from stratus.errors import InputError
from stratus.scope.dialects import Dialect
from stratus.scope.orbit import Scope
from stratus.scope.paper import (
    PaperScope,
    first_appearances,
    rounded_composition,
    species_kinds,
)
from stratus.scope.vocabulary import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt
    from ase import Atoms
    from pymatgen.core import Structure

    from stratus.crystals.symmetry import Symmetry

PAPER_ANGLE_TOLERANCE: Final = 5.0
"""What pymatgen's ``SpacegroupAnalyzer`` takes, in degrees."""


class ScopeOptions(BaseModel):
    """How a crystal becomes a string.

    The ``paper`` dialect is what the published converter writes, so it searches with spglib and
    an angle tolerance of 5 degrees.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dialect: Dialect = Field(Dialect.ORBIT, description="Which SCOPE to write.")
    symprec: float = Field(DEFAULT_SYMPREC, gt=0, description="Symmetry tolerance, in Å.")
    angle_tolerance: float | None = Field(
        None, gt=0, description="Angle tolerance, in degrees; by default it follows from symprec."
    )
    backend: Backend = Field(Backend.MOYOPY, description="Library that searches for symmetry.")

    @model_validator(mode="before")
    @classmethod
    def _fill_in_the_published_search(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        values = {name: value for name, value in dict(given).items() if value is not None}
        if values.get("dialect") == Dialect.PAPER:
            values.setdefault("backend", Backend.SPGLIB)
            values.setdefault("angle_tolerance", PAPER_ANGLE_TOLERANCE)
        return values

    @model_validator(mode="after")
    def _paper_is_spglib(self) -> ScopeOptions:
        if self.dialect == Dialect.PAPER and self.backend != Backend.SPGLIB:
            raise ValueError(
                "the paper dialect is what the published converter writes, and that searches with "
                "spglib; leave the backend out or choose the orbit dialect"
            )
        return self


@cache
def _default_options() -> ScopeOptions:
    return ScopeOptions()


def provenance(options: ScopeOptions) -> dict[str, str | float | int | None]:
    """Return what must travel with a string to know how it was made."""
    return {
        "dialect": options.dialect.value,
        "scope_version": SCHEMA_VERSION,
        "backend": options.backend.value,
        "backend_version": options.backend.version,
        "symprec": options.symprec,
        "angle_tolerance": options.angle_tolerance,
    }


def encode(
    crystal: Entry | Structure | Atoms | str | Path,
    options: ScopeOptions | None = None,
    **overrides: Any,
) -> Scope | PaperScope:
    """Write a crystal as SCOPE.

    Args:
        crystal: an entry, a pymatgen ``Structure``, ASE ``Atoms``, or the path of a file that
            holds one crystal.
        options: the dialect and the symmetry search.
        **overrides: fields of :class:`ScopeOptions`, such as ``symprec=0.1``.

    Returns:
        a :class:`Scope`, or a :class:`PaperScope` for ``dialect="paper"``; ``str()`` of it is
        the string.

    Raises:
        stratus.errors.InputError: the crystal is disordered, empty, overlapping, or no crystal.
        stratus.errors.SymmetryError: no space group was found.
    """
    if options is None:
        options = ScopeOptions(**overrides) if overrides else _default_options()
    elif overrides:
        options = ScopeOptions(**{**options.model_dump(exclude_unset=True), **overrides})
    entry = _as_entry(crystal)
    return write(entry, search(entry, options), options)


def search(entry: Entry, options: ScopeOptions) -> Symmetry:
    """Search for a crystal's symmetry: the first half of :func:`encode`, and nearly all its time.

    Raises:
        stratus.errors.SymmetryError: no space group was found.
    """
    kinds = _published_kinds(entry) if options.dialect == Dialect.PAPER else entry.numbers
    return find_symmetry(
        entry.lattice,
        entry.frac_coords,
        kinds,
        symprec=options.symprec,
        angle_tolerance=options.angle_tolerance,
        backend=options.backend,
    )


def write(entry: Entry, symmetry: Symmetry, options: ScopeOptions) -> Scope | PaperScope:
    """Write what :func:`search` found as SCOPE: the second half of :func:`encode`.

    Raises:
        stratus.errors.SymmetryError: the search contradicts itself.
    """
    if options.dialect == Dialect.PAPER:
        return _paper(entry, symmetry)
    return Scope.from_sites(symmetry.number, count_orbits(symmetry, entry.numbers))


def _as_entry(crystal: Entry | Structure | Atoms | str | Path) -> Entry:
    if isinstance(crystal, Entry):
        return crystal
    from stratus.crystals.reading import read

    outcomes = list(islice(read([crystal]), 2))
    if len(outcomes) != 1:
        found = "no crystal" if not outcomes else "several crystals"
        raise InputError(f"{crystal} holds {found}; go through them with stratus.read")
    outcome = outcomes[0]
    if not isinstance(outcome, Entry):
        raise InputError(f"{outcome.source or 'the crystal'}: {outcome.detail} ({outcome.code})")
    return outcome


def _published_kinds(entry: Entry) -> npt.NDArray[np.int64]:
    species = entry.species if entry.species is not None else entry.numbers.tolist()
    return np.array(species_kinds(species))


def _paper(entry: Entry, symmetry: Symmetry) -> PaperScope:
    numbers = entry.numbers.tolist()
    amounts = Counter(SYMBOLS[number] for number in numbers)
    return PaperScope(
        space_group=symmetry.number,
        wyckoffs=first_appearances(symmetry.number, symmetry.letters),
        fractions=rounded_composition(numbers),
        formula=reduced_formula(reduce_composition(amounts)),
        n_atoms=symmetry.n_atoms,
        n_orbits=sum(n for _, _, n in count_orbits(symmetry, entry.numbers)),
    )
