"""What holds of properties by definition or by physics, imposed on every prediction.

Each identity is one row of :data:`IDENTITIES`: the targets that it is of, by name, one sentence,
and what it does. A target is one of these by its name alone, whatever model predicts it; where a
model has none of them, nothing is changed. They are in the order in which they are imposed.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from stratus.physics.bounds import harmonic_bounds
from stratus.tasks.by import ByLaw
from stratus.tasks.predicted import Draft
from stratus.tasks.reference_phases import is_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from stratus.crystals.facets import Detail
    from stratus.tasks.atom_counts import AtomCounts
    from stratus.tasks.contents import Contents
    from stratus.tasks.predicted import Predicted
    from stratus.tasks.task import Task

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

FORMATION: Final = "formation_energy_per_atom"
HULL: Final = "energy_above_hull"
GAP: Final = "band_gap"
INDEX: Final = "refractive_index"
METAL: Final = "is_metal"

LOWEST: Final[Mapping[str, float]] = MappingProxyType(
    {
        HULL: 0.0,
        GAP: 0.0,
        INDEX: 1.0,
        "volume_per_atom": 0.0,
        "bulk_modulus": 0.0,
        "shear_modulus": 0.0,
        "highest_phonon_frequency": 0.0,
    }
)
"""What no stable crystal is below, by target; moduli that are learned as logarithms are positive
as they are."""

IS_REFERENCE: Final = "0 by definition, as the reference phase of its element"
IS_ELEMENT: Final = "of an element, so energy above hull and formation energy are one quantity"
IS_METAL: Final = "0, for a metal is likelier than not"
NO_INDEX: Final = "empty, for a metal is likelier than not"


class Scene(NamedTuple):
    """All that identities look at.

    Attributes:
        drafts: of the regressions, by name; identities change these.
        predicted: of all targets as the heads have it.
        tasks: by name.
        contents: what is known of the crystals.
        atoms: of their cells and formula units.
        metal_below: the gap below which more crystals are metals than not, in the unit of the gap,
            by how much is known of a crystal.
    """

    drafts: Mapping[str, Draft]
    predicted: Mapping[str, Predicted]
    tasks: Mapping[str, Task]
    contents: Contents
    atoms: AtomCounts
    metal_below: Mapping[Detail, float]

    def elements(self, *, reference: bool) -> Mask:
        """Return which crystals are of one element, in a reference phase or in another."""
        found = np.zeros(len(self.contents.shares), np.bool_)
        for place, phase in self.contents.phases.items():
            found[place] = is_reference(*phase) == reference
        return found

    def metals(self) -> Mask:
        """Return which crystals are likelier metals than not.

        A target ``is_metal`` says it; without one the gap does, if it is known below which gap a
        metal is likelier.
        """
        metal, gap = self.tasks.get(METAL), self.predicted.get(GAP)
        if metal is not None and metal.kind == "binary":
            return self.predicted[METAL].value > 0.5
        if gap is None or not self.metal_below:
            return np.zeros(len(self.contents.shares), np.bool_)
        bounds = np.array([self.metal_below.get(kind, -np.inf) for kind in self.contents.details])
        found: Mask = gap.value <= bounds
        return found


class Identity(NamedTuple):
    """One row of the table.

    Attributes:
        name: what it is called.
        targets: names of the targets that it changes.
        sentence: what holds.
        impose: makes it hold.
    """

    name: str
    targets: tuple[str, ...]
    sentence: str
    impose: Callable[[Scene], None]


def impose(
    predicted: Mapping[str, Predicted],
    tasks: Mapping[str, Task],
    contents: Contents,
    atoms: AtomCounts,
    metal_below: Mapping[Detail, float] = MappingProxyType({}),
) -> dict[str, Predicted]:
    """Impose all identities on the predictions for n crystals.

    Args:
        predicted: by target.
        tasks: by target.
        contents: what is known of the crystals.
        atoms: of their cells and formula units.
        metal_below: the gap below which more crystals are metals than not, by how much is known.

    Returns:
        predictions of which all identities hold; each that an identity has made says so in a note.
    """
    drafts = {n: Draft(predicted[n]) for n, task in tasks.items() if task.kind == "regression"}
    scene = Scene(drafts, predicted, tasks, contents, atoms, metal_below)
    for identity in IDENTITIES:
        identity.impose(scene)
    return {name: drafts[name].done() if name in drafts else predicted[name] for name in predicted}


def _bounds(scene: Scene) -> None:
    for name, lowest in LOWEST.items():
        if name in scene.drafts:
            scene.drafts[name].cut(lowest)


def _harmonic(scene: Scene) -> None:
    for name, draft in scene.drafts.items():
        task = scene.tasks[name]
        if not isinstance(task.by, ByLaw):
            continue
        at = np.array([task.by.temperature_k])
        lowest, highest = harmonic_bounds(task.by.quantity, at)
        atoms = scene.atoms.of(task)
        times = (1.0 if atoms is None else atoms) / task.by.factor(task.unit)
        with np.errstate(invalid="ignore"):  # of no atoms, which are unknown, all is NaN
            draft.cut(lowest * times, highest * times)


def _other_phases(scene: Scene) -> None:
    rows = scene.elements(reference=False)
    formation, hull = scene.drafts.get(FORMATION), scene.drafts.get(HULL)
    if formation is not None:
        np.maximum(formation.value, 0, out=formation.value, where=rows)
        for end in formation.ends:
            np.maximum(end, 0, out=end, where=rows)
    if formation is None or hull is None or not _alike(scene.tasks[FORMATION], scene.tasks[HULL]):
        return
    value = (formation.value + hull.value) / 2
    apart = (formation.value - hull.value) / 2
    std = np.sqrt((formation.std**2 + hull.std**2) / 2 + apart**2)
    for draft in (formation, hull):
        draft.value[rows], draft.std[rows] = value[rows], std[rows]
        draft.say(rows, IS_ELEMENT)
    if formation.lo is not None and hull.lo is not None:
        lo = np.minimum(formation.lo, hull.lo)
        formation.lo[rows] = hull.lo[rows] = lo[rows]
    if formation.hi is not None and hull.hi is not None:
        hi = np.maximum(formation.hi, hull.hi)
        formation.hi[rows] = hull.hi[rows] = hi[rows]


def _reference(scene: Scene) -> None:
    rows = scene.elements(reference=True)
    for name in (FORMATION, HULL):
        if name in scene.drafts:
            scene.drafts[name].fix(rows, 0.0, IS_REFERENCE)


def _gap_of_metals(scene: Scene) -> None:
    gap = scene.drafts.get(GAP)
    if gap is None:
        return
    rows = scene.metals()
    gap.value[rows] = 0.0
    gap.widen(rows, 0.0, 0.0)
    gap.say(rows, IS_METAL)


def _index_of_metals(scene: Scene) -> None:
    if INDEX in scene.drafts:
        scene.drafts[INDEX].fix(scene.metals(), np.nan, NO_INDEX)


def _alike(one: Task, other: Task) -> bool:
    return (one.unit, one.per) == (other.unit, other.per)


IDENTITIES: Final[tuple[Identity, ...]] = (
    Identity(
        "bounds",
        tuple(LOWEST),
        "Nothing lies below its lowest value: an energy above hull, a band gap, a volume, a "
        "modulus and a phonon frequency are not negative, and a refractive index is 1 at least.",
        _bounds,
    ),
    Identity(
        "harmonic",
        (),
        "A heat capacity is between 0 and 3R for each atom, an entropy not negative, and an "
        "internal energy 3RT for each atom at least; all are of one law.",
        _harmonic,
    ),
    Identity(
        "other phases",
        (FORMATION, HULL),
        "An element in another phase than its reference has a formation energy that is not "
        "negative, and an energy above hull equal to it: the mean of the two predictions, with an "
        "interval that holds both of theirs.",
        _other_phases,
    ),
    Identity(
        "reference phase",
        (FORMATION, HULL),
        "An element in its reference phase, or known by its formula alone, has formation energy 0 "
        "and energy above hull 0.",
        _reference,
    ),
    Identity(
        "gap of metals",
        (GAP,),
        "Where a metal is likelier than not, the band gap is 0; its interval begins there and ends "
        "where it did.",
        _gap_of_metals,
    ),
    Identity(
        "index of metals",
        (INDEX,),
        "Where a metal is likelier than not, there is no refractive index: the cell is empty.",
        _index_of_metals,
    ),
)
"""The table."""

IMPOSED: Final = frozenset(name for identity in IDENTITIES for name in identity.targets)
"""Names of the targets that identities change."""
