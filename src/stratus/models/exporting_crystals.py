"""Crystals that are made up to check an exported graph with."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stratus.corpora.encoding.crystals import crystal_of_atoms
from stratus.crystals.facets import USUAL_STRINGS, AtomArrays, Detail
from stratus.crystals.synthesis import random_crystal, random_orbits
from stratus.errors import StratusError
from stratus.scope.partial import hide_crystal
from stratus.views.token_view import TokenView

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stratus.crystals.facets import Crystal
    from stratus.models.model import Model
    from stratus.views.view import Sample, View

_MADE: Final = 24
_ATTEMPTS: Final = 200
_MOST_ORBITS: Final = 6
_MOST_ATOMS: Final = 20
_APART_A: Final = 1.5
_VACUUM_A: Final = 250.0  # beyond every cutoff


@dataclass(frozen=True)
class Made:
    """A made-up crystal as the model sees it.

    Attributes:
        crystal: what is known of it.
        sample: of the view.
        rows: of the encoder; of graphs, edges.
        atoms: of the cell.
    """

    crystal: Crystal
    sample: Sample
    rows: int
    atoms: int

    @property
    def text(self) -> str:
        """Its SCOPE string."""
        return str(self.crystal.scope)


def make_crystals(model: Model, count: int = _MADE) -> list[Made]:
    """Make crystals that a model can read, the smallest first; always the same ones.

    Raises:
        stratus.errors.StratusError: it can read too few, or all have one size.
    """
    view = model.view
    found = _with_strings(view) if isinstance(view, TokenView) else _with_atoms(view)
    made = sorted(islice(found, count), key=lambda one: one.rows)
    if len(made) < count or made[0].rows == made[-1].rows:
        limit = getattr(view, "max_length", None)
        hint = f"; {limit} rows may be too short a limit" if limit is not None else ""
        raise StratusError(
            f"of {_ATTEMPTS} made-up crystals the model can read {len(made)}, too few to check an "
            f"export with{hint}"
        )
    return made


def batches(made: Sequence[Made]) -> list[Sequence[Made]]:
    """Return batches of several sizes and lengths: with padding, without, and of one crystal."""
    short, long = made[0], made[-1]
    middle = made[len(made) // 2]
    return [made, [short], [long], [middle] * 3, [short, long], made[::5]]


def as_examples(made: Sequence[Made]) -> dict[str, list[Any]]:
    """Return crystals as plain values: strings, or structures in Å and shares of the cell."""
    if made[0].crystal.scope is not None:
        return {"scopes": [one.text for one in made]}
    structures = [one.crystal.atoms for one in made if one.crystal.atoms is not None]
    return {
        "structures": [
            {
                "lattice": atoms.lattice.tolist(),
                "numbers": atoms.numbers.tolist(),
                "frac_coords": atoms.frac.tolist(),
            }
            for atoms in structures
        ]
    }


def _with_strings(view: TokenView) -> Iterator[Made]:
    partial = view.reads.strings == USUAL_STRINGS
    rng = np.random.default_rng(0)
    kinds = cycle([Detail.WHOLE, Detail.WHOLE, Detail.SPACE_GROUP, Detail.WHOLE, Detail.FORMULA])
    for _ in range(_ATTEMPTS):
        number = int(rng.integers(1, 231))
        orbits = random_orbits(number, rng, max_orbits=_MOST_ORBITS, max_atoms=_MOST_ATOMS)
        try:
            crystal = view.crystal(random_crystal(number, orbits, rng))
            detail, atoms = next(kinds), crystal.n_atoms
            if detail is not Detail.WHOLE and partial:
                crystal = hide_crystal(crystal, detail)
            yield _made(view, crystal, atoms)
        except StratusError:  # too long, a word that is unknown, no place for the atoms
            continue


def _with_atoms(view: View) -> Iterator[Made]:
    """Yield an atom without any neighbour, then crystals without symmetry being searched."""
    rng = np.random.default_rng(0)
    alone = AtomArrays(np.eye(3) * _VACUUM_A, np.array([18]), np.zeros((1, 3)))
    yield _made(view, crystal_of_atoms(alone), 1)
    for _ in range(_ATTEMPTS):
        number = int(rng.integers(1, 231))
        orbits = random_orbits(number, rng, max_orbits=_MOST_ORBITS, max_atoms=_MOST_ATOMS)
        try:
            entry = random_crystal(number, orbits, rng, min_distance=_APART_A)
            atoms = AtomArrays(entry.lattice, entry.numbers, entry.frac_coords)
            yield _made(view, crystal_of_atoms(atoms), len(entry))
        except StratusError:  # no place for the atoms, or too many for the model
            continue


def _made(view: View, crystal: Crystal, atoms: int) -> Made:
    sample = view.sample(crystal)
    [size] = view.sizes([sample]).tolist()
    return Made(crystal, sample, size, atoms)
