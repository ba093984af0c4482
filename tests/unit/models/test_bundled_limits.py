"""The bundled weights know what they have not learned; they are the weights that they were."""

from __future__ import annotations

import numpy as np
import pytest

import stratus
from stratus.errors import InputError
from stratus.files.sealed import sha256
from stratus.models.bundle import load_bundle, save_bundle
from stratus.models.bundle_copy import keep_tasks
from stratus.models.loading import folder_of
from stratus.scope import Scope
from stratus.scope.partial import partial_scope
from stratus.tasks.domain import Domain, Learned

WEIGHTS = "959b6ca70548207f8d8f9fcc177709ad7c44befb047bb3da73e4a2f9216f1cfc"
DIAMOND = str(Scope.from_orbits(227, [("C", "a")]))
MEASURED = 6.1  # of diamond at 300 K, in J/(mol K) per mole of atoms


@pytest.fixture(scope="module")
def model():
    return stratus.load("bundled")


def test_the_weights_are_those_that_were_trained():
    assert sha256(folder_of("bundled") / "weights.safetensors") == WEIGHTS


@pytest.mark.parametrize("text", [DIAMOND, partial_scope("C", 227)])
def test_the_interval_of_diamond_holds_what_is_measured(model, text):
    found = model.predict(text, interval=0.9)["cv@300K"]
    assert found.lo[0] < MEASURED < found.hi[0]
    assert "out: modes reach up to" in found.note(0)
    bare = model.predict(text, interval=0.9, imposed=False)["cv@300K"]
    assert bare.lo[0] > MEASURED
    assert bare.value[0] == found.value[0]
    curves = model.curves(text, [300.0], interval=0.9)
    assert curves.cv.lo[0, 0] < MEASURED < curves.cv.hi[0, 0]
    assert curves.notes[0].startswith("out: modes reach up to")


def test_a_soft_crystal_keeps_its_interval(model):
    salt = str(Scope.from_orbits(225, [("Na", "a"), ("Cl", "b")]))
    found = model.predict(salt, interval=0.9)
    bare = model.predict(salt, interval=0.9, imposed=False)
    for name, one in found.items():
        assert one.notes == ()
        assert (one.lo[0], one.hi[0]) == (bare[name].lo[0], bare[name].hi[0])
    assert model.curves(salt, [300.0]).notes == ()


@pytest.mark.parametrize("element", ["Gd", "Po"])
def test_an_element_that_was_never_seen_makes_an_interval_wide(model, element):
    text = partial_scope(f"{element}O2", 225)
    found = model.predict(text, interval=0.9)
    bare = model.predict(text, interval=0.9, imposed=False)
    one, other = found["highest_phonon_frequency"], bare["highest_phonon_frequency"]
    assert f"it learned from no crystal with {element}" in one.note(0)
    assert one.hi[0] - one.value[0] > 3 * (other.hi[0] - other.value[0])
    assert np.isinf(one.hi[0]) == (element == "Po")  # of Po no head has learned anything
    assert np.isinf(found["band_gap"].hi[0]) == (element == "Po")
    curves = model.curves(text, [300.0], interval=0.9)
    assert f"no crystal with {element}" in curves.notes[0]
    assert (curves.cv.lo[0, 0] == 0) == (element == "Po")


def test_other_levels_are_widened_likewise(model):
    half, most = (model.predict(DIAMOND, interval=level)["cv@300K"] for level in (0.5, 0.95))
    assert most.lo[0] <= half.lo[0] < MEASURED
    assert half.notes == most.notes
    assert model.predict(DIAMOND)["cv@300K"] == half.value


def test_a_model_with_fewer_targets_knows_the_same_of_them(model, tmp_path):
    kept = keep_tasks(model.model, ["band_gap"])
    assert list(kept.domain.targets) == ["band_gap"]
    assert kept.domain.law == model.model.domain.law
    save_bundle(
        tmp_path / "b",
        members=kept.members,
        architecture=kept.architecture,
        view=kept.view,
        card=kept.card,
        calibration=kept.calibration,
        domain=kept.domain,
        seen=kept.seen,
    )
    again = load_bundle(tmp_path / "b")
    assert again.domain == kept.domain
    assert again.seen.count(["Na 1 Cl 1", "Xe 9 W 7"]) == 1


@pytest.mark.parametrize(
    "domain",
    [
        Domain(targets={"gap": Learned(rows=1, elements={"Fe": 1.0})}),
        Domain(law=Learned(rows=1, elements={"Fe": 1.0})),
    ],
)
def test_a_domain_of_something_else_is_not_saved(bundles, tmp_path, domain):
    model = load_bundle(bundles / "orbit-set")
    with pytest.raises(InputError, match="head"):
        save_bundle(
            tmp_path / "b",
            members=model.members,
            architecture=model.architecture,
            view=model.view,
            card=model.card,
            domain=domain,
        )
