"""What holds by definition or by physics holds of all predictions, also of partial crystals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stratus
from stratus.crystals.elements import SYMBOLS
from stratus.crystals.facets import Detail
from stratus.crystals.synthesis import random_orbits
from stratus.crystals.wyckoff import wyckoff_positions
from stratus.physics.quantities import GAS_CONSTANT
from stratus.scope import Scope
from stratus.scope.dialects import Dialect
from stratus.scope.partial import hide
from stratus.tasks.atom_counts import AtomCounts
from stratus.tasks.contents import contents_of
from stratus.tasks.identities import FORMATION, GAP, HULL, INDEX, LOWEST, METAL, impose
from stratus.tasks.predicted import Predicted, joined, notes_on
from stratus.tasks.reference_phases import is_reference, reference_phases
from stratus.tasks.task import Task, make_task

if TYPE_CHECKING:
    from stratus.models.model import Model
    from stratus.tasks.contents import Contents

COUNT = 320
HEAVIEST = 94
CLASSICAL = 3 * GAS_CONSTANT


def crystal(rng: np.random.Generator) -> str:
    """Return a made-up crystal, every other one of one element, of which some is hidden."""
    number = int(rng.integers(1, 231))
    element = SYMBOLS[int(rng.integers(1, HEAVIEST + 1))]
    if rng.random() < 0.25:  # a phase that is known
        phases = [phase for phase in reference_phases() if phase.orbits]
        phase = phases[int(rng.integers(len(phases)))]
        letters = [word.lstrip("0123456789") for word in phase.orbits.split(" ")]
        text = Scope.from_orbits(phase.space_group, [(phase.element, k) for k in letters])
        return hide(str(text), list(Detail)[int(rng.integers(3))])
    orbits = random_orbits(number, rng, max_orbits=4, max_atoms=40)
    if rng.random() < 0.4:
        orbits = [(element, letter) for _, letter in orbits]
    return hide(str(Scope.from_orbits(number, orbits)), list(Detail)[int(rng.integers(3))])


@pytest.fixture(scope="module")
def texts() -> list[str]:
    rng = np.random.default_rng(7)
    return [crystal(rng) for _ in range(COUNT)]


@pytest.fixture(scope="module")
def model() -> Model:
    return stratus.load("bundled")


@pytest.fixture(scope="module")
def found(model: Model, texts: list[str]) -> dict[str, Predicted]:
    return model.predict(texts, interval=0.9)


def contents(texts: list[str]) -> Contents:
    return contents_of(Dialect.ORBIT.crystals(texts, [0] * len(texts)))


def ends(one: Predicted) -> tuple[np.ndarray, ...]:
    assert one.lo is not None
    assert one.hi is not None
    return one.value, one.lo, one.hi


def test_made_up_crystals_are_of_all_kinds(texts: list[str]) -> None:
    phases = contents(texts).phases
    of_reference = [is_reference(*phase) for phase in phases.values()]
    assert len(texts) >= 200
    assert min(of_reference.count(True), of_reference.count(False), COUNT - len(phases)) > 40
    assert {sum(part == "[MASK]" for part in text.split(" | ")) for text in texts} == {0, 2, 3}


def test_values_lie_inside_their_intervals_and_above_what_is_lowest(
    found: dict[str, Predicted],
) -> None:
    for name, one in found.items():
        value, lo, hi = ends(one)
        told = ~np.isnan(value)
        assert (np.isnan(lo) == np.isnan(value)).all(), name
        assert (lo[told] <= value[told]).all(), name
        assert (value[told] <= hi[told]).all(), name
        for column in (value, lo, hi):
            assert (column[told] >= LOWEST.get(name, -np.inf)).all(), name


def test_elements_are_where_their_reference_says(
    found: dict[str, Predicted], texts: list[str]
) -> None:
    formation, hull = found[FORMATION], found[HULL]
    for place, phase in contents(texts).phases.items():
        both = [[column[place] for column in ends(one)] for one in (formation, hull)]
        assert both[0] == both[1]
        assert min(both[0]) >= 0
        assert formation.std[place] == hull.std[place]
        reference = is_reference(*phase)
        assert (both[0] == [0, 0, 0] and formation.std[place] == 0) == reference
        assert ("reference phase" in formation.note(place)) == reference


def test_what_is_likelier_a_metal_has_no_gap_and_no_index(
    model: Model, found: dict[str, Predicted], texts: list[str]
) -> None:
    bare = model.predict(texts, imposed=False)[GAP]
    assert model.model.domain is not None
    bounds = [model.model.domain.metal_below[kind] for kind in contents(texts).details]
    metal = bare <= np.array(bounds)
    assert 40 < metal.sum() < COUNT - 40
    assert (found[GAP].value[metal] == 0).all()
    assert (found[GAP].lo[metal] == 0).all()  # type: ignore[index]
    assert (found[GAP].hi[metal] >= 0).all()  # type: ignore[index]
    assert np.array_equal(np.isnan(found[INDEX].value), metal)
    assert np.array_equal(np.isnan(found[INDEX].std), metal)
    assert all(("metal" in found[INDEX].note(k)) == metal[k] for k in range(COUNT))


def test_heat_capacity_energy_and_entropy_are_of_one_law(
    model: Model, found: dict[str, Predicted], texts: list[str]
) -> None:
    at, step = np.array([0.0, 5, 40, 150, 300, 700, 1500]), 0.05
    near = np.concatenate([at, np.maximum(at - step, 0), at + step])
    curves = model.curves(texts, near, interval=0.9)
    n = len(at)
    cv, u, s, f = (curves.curves[name].value for name in ("cv", "u", "s", "f"))
    apart = near[2 * n :] - near[n : 2 * n]
    slope_u = 1e3 * (u[:, 2 * n :] - u[:, n : 2 * n]) / apart
    slope_s = (s[:, 2 * n :] - s[:, n : 2 * n]) / apart
    warm = at > 0
    assert np.allclose(slope_u[:, warm], cv[:, :n][:, warm], rtol=1e-3, atol=2e-4)
    assert np.allclose(
        slope_s[:, warm], (cv[:, :n] / np.where(warm, at, 1))[:, warm], rtol=2e-3, atol=2e-4
    )
    assert np.allclose(f, u - near * s / 1e3, atol=1e-9)
    for name, curve in curves.curves.items():
        assert curve.lo is not None, name
        assert curve.hi is not None, name
        assert (curve.lo <= curve.value + 1e-9).all(), name
        assert (curve.value <= curve.hi + 1e-9).all(), name
    for column in (curves.cv.value, curves.cv.lo, curves.cv.hi):
        assert (column >= 0).all()  # type: ignore[operator]
        assert (column <= CLASSICAL * (1 + 1e-9)).all()  # type: ignore[operator]
    assert (curves.s.lo >= 0).all()  # type: ignore[operator]
    assert (1e3 * curves.u.lo >= CLASSICAL * near - 1e-6).all()  # type: ignore[operator]
    place = list(at).index(300)
    for one, of_curve in zip(
        ends(found["cv@300K"]), (curves.cv.value, curves.cv.lo, curves.cv.hi), strict=True
    ):
        assert np.allclose(one, of_curve[:, place], rtol=1e-5)  # type: ignore[index]


def test_notes_say_what_was_done(found: dict[str, Predicted], model: Model) -> None:
    bare = model.predict([], interval=0.9, imposed=False)
    assert not any(one.notes for one in bare.values())
    for place in range(COUNT):
        said = " ".join(notes_on(found, place))
        assert ("out: " in said) == any("out: " in one.note(place) for one in found.values())
    halves = joined([found, found])
    assert halves[FORMATION].notes == found[FORMATION].notes * 2


numbers = st.floats(-20, 20)
rows = st.lists(
    st.tuples(
        st.integers(1, 230),
        st.lists(st.sampled_from(["W", "C", "Na", "Cl", "O", "Fe"]), min_size=1, max_size=3),
        st.sampled_from(list(Detail)),
        st.tuples(numbers, numbers, numbers, numbers, st.floats(0, 1)),
        st.floats(0, 9),
    ),
    min_size=1,
    max_size=12,
)
TASKS: dict[str, Task] = {
    name: make_task({"column": name, "unit": unit})
    for name, unit in ((FORMATION, "eV/atom"), (HULL, "eV/atom"), (GAP, "eV"), (INDEX, ""))
} | {METAL: make_task({"column": METAL, "kind": "binary"})}


@given(rows)
def test_identities_hold_whatever_heads_say(rows: list[tuple]) -> None:  # type: ignore[type-arg]
    texts = []
    for number, elements, kind, _, _ in rows:
        general = str(Scope.from_orbits(number, [(e, _last(number)) for e in elements]))
        texts.append(hide(general, kind))
    values = np.array([row[3] for row in rows])
    half = np.array([row[4] for row in rows])
    heads = {
        name: Predicted(values[:, k], half, values[:, k] - half, values[:, k] + half)
        for k, name in enumerate((FORMATION, HULL, GAP, INDEX))
    } | {METAL: Predicted(values[:, 4], half)}
    what = contents_of(
        [Dialect.ORBIT.crystal(t, detail=row[2]) for t, row in zip(texts, rows, strict=True)]
    )
    none = np.zeros(len(rows), np.int64)
    found = impose(heads, TASKS, what, AtomCounts(none, none))
    assert found.keys() == heads.keys()
    for name in (FORMATION, HULL, GAP, INDEX):
        value, lo, hi = ends(found[name])
        told = ~np.isnan(value)
        assert ((lo <= value) & (value <= hi))[told].all()
        assert (value[told] >= LOWEST.get(name, -np.inf)).all()
    metal = values[:, 4] > 0.5
    assert (found[GAP].value[metal] == 0).all()
    assert np.array_equal(np.isnan(found[INDEX].value), metal)
    for place, phase in what.phases.items():
        assert found[FORMATION].value[place] == found[HULL].value[place] >= 0
        if is_reference(*phase):
            assert found[HULL].hi[place] == 0  # type: ignore[index]
    others = np.array([k not in what.phases for k in range(len(rows))])
    assert np.array_equal(found[FORMATION].value[others], values[others, 0])
    assert (heads[FORMATION].value == values[:, 0]).all()  # what was given stays as it is


def _last(number: int) -> str:
    return list(wyckoff_positions(number))[-1]
