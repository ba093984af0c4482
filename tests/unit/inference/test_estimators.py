"""The estimators keep the promises of scikit-learn, over lists of crystals."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Lattice, Structure
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

import stratus
from stratus.encoders.table import ARCHITECTURES, DEFAULT_ATOMS_ENCODER, architecture
from stratus.errors import InputError
from stratus.inference.estimators.embedder import CrystalEmbedder
from stratus.inference.estimators.properties import CrystalClassifier, CrystalRegressor
from stratus.inference.predictor import Predictor
from stratus.scope.partial import partial_scope
from stratus.training.finetune.options import FinetuneOptions

TINY = {
    "config": {"hidden": 16, "layers": 1, "heads": 2, "feed_forward": 16},
    "epochs": 2,
    "validation": 0.2,
}
METALS = ["Ti", "Sn", "Pb", "Ge", "Mn", "V", "Cr", "Ru", "Ir", "Os"]
X = [
    f"i1 bOOO gDDD cDDD | {metal} 2a {other} 4f | {other} 2 {metal} 1 | 6"
    for metal in METALS
    for other in ("O", "F", "S")
]
Y = np.arange(len(X)) / 3.0
COLOURS = np.array(["red", "blue", "green"] * 10)
EXAMPLES = Path(stratus.__file__).parent / "crystals" / "examples"


def regressor(**changes) -> CrystalRegressor:
    return CrystalRegressor(**TINY | changes)


def classifier(**changes) -> CrystalClassifier:
    return CrystalClassifier(**TINY | changes)


@pytest.fixture(scope="module")
def fitted() -> CrystalRegressor:
    return regressor().fit(X, Y)


@pytest.mark.parametrize("estimator", [CrystalRegressor(), CrystalClassifier(), CrystalEmbedder()])
@pytest.mark.parametrize(
    "check",
    [
        "check_do_not_raise_errors_in_init_or_set_params",
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_estimator_tags_renamed",
        "check_get_params_invariance",
        "check_mixin_order",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_set_params",
        "check_valid_tag_types",
    ],
)
def test_what_scikit_learn_checks_without_a_matrix(estimator, check):
    if not hasattr(estimator_checks, check):
        pytest.skip(f"this version of scikit-learn has no {check}")
    if check == "check_parameters_default_constructible":
        estimator_checks.check_parameters_default_constructible(type(estimator).__name__, estimator)
    else:
        getattr(estimator_checks, check)(type(estimator).__name__, estimator)


def test_settings_are_kept_as_they_are_and_copied(fitted):
    given = {"targets": ["gap:eV"], "options": {"clip_norm": None}, "random_state": 7}
    estimator = regressor(**given)
    assert clone(estimator).get_params() == estimator.get_params()
    assert estimator.get_params()["options"] is given["options"]
    assert estimator.set_params(epochs=9).epochs == 9
    with pytest.raises(ValueError, match="epoch"):
        estimator.set_params(epoch=9)
    assert not hasattr(clone(fitted), "model_")
    assert fitted.get_params() == regressor().get_params()  # fit changes none of them


def test_defaults_are_those_of_fine_tuning():
    fields = FinetuneOptions.model_fields
    shared = CrystalRegressor().get_params().keys() & fields.keys() - {"model"}
    assert len(shared) > 9
    for name in shared:
        said = getattr(CrystalRegressor(), name)
        assert said in ("usual", fields[name].default), name
    assert CrystalRegressor().get_params() == CrystalClassifier().get_params()


def test_structures_are_learned_from_atoms_with_what_is_usual_for_their_encoder(monkeypatch):
    kind = architecture(DEFAULT_ATOMS_ENCODER)
    usual = {"epochs": 1, "batch_size": 3}
    monkeypatch.setitem(ARCHITECTURES._found, kind.name, replace(kind, training=usual))
    structures = [
        Structure(Lattice.cubic(4 + k / 9), [metal, "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
        for k, metal in enumerate(METALS)
    ]
    settings = {"config": {"hidden": 8, "layers": 1}, "validation": 0.3}
    fitted = CrystalRegressor(**settings, batch_size=32).fit(structures, Y[:10])
    assert fitted.model_.architecture == kind.name
    assert fitted.predict(structures).shape == (10,)
    options = fitted.model_.metrics["options"]
    assert (options["epochs"], options["batch_size"]) == (1, 32)  # what is set stays
    assert options["encoder"] == kind.name
    mixed = [*structures[:9], X[0]]
    assert regressor(epochs=1).fit(mixed, Y[:10]).model_.architecture == "orbit-set"


def test_fit_returns_the_estimator_and_the_seed_decides():
    one, other = regressor(random_state=1), regressor(random_state=1)
    assert one.fit(X, Y) is one
    found = one.predict(X)
    np.testing.assert_array_equal(found, other.fit(X, Y).predict(X))
    np.testing.assert_array_equal(found, one.fit(X, Y).predict(X))
    assert not np.array_equal(found, regressor(random_state=2).fit(X, Y).predict(X))
    from_state = [
        regressor(random_state=np.random.RandomState(3)).fit(X, Y).predict(X) for _ in range(2)
    ]
    np.testing.assert_array_equal(*from_state)


def test_a_prediction_does_not_depend_on_the_other_crystals(fitted):
    all_of_them = fitted.predict(X)
    assert all_of_them.shape == (30,)
    assert all_of_them.dtype == np.float64
    np.testing.assert_allclose(fitted.predict(X[::-1])[::-1], all_of_them, rtol=1e-5)
    one_by_one = np.concatenate([fitted.predict([x]) for x in X])
    np.testing.assert_allclose(one_by_one, all_of_them, rtol=1e-5)


def test_crystals_may_be_anything_that_is_one(fitted):
    path = EXAMPLES / "rutile.cif"
    (entry,) = stratus.read(path)
    text = str(stratus.encode(path))
    same = [path, str(path), entry, text, stratus.Scope.parse(text), entry.structure]
    found = fitted.predict(same)
    np.testing.assert_allclose(found, found[0], rtol=1e-6)
    partial = fitted.predict([partial_scope("TiO2", 136), partial_scope("TiO2")])
    assert np.isfinite(partial).all()
    assert abs(partial - found[0]).min() > 1e-6
    np.testing.assert_array_equal(fitted.predict(np.array(X)[:, None]), fitted.predict(X))
    np.testing.assert_array_equal(fitted.predict(tuple(X)), fitted.predict(X))


def test_several_targets_with_absent_labels_are_learned_at_once():
    labels = np.column_stack([Y, -Y, Y**2])
    labels[::4, 0] = np.nan
    labels[1::2, 1] = np.nan
    estimator = regressor(targets=["gap:eV", {"column": "heat", "unit": "J"}, "z"]).fit(X, labels)
    assert estimator.target_names_ == ["gap", "heat", "z"]
    assert estimator.model_.tasks["heat"].unit == "J"
    found, std = estimator.predict(X, return_std=True)
    assert found.shape == std.shape == (30, 3)
    here = ~np.isnan(labels)
    alone = [
        1
        - np.sum((labels[h, k] - found[h, k]) ** 2)
        / np.sum((labels[h, k] - labels[h, k].mean()) ** 2)
        for k, h in enumerate(here.T)
    ]
    assert estimator.score(X, labels) == pytest.approx(np.mean(alone))
    with pytest.raises(InputError, match="there are 3 targets, but y has 1"):
        estimator.fit(X, Y)


def test_a_column_stays_a_column():
    assert regressor().fit(X, Y[:, None]).predict(X).shape == (30, 1)


def test_columns_of_pandas_are_taken_by_their_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"scope": X, "gap": Y, "heat": -Y})
    one = regressor().fit(frame["scope"], frame["gap"])
    assert one.target_names_ == ["gap"]
    np.testing.assert_array_equal(one.predict(frame[["scope"]]), one.predict(X))
    both = regressor().fit(frame["scope"], frame[["gap", "heat"]])
    assert both.target_names_ == ["gap", "heat"]
    colours = pandas.Series([*COLOURS[:-1], None], name="colour")
    assert classifier().fit(frame["scope"], colours).classes_.tolist() == ["blue", "green", "red"]


def test_a_label_that_is_absent_changes_nothing_but_its_own_row():
    spoiled = np.append(Y, np.nan)
    estimator = regressor().fit([*X, "i0 | Fe 1a | Fe 1 | 1"], spoiled)
    head = estimator.model_.heads["y"]
    assert head.normaliser.mean < Y.max()
    assert np.isfinite(estimator.predict(X)).all()


def test_standard_deviations_come_from_what_the_loss_learned():
    estimator = regressor(targets={"column": "gap", "loss": "gaussian"}).fit(X, Y)
    values, std = estimator.predict(X, return_std=True)
    assert values.shape == std.shape == (30,)
    assert (std > 0).all()


def test_members_are_averaged_and_how_far_they_differ_is_told():
    estimator = regressor(members=3).fit(X, Y)
    model = estimator.model_
    assert len(model.members) == 3
    alone = [
        Predictor(replace(model, members=(member,))).predict(X)["y"].value
        for member in model.members
    ]
    values, std = estimator.predict(X, return_std=True)
    np.testing.assert_allclose(values, np.mean(alone, axis=0))
    np.testing.assert_allclose(std, np.std(alone, axis=0))
    assert np.isnan(regressor().fit(X, Y).predict(X, return_std=True)[1]).all()


def test_intervals_hold_the_value_and_widen_with_the_level(fitted):
    narrow, wide = (fitted.predict_interval(X, level=level) for level in (0.2, 0.8))
    assert narrow.shape == wide.shape == (30, 2)
    values = fitted.predict(X)
    assert ((narrow[:, 0] <= values) & (values <= narrow[:, 1])).all()
    assert (wide[:, 0] < narrow[:, 0]).all()
    assert (wide[:, 1] > narrow[:, 1]).all()
    assert np.isinf(fitted.predict_interval(X, level=0.999)).all()
    both = regressor().fit(X, np.column_stack([Y, -Y])).predict_interval(X)
    assert both.shape == (30, 2, 2)
    with pytest.raises(InputError, match="between 0 and 1"):
        fitted.predict_interval(X, level=90)
    uncalibrated = copy.copy(fitted)
    uncalibrated.model_ = replace(fitted.model_, calibration=None)
    with pytest.raises(InputError, match="has no calibration"):
        uncalibrated.predict_interval(X)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (COLOURS, ["blue", "green", "red"]),
        (list(COLOURS), ["blue", "green", "red"]),
        (np.array([0, 1] * 15), [0, 1]),
        ([7, 3, 5] * 10, [3, 5, 7]),
        ([True, False] * 15, [False, True]),
        ([1.0, 0.0, np.nan] * 10, [0.0, 1.0]),
        (["a", "b", None] * 10, ["a", "b"]),
    ],
)
def test_classes_of_any_kind_are_learned_and_come_back(labels, classes, tmp_path):
    estimator = classifier(targets="kind").fit(X, labels)
    assert estimator.classes_.tolist() == classes
    chances = estimator.predict_proba(X)
    assert chances.shape == (30, len(classes))
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    predicted = estimator.predict(X)
    assert predicted.tolist() == [classes[k] for k in chances.argmax(axis=1)]
    known = [k for k, label in enumerate(labels) if label is not None and label == label]  # noqa: PLR0124
    share = np.mean([predicted[k] == labels[k] for k in known])
    assert estimator.score(X, labels) == pytest.approx(share)
    estimator.save(tmp_path / "bundle")
    again = CrystalClassifier.load(tmp_path / "bundle")
    assert again.classes_.tolist() == classes
    np.testing.assert_array_equal(again.predict_proba(X), chances)


def test_in_a_pipeline():
    upper = FunctionTransformer(lambda texts: [text.strip() for text in texts])
    pipeline = make_pipeline(upper, regressor()).fit([f" {x} " for x in X], Y)
    np.testing.assert_array_equal(pipeline.predict(X), regressor().fit(X, Y).predict(X))
    assert pipeline.set_params(crystalregressor__epochs=1).score(X, Y) < 1


def test_cross_validation_predicts_what_was_not_learned():
    folds = KFold(3)
    scores = cross_val_score(regressor(), X, Y, cv=folds, scoring="neg_mean_absolute_error")
    assert scores.shape == (3,)
    found = cross_val_predict(regressor(), X, Y, cv=folds)
    assert scores[0] == pytest.approx(-abs(found[:10] - Y[:10]).mean())
    assert cross_val_score(classifier(), X, COLOURS, cv=3, error_score="raise").shape == (3,)


def test_a_grid_search_finds_the_best_setting():
    search = GridSearchCV(
        regressor(epochs=6),
        {"learning_rate": [1e-9, 1e-2]},
        cv=KFold(3, shuffle=True, random_state=0),
        scoring="neg_mean_absolute_error",
        error_score="raise",
    ).fit(X, Y)
    assert search.best_params_ == {"learning_rate": 1e-2}
    assert search.predict(X).shape == (30,)


def test_what_is_saved_predicts_the_same_and_is_taken_up(fitted, tmp_path):
    folder = tmp_path / "bundle"
    fitted.save(folder, card={"name": "rutiles"})
    again = CrystalRegressor.load(folder)
    assert again.model_.card.name == "rutiles"
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    again.save(tmp_path / "copy")
    with pytest.raises(InputError, match="there already"):
        fitted.save(folder)
    with pytest.raises(InputError, match="no target that a CrystalClassifier predicts"):
        CrystalClassifier.load(folder)
    on = clone(again).set_params(epochs=1, learning_rate=1e-9).fit(X, Y)  # goes on from there
    assert on.model_.architecture == "orbit-set"
    fresh = regressor(epochs=1, learning_rate=1e-9).fit(X, Y)
    weights = [e.model_.encoder.token_embedding.weight for e in (on, fitted, fresh)]
    assert abs(weights[0] - weights[1]).max() < 1e-6
    assert abs(weights[2] - weights[1]).max() > 1e-4


def test_a_fitted_estimator_can_be_pickled(fitted):
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


def test_what_can_not_be_is_one_sentence(fitted):
    for method in ("predict", "predict_interval"):
        with pytest.raises(NotFittedError):
            getattr(regressor(), method)(X)
    with pytest.raises(NotFittedError):
        classifier().predict(X)
    with pytest.raises(NotFittedError):
        regressor().save("nowhere")
    for wrong, said in [
        (X[0], "X is one crystal"),
        (np.zeros((3, 2)), r"X is an array of shape \[3, 2\]"),
        (3, "a int holds no crystals"),
        ([], "X holds no crystals"),
        ([X[0], "i1 | no"], "crystal 1: "),
        ([1.5], "crystal 0: "),
    ]:
        with pytest.raises(InputError, match=said):
            fitted.predict(wrong)
    for labels, said in [
        (None, "requires y to be passed, but the target y is None"),
        (Y[:5], "X holds 30 crystals, but y 5 labels"),
        (["a"] * 30, "no number"),
        (np.where(Y > 9, np.inf, Y), "the label of crystal 28 is infinite"),
        (np.zeros((30, 1, 1)), "y has the shape"),
    ]:
        with pytest.raises(InputError, match=said):
            regressor().fit(X, labels)
    for labels, said in [
        (None, "requires y"),
        (Y, "no classes"),
        (["a"] * 30, "only the class"),
        ([np.nan] * 30, "no label"),
        (np.column_stack([Y, Y]), "several columns"),
        ([1, "a"] * 15, "mixes texts and numbers"),
    ]:
        with pytest.raises(InputError, match=said):
            classifier().fit(X, labels)
    with pytest.raises(InputError, match="epochs"):
        regressor(epochs=0).fit(X, Y)
    with pytest.raises(InputError, match="is not there"):
        regressor(model="no-such-folder").fit(X, Y)


def test_vectors_are_features_of_any_estimator():
    predictor = stratus.load("bundled")
    embedder = CrystalEmbedder().fit(X)
    vectors = embedder.transform(X)
    np.testing.assert_array_equal(vectors, predictor.embed(X))
    names = embedder.get_feature_names_out()
    assert list(names[:2]) == ["crystalembedder0", "crystalembedder1"]
    assert vectors.shape == (30, len(names))
    series = pd.Series(X, index=[f"c{k}" for k in range(30)])
    table = clone(embedder).set_output(transform="pandas").fit_transform(series)
    assert table.columns.tolist() == list(names)
    np.testing.assert_array_equal(table.to_numpy(), vectors)
    frame = pd.DataFrame({"scope": X}, index=series.index)
    named = clone(embedder).set_output(transform="pandas").fit_transform(frame)
    assert named.index.tolist() == series.index.tolist()
    pipeline = make_pipeline(CrystalEmbedder(predictor), Ridge(1e-3)).fit(X, Y)
    assert pipeline.score(X, Y) > 0.9
    assert pipeline.predict(["TiO2", EXAMPLES / "rutile.cif"]).shape == (2,)
    again = pickle.loads(pickle.dumps(embedder))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(again.transform(X[:2]), embedder.transform(X[:2]))


def test_vectors_of_what_is_no_crystal_or_several_are_refused(tmp_path):
    with pytest.raises(NotFittedError):
        CrystalEmbedder().transform(X)
    with pytest.raises(InputError, match="nowhere is not there"):
        CrystalEmbedder(tmp_path / "nowhere").fit(X)
    texts = [(EXAMPLES / name).read_text() for name in ("rutile.cif", "diamond.cif")]
    (tmp_path / "two.cif").write_text("\n".join(texts))
    (tmp_path / "none").mkdir()
    embedder = CrystalEmbedder().fit(X)
    for wrong, said in [
        ([X[0], "nowhere.cif"], "crystal 1: nowhere.cif does not exist"),
        ([X[0], tmp_path / "two.cif"], "crystal 1: the input holds 2 crystals"),
        ([tmp_path / "none", tmp_path / "two.cif"], "crystal 0: the input holds 0 crystals"),
        (X[0], "X is one crystal"),
    ]:
        with pytest.raises(InputError, match=said):
            embedder.transform(wrong)
