"""What a model predicts is the mean of its members, whatever else is in the batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import stratus
from stratus.errors import InputError
from stratus.inference.predictor import Predictor
from stratus.scope.partial import partial_scope
from stratus.tasks.predictions import predict


@pytest.fixture
def strings(example_cifs) -> list[str]:
    entries = [item for item in stratus.read(example_cifs) if isinstance(item, stratus.Entry)]
    return [str(stratus.encode(entry)) for entry in entries]


def alone(model: Predictor, string: str, task: str) -> np.ndarray:
    """Return what each member says of one crystal, in the plainest way."""
    atoms = np.array([stratus.Scope.parse(string).n_atoms])
    batch = model.model.view.collate([model.model.view.tokens(string)])
    with torch.inference_mode():
        return np.array(
            [
                predict(m.tasks[task], m.normalisers[task], m(batch)[task], atoms).values[0]
                for m in model.model.members
            ]
        )


def test_value_and_std_are_those_of_the_members(model, strings):
    found = model.predict(strings, batch_size=3)
    assert list(found) == ["gap", "energy", "magnetic", "use"]
    for name, one in found.items():
        members = np.array([alone(model, string, name) for string in strings])
        np.testing.assert_allclose(one.value, members.mean(axis=1), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(one.std, members.std(axis=1), rtol=1e-3, atol=1e-5)


def test_the_interval_is_the_mean_of_those_of_the_groups(model, strings):
    found = model.predict(strings, interval=0.8)["gap"]
    scores = model.model.calibration.tasks["gap"]["a"]["whole"]
    lo, hi = [], []
    for string in strings:
        by_group = alone(model, string, "gap").reshape(2, 2)
        half = scores.quantile(0.8) * np.hypot(by_group.std(axis=1), scores.floor)
        lo.append(max(0.0, float(np.mean(by_group.mean(axis=1) - half))))
        hi.append(float(np.mean(by_group.mean(axis=1) + half)))
    np.testing.assert_allclose(found.lo, lo, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.hi, hi, rtol=1e-4, atol=1e-6)
    assert (found.lo >= 0).all(), "the gap has a minimum"


def test_without_calibration_an_interval_is_not_a_number(model, strings):
    found = model.predict(strings, interval=0.8)
    assert np.isnan(found["energy"].lo).all()
    assert found["magnetic"].lo is None


def test_probabilities_of_classes_add_up(model, strings):
    found = model.predict(strings)
    assert found["use"].value.shape == (len(strings), 3)
    np.testing.assert_allclose(found["use"].value.sum(axis=1), 1)
    assert ((found["magnetic"].value > 0) & (found["magnetic"].value < 1)).all()


def test_a_stream_of_any_crystals_is_taken(model, example_cifs, strings):
    files = sorted(example_cifs.glob("*.cif"))
    entries = [item for item in stratus.read(example_cifs) if isinstance(item, stratus.Entry)]
    expected = model.predict(strings)["gap"].value
    np.testing.assert_allclose(model.predict(iter(entries))["gap"], expected, rtol=1e-5)
    mixed = [entries[0].structure, strings[1], stratus.Scope.parse(strings[2])]
    np.testing.assert_allclose(model.predict(mixed)["gap"], expected[:3], rtol=1e-5)
    assert model.predict(str(files[0]))["gap"].value.shape == (1,)
    assert model.predict([])["use"].value.shape == (0, 3)


def test_a_partial_crystal_is_taken_and_what_needs_its_cell_is_not_a_number(model):
    found = model.predict([partial_scope("NaCl"), partial_scope("NaCl", 225)])
    assert np.isfinite(found["gap"].value).all()
    assert np.isnan(found["energy"].value).all()
    assert np.isnan(found["energy"].std).all()


def test_an_interval_of_a_kind_that_was_not_calibrated_is_not_a_number(model):
    found = model.predict([partial_scope("NaCl"), partial_scope("NaCl", 225)], interval=0.9)["gap"]
    assert np.isfinite(found.hi[0])
    assert np.isnan(found.hi[1])


def test_what_is_wrong_is_named_with_its_place(model, strings):
    with pytest.raises(InputError, match=r"crystal 1: .*Xx"):
        model.predict([strings[0], "[MASK] | [MASK] | Xx 1 | [MASK]"])
    with pytest.raises(InputError, match=r"between 0 and 1, not 90"):
        model.predict(strings, interval=90)
    with pytest.raises(InputError, match="batch_size is at least 1"):
        model.predict(strings, batch_size=0)


def test_one_member_does_not_say_how_sure_it_is(model, strings):
    single = replace(model.model, members=model.model.members[:1])
    found = Predictor(single).predict(strings)["gap"]
    assert np.isfinite(found.value).all()
    assert np.isnan(found.std).all()


def test_training_goes_on_where_it_was(model, strings):
    model.model.encoder.train()
    model.predict(strings)
    assert model.model.encoder.training
    model.model.encoder.eval()


def test_a_model_without_heads_says_that_it_predicts_nothing(make_bundle, tmp_path, strings):
    bare = stratus.load(make_bundle(tmp_path / "bare", heads=False))
    with pytest.raises(InputError, match="predicts no property, it was only pre-trained"):
        bare.predict(strings)


def test_without_a_bundled_model_loading_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("stratus.models.loading._FOLDER", tmp_path)
    with pytest.raises(InputError, match="no model comes with this installation"):
        stratus.load("bundled")


def test_the_bundled_model_is_loaded_by_its_name(monkeypatch, bundle):
    monkeypatch.setattr("stratus.models.loading._FOLDER", bundle)
    assert stratus.load("bundled").card.name == "tiny"
