"""Each identity by one crystal; the table is the one of the documentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stratus.crystals.elements import NUMBERS
from stratus.crystals.facets import Detail
from stratus.scope import Scope
from stratus.scope.dialects import Dialect
from stratus.scope.paper import paper_encoding
from stratus.scope.partial import partial_scope
from stratus.tasks.atom_counts import AtomCounts
from stratus.tasks.contents import contents_of
from stratus.tasks.identities import IDENTITIES, impose
from stratus.tasks.predicted import Predicted, notes_on
from stratus.tasks.reference_phases import is_reference, reference_phases
from stratus.tasks.task import make_task

DOCUMENT = Path(__file__).parents[3] / "docs" / "reference" / "identities.md"
TUNGSTEN = str(Scope.from_orbits(229, [("W", "a")]))
DIAMOND = str(Scope.from_orbits(227, [("C", "a")]))
LONSDALEITE = str(Scope.from_orbits(194, [("C", "f")]))
GRAPHITE = str(Scope.from_orbits(194, [("C", "b"), ("C", "c")]))
SALT = str(Scope.from_orbits(225, [("Na", "a"), ("Cl", "b")]))
ENERGIES = ("formation_energy_per_atom", "energy_above_hull")


def tasks(*names, **settings):
    return {name: make_task({"column": name, "unit": "eV/atom", **settings}) for name in names}


def predicted(value: float, half: float = 0.5) -> Predicted:
    one = np.array([value])
    return Predicted(one, np.array([0.1]), one - half, one + half)


def imposed(text: str, values: dict[str, float], known: Detail = Detail.WHOLE, **more):
    made = more.pop("tasks", None) or tasks(*values)
    heads = {name: predicted(value) for name, value in values.items()}
    none = np.zeros(1, np.int64)
    atoms = AtomCounts(none, none)
    return impose(
        heads, made, contents_of([Dialect.ORBIT.crystal(text, detail=known)]), atoms, **more
    )


def numbers(found, name: str) -> list[float]:
    one = found[name]
    return [float(column[0]) for column in (one.value, one.std, one.lo, one.hi)]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (TUNGSTEN, Detail.WHOLE),
        (partial_scope("W", 229), Detail.SPACE_GROUP),
        (partial_scope("W"), Detail.FORMULA),
        (GRAPHITE, Detail.WHOLE),
        (partial_scope("C", 194), Detail.SPACE_GROUP),
    ],
)
def test_a_reference_phase_has_no_energy(text, known):
    found = imposed(text, dict(zip(ENERGIES, (0.62, 0.3), strict=True)), known)
    assert [numbers(found, name) for name in ENERGIES] == [[0, 0, 0, 0]] * 2
    [note] = notes_on(found, 0)
    assert note == (
        "formation_energy_per_atom, energy_above_hull: 0 by definition, as the reference phase of "
        "its element."
    )


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (DIAMOND, Detail.WHOLE),
        (LONSDALEITE, Detail.WHOLE),
        (partial_scope("C", 227), Detail.SPACE_GROUP),
        (partial_scope("W", 225), Detail.SPACE_GROUP),
    ],
)
def test_another_phase_is_as_far_above_the_hull_as_it_took_to_form(text, known):
    found = imposed(text, dict(zip(ENERGIES, (0.3, 0.1), strict=True)), known)
    one, other = (numbers(found, name) for name in ENERGIES)
    assert one == other
    assert one[0] == pytest.approx(0.2)
    assert one[1] == pytest.approx(np.hypot(0.1, 0.1))
    assert one[2:] == [0, pytest.approx(0.8)]
    assert "one quantity" in notes_on(found, 0)[0]
    below = imposed(text, {ENERGIES[0]: -3.0}, known)
    assert numbers(below, ENERGIES[0])[0] == 0


def test_what_is_no_element_keeps_its_formation_energy():
    found = imposed(SALT, dict(zip(ENERGIES, (-2.0, -0.1), strict=True)))
    assert numbers(found, ENERGIES[0]) == [-2.0, 0.1, -2.5, -1.5]
    assert numbers(found, ENERGIES[1]) == [0, 0.1, 0, 0.4]
    assert notes_on(found, 0) == ()


def test_energies_in_other_units_are_not_mixed():
    other = tasks(ENERGIES[0]) | tasks(ENERGIES[1], unit="meV/atom")
    values = dict(zip(ENERGIES, (0.3, 100.0), strict=True))
    found = imposed(DIAMOND, values, tasks=other)
    assert [numbers(found, name)[0] for name in ENERGIES] == [0.3, 100.0]


def test_a_likely_metal_has_no_gap_and_no_index():
    values = {"band_gap": 0.2, "refractive_index": 6.3}
    bound = {Detail.WHOLE: 0.25}
    found = imposed(SALT, values, metal_below=bound)
    assert numbers(found, "band_gap") == [0, 0.1, 0, pytest.approx(0.7)]
    assert np.isnan(numbers(found, "refractive_index")).all()
    assert notes_on(found, 0) == (
        "band_gap: 0, for a metal is likelier than not.",
        "refractive_index: empty, for a metal is likelier than not.",
    )
    for other in ({Detail.WHOLE: 0.1}, {Detail.FORMULA: 9.0}, {}):
        found = imposed(SALT, values, metal_below=other)
        assert numbers(found, "refractive_index")[0] == 6.3
        assert numbers(found, "band_gap")[0] == 0.2


@pytest.mark.parametrize(("probability", "metal"), [(0.51, True), (0.5, False)])
def test_a_head_that_tells_metals_is_believed_more_than_the_gap(probability, metal):
    made = tasks("band_gap") | {"is_metal": make_task({"column": "is_metal", "kind": "binary"})}
    values = {"band_gap": 0.2, "is_metal": probability}
    found = imposed(
        SALT, values, tasks=made, metal_below={Detail.WHOLE: 0.25 if not metal else 0.1}
    )
    assert (numbers(found, "band_gap")[0] == 0) == metal


@pytest.mark.parametrize("name", ["bulk_modulus", "shear_modulus", "volume_per_atom"])
def test_moduli_and_volumes_are_not_negative(name):
    assert numbers(imposed(SALT, {name: -0.2}), name) == [0, 0.1, 0, pytest.approx(0.3)]


def test_a_heat_capacity_is_at_most_that_of_dulong_and_petit():
    made = make_task(
        {
            "column": "cv@300K",
            "unit": "J/mol/K",
            "per": "formula",
            "by": {"law": "debye", "quantity": "cv", "temperature_k": 300},
        }
    )
    heads = {"cv@300K": predicted(49.8)}
    what = contents_of([Dialect.ORBIT.crystal(SALT)])
    atoms = AtomCounts(np.array([2]), np.array([2]))
    found = impose(heads, {"cv@300K": made}, what, atoms)
    assert numbers(found, "cv@300K")[3] == pytest.approx(2 * 24.9433879)


def test_every_identity_stands_in_the_documentation_with_its_sentence():
    text = " ".join(DOCUMENT.read_text("utf-8").split())
    for identity in IDENTITIES:
        assert identity.sentence in text, identity.name
        for name in identity.targets:
            assert f"`{name}`" in text, name


def test_reference_phases_are_crystals_that_can_be():
    phases = reference_phases()
    assert len({phase[:3] for phase in phases}) == len(phases)
    assert {phase.element for phase in phases} >= set(list(NUMBERS)[:83]) - {"Pm"}
    for phase in phases:
        assert phase.source
        assert phase.energy_ev_per_atom is None or 0 <= phase.energy_ev_per_atom < 0.1
        if phase.orbits:
            letters = [word.lstrip("0123456789") for word in phase.orbits.split(" ")]
            scope = Scope.from_orbits(phase.space_group, [(phase.element, k) for k in letters])
            [one] = contents_of([Dialect.ORBIT.crystal(str(scope))]).phases.values()
            assert one == phase[:3]
        assert is_reference(phase.element, phase.space_group, phase.orbits or "1a")


def test_reference_phases_have_no_energy_where_the_labels_are_from(data_dir):
    import pyarrow.parquet as pq

    table = pq.read_table(data_dir / "matbench_labels/matbench_mp_e_form.parquet").to_pydict()
    lowest: dict[tuple[str, int], float] = {}
    rows = zip(table["composition"], table["spg_num"], table["e_form"], strict=True)
    for formula, group, energy in rows:
        element = formula.rstrip("0123456789")
        if element in NUMBERS:
            lowest[element, group] = min(energy, lowest.get((element, group), np.inf))
    for phase in reference_phases():
        there = lowest.get(phase[:2])
        assert (there is None) == (phase.energy_ev_per_atom is None)
        if there is not None:
            assert there == pytest.approx(phase.energy_ev_per_atom, abs=1e-4)


def test_the_paper_dialect_has_elements_too():
    text = " ".join(paper_encoding(229)) + " | 2a | W 1.0"
    [phase] = contents_of([Dialect.PAPER.crystal(text)]).phases.values()
    assert phase == ("W", 229, None)
    assert is_reference(*phase)
