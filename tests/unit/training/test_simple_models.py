"""The baselines are what their names say, and never see a test label."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge

from stratus.corpora.tables.folds import Fold, from_column, kfold
from stratus.corpora.tables.reading import read_labelled
from stratus.corpora.tables.table import Kind, Table
from stratus.errors import InputError
from stratus.scope.dialects import Dialect
from stratus.training import kernel_ridge, simple_models
from stratus.training.row_caps import Capped
from stratus.training.simple_models import (
    BOOSTING,
    KERNEL_RIDGE,
    LOGISTIC,
    MAJORITY,
    MEAN,
    MEAN_PER_ATOM,
    RIDGE,
    learned_from,
    predict_simple,
)

ELEMENTS = ("Li", "Na", "K", "F", "Cl", "Br", "O", "S", "Mg", "Ca")


def make(rows: int, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    texts, atoms = [], []
    for _ in range(rows):
        a, b = rng.choice(ELEMENTS, 2, replace=False)
        m, n = rng.integers(1, 5, 2)
        cells = int(rng.integers(1, 4))
        atoms.append(int(m + n) * cells)
        texts.append(f"i0 | {a} 1a {b} 1a | {a} {m} {b} {n} | {atoms[-1]}")
    return Table(
        ids=tuple(str(i) for i in range(rows)),
        crystals=Dialect.ORBIT.crystals(tuple(texts), np.array(atoms)),
        targets=("y",),
        kinds=(Kind.REGRESSION,),
        labels=np.zeros((rows, 1)),
    )


TABLE = make(240)
FOLD = kfold(TABLE, 4, 0, group="none")[0]
RNG = np.random.default_rng(5)
WEIGHTS = RNG.normal(size=118)
LINEAR = TABLE.fractions() @ WEIGHTS + 0.01 * RNG.normal(size=240)
CURVED = 5 * np.abs(TABLE.fractions() @ WEIGHTS) + 3.0
CLASSES = np.digitize(LINEAR, np.quantile(LINEAR, [0.5, 0.8])).astype(np.float64)


def mae(found: np.ndarray, labels: np.ndarray) -> float:
    return float(np.abs(found - labels[FOLD.test]).mean())


def everything(labels: np.ndarray, classes: np.ndarray) -> list[dict[str, np.ndarray]]:
    return [
        predict_simple(TABLE, labels, FOLD, "regression", "atom"),
        predict_simple(TABLE, labels, FOLD, "regression", "cell"),
        predict_simple(TABLE, classes, FOLD, "multiclass", classes=3),
        predict_simple(TABLE, np.minimum(classes, 1), FOLD, "binary"),
    ]


@pytest.mark.parametrize("change", ["shuffled", "absent", "absurd"])
def test_test_labels_change_nothing_bit_for_bit(change):
    labels, classes = CURVED.copy(), CLASSES.copy()
    before = everything(labels, classes)
    for values in (labels, classes):
        if change == "shuffled":
            values[FOLD.test] = np.random.default_rng(1).permutation(values[FOLD.test])
        else:
            values[FOLD.test] = np.nan if change == "absent" else 1e9
    for mine, theirs in zip(before, everything(labels, classes), strict=True):
        assert mine.keys() == theirs.keys()
        for name in mine:
            assert mine[name].tobytes() == theirs[name].tobytes()


def test_training_labels_do_change_it():
    labels = CURVED.copy()
    labels[FOLD.train[0]] += 1
    before, after = (predict_simple(TABLE, y, FOLD, "regression") for y in (CURVED, labels))
    assert all(not np.array_equal(before[name], after[name]) for name in before)


def test_validation_labels_choose_and_are_not_learnt_from():
    labels = LINEAR.copy()
    labels[FOLD.validation] += 1e-12  # too little to choose otherwise
    before, after = (predict_simple(TABLE, y, FOLD, "regression") for y in (LINEAR, labels))
    assert all(np.array_equal(before[name], after[name]) for name in before)
    labels[FOLD.validation] = np.random.default_rng(0).permutation(LINEAR[FOLD.validation])
    chosen = predict_simple(TABLE, labels, FOLD, "regression")
    assert np.array_equal(before[MEAN], chosen[MEAN])
    assert not np.array_equal(before[KERNEL_RIDGE], chosen[KERNEL_RIDGE])


def test_each_model_finds_what_it_can():
    linear = predict_simple(TABLE, LINEAR, FOLD, "regression")
    assert list(linear) == [MEAN, RIDGE, KERNEL_RIDGE, BOOSTING]
    assert mae(linear[RIDGE], LINEAR) < 0.05 * mae(linear[MEAN], LINEAR)
    curved = predict_simple(TABLE, CURVED, FOLD, "regression")
    assert mae(curved[KERNEL_RIDGE], CURVED) < 0.7 * mae(curved[RIDGE], CURVED)


def test_a_label_per_cell_is_learnt_per_atom():
    cell = CURVED * TABLE.n_atoms
    atoms = TABLE.n_atoms[FOLD.test]
    found = predict_simple(TABLE, cell, FOLD, "regression", "cell")
    assert list(found) == [MEAN, MEAN_PER_ATOM, RIDGE, KERNEL_RIDGE, BOOSTING]
    np.testing.assert_allclose(found[MEAN], cell[FOLD.train].mean())
    np.testing.assert_allclose(found[MEAN_PER_ATOM], CURVED[FOLD.train].mean() * atoms)
    assert mae(found[KERNEL_RIDGE], cell) < 0.5 * mae(found[MEAN_PER_ATOM], cell)


def test_ridge_and_kernel_ridge_are_those_of_scikit_learn():
    found = predict_simple(TABLE, CURVED, FOLD, "regression")
    x, y = TABLE.fractions(), CURVED
    middle = y[FOLD.train].mean()

    def best(models, shift):
        fitted = [m.fit(x[FOLD.train], y[FOLD.train] - shift) for m in models]
        chosen = min(
            fitted,
            key=lambda m: np.abs(m.predict(x[FOLD.validation]) + shift - y[FOLD.validation]).mean(),
        )
        return chosen.predict(x[FOLD.test]) + shift

    kernels = [
        KernelRidge(kernel="laplacian", gamma=g, alpha=a)
        for g in kernel_ridge.KERNEL_GAMMAS
        for a in kernel_ridge.KERNEL_LAMBDAS
    ]
    np.testing.assert_allclose(found[KERNEL_RIDGE], best(kernels, middle), atol=1e-8)
    ridges = [Ridge(alpha=a) for a in simple_models.RIDGE_ALPHAS]
    np.testing.assert_allclose(found[RIDGE], best(ridges, 0.0), atol=1e-8)


def test_kernel_ridge_on_some_of_the_rows_says_so(monkeypatch, caplog):
    assert learned_from("regression", len(FOLD.train)) == {}
    monkeypatch.setattr(kernel_ridge, "KERNEL_ROWS", 50)
    monkeypatch.setattr(simple_models, "CHOICE_ROWS", 10)
    with caplog.at_level(logging.INFO, logger=simple_models.__name__):
        first, again, other = (
            predict_simple(TABLE, CURVED, FOLD, "regression", seed=s) for s in (0, 0, 1)
        )
    assert list(first) == [MEAN, RIDGE, KERNEL_RIDGE, BOOSTING]
    assert "50 of " in caplog.text
    rows = len(FOLD.train)
    assert learned_from("regression", rows) == {KERNEL_RIDGE: Capped(of=rows, most=50)}
    assert learned_from("regression", 50) == learned_from("binary", rows) == {}
    assert first[KERNEL_RIDGE].tobytes() == again[KERNEL_RIDGE].tobytes()
    assert not np.array_equal(first[KERNEL_RIDGE], other[KERNEL_RIDGE])
    assert mae(first[KERNEL_RIDGE], CURVED) < mae(first[MEAN], CURVED)


def test_absent_labels_are_left_out():
    labels = LINEAR.copy()
    labels[FOLD.train[::2]] = np.nan
    labels[FOLD.validation[0]] = np.nan
    kept = Fold("0", FOLD.train[1::2], FOLD.validation[1:], FOLD.test)
    mine = predict_simple(TABLE, labels, FOLD, "regression")
    theirs = predict_simple(TABLE, LINEAR, kept, "regression")
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)


def test_classes_are_predicted_as_probabilities():
    found = predict_simple(TABLE, CLASSES, FOLD, "multiclass")
    assert list(found) == [MAJORITY, LOGISTIC, BOOSTING]
    for probabilities in found.values():
        assert probabilities.shape == (len(FOLD.test), 3)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    truth = CLASSES[FOLD.test]
    right = {name: (p.argmax(axis=1) == truth).mean() for name, p in found.items()}
    counts = np.bincount(CLASSES[FOLD.train].astype(int))
    np.testing.assert_allclose(found[MAJORITY][0], counts / counts.sum())
    assert right[LOGISTIC] > 0.9 > right[MAJORITY]
    assert right[BOOSTING] > right[MAJORITY] + 0.1


def test_a_class_that_training_never_saw_has_no_probability():
    labels = CLASSES.copy()
    labels[FOLD.train] = np.minimum(labels[FOLD.train], 1)
    labels[FOLD.validation[0]] = 2
    found = predict_simple(TABLE, labels, FOLD, "multiclass", classes=4)
    assert not found[LOGISTIC][:, 2:].any()
    assert not found[BOOSTING][:, 2:].any()
    assert found[LOGISTIC].shape[1] == found[BOOSTING].shape[1] == 4


NAN = np.full(240, np.nan)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"kind": "ranking"}, "no kind of target"),
        ({"per": "mole"}, "per 'atom' or per 'cell'"),
        ({"labels": NAN}, "no training row"),
        ({"labels": np.where(np.isin(np.arange(240), FOLD.train), 1.0, np.nan)}, "no validation"),
        ({"labels": LINEAR[:5]}, "240 labels are needed"),
        ({"kind": "binary"}, "places of classes"),
        ({"kind": "binary", "labels": np.zeros(240)}, "of one class"),
        ({"kind": "multiclass", "labels": CLASSES, "classes": 2}, "none of 2 classes"),
    ],
)
def test_what_can_not_be_learnt_is_refused(arguments, said):
    with pytest.raises(InputError, match=said):
        predict_simple(
            **{"table": TABLE, "labels": LINEAR, "fold": FOLD, "kind": "regression", **arguments}
        )


def test_heat_capacity_per_cell_is_a_matter_of_composition_and_atoms(data_dir):
    path = data_dir / "cloud_example" / "cloud_cv_structures.parquet"
    table = read_labelled(path, ["cv"], fold_column="part", workers=0)
    assert (len(table), table.rows_in) == (1499, 1499)
    (fold,) = from_column(table)
    labels = table.labels[:, 0]
    found = predict_simple(table, labels, fold, "regression", "cell")
    truth = labels[fold.test]
    spread = np.abs(truth - truth.mean()).mean()
    ratio = {name: np.abs(p - truth).mean() / spread for name, p in found.items()}
    assert ratio[MEAN_PER_ATOM] == pytest.approx(0.312, abs=0.01)
    assert ratio[RIDGE] == pytest.approx(0.086, abs=0.01)
    assert ratio[KERNEL_RIDGE] == pytest.approx(0.054, abs=0.01)


def test_phonon_peaks_by_the_official_folds(data_dir):
    path = data_dir / "matbench_structures" / "matbench_phonons_structures.parquet"
    table = read_labelled(path, ["last_phdos_peak"], fold_column="fold", workers=0)
    labels = table.labels[:, 0]
    errors: dict[str, list[float]] = {}
    folds = from_column(table)
    for fold in folds:
        for name, p in predict_simple(table, labels, fold, "regression").items():
            errors.setdefault(name, []).append(float(np.abs(p - labels[fold.test]).mean()))
    assert len(folds) == 5
    assert np.mean(errors[BOOSTING]) < np.mean(errors[KERNEL_RIDGE])
    assert np.mean(errors[MEAN]) == pytest.approx(324, abs=2)
    assert np.mean(errors[KERNEL_RIDGE]) < np.mean(errors[RIDGE]) < 150
