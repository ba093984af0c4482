"""Labels brought to mean 0 and standard deviation 1, and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.preprocessing import StandardScaler

from stratus.errors import InputError
from stratus.tasks.normalise import Normaliser, fit_normaliser
from stratus.tasks.targets import parse_target
from stratus.tasks.task import make_task

GAP = parse_target("gap:eV")
HEAT = parse_target("heat:J/mol-cell/K", per="cell")
METAL = make_task({"column": "metal", "kind": "binary"})
PHASE = make_task({"column": "phase", "kind": "multiclass", "classes": ("a", "b", "c")})


def everywhere(count: int) -> np.ndarray:
    return np.ones(count, bool)


def fit(task, labels, atoms=None):
    rows = np.arange(len(labels))
    return fit_normaliser(task, labels, everywhere(len(labels)), rows, atoms)


def test_mean_and_deviation_by_hand():
    found = fit(GAP, [1.0, 2.0, 3.0, 6.0])
    assert found.mean == 3.0
    assert found.std == pytest.approx(np.sqrt((4 + 1 + 0 + 9) / 4), rel=1e-15)
    assert found.rows == 4


def test_it_agrees_with_scikit_learn():
    labels = np.random.default_rng(1).normal(5, 3, 1000)
    found, oracle = fit(GAP, labels), StandardScaler().fit(labels[:, None])
    np.testing.assert_allclose([found.mean, found.std], [oracle.mean_[0], oracle.scale_[0]], 1e-12)
    np.testing.assert_allclose(
        found.normalise(labels, everywhere(1000)), oracle.transform(labels[:, None])[:, 0], 1e-9
    )


def test_statistics_are_of_float64():
    labels = 1e8 + np.array([0.0, 1.0, 2.0, 3.0])  # in float32 all the same
    assert fit(GAP, labels).std == pytest.approx(np.sqrt(1.25), rel=1e-12)


WILD = st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -1e300, 0.0])


@given(st.lists(st.tuples(WILD, st.booleans()), min_size=6, max_size=6))
def test_rows_that_are_not_for_training_or_absent_never_matter(others):
    wild = np.array([value for value, _ in others])
    labels = np.concatenate([[1.0, 2.0, 4.0], wild])
    present = np.concatenate([everywhere(3), [there for _, there in others]])
    present[3:6] = False  # in the training rows, but absent
    rows = np.arange(6)
    found = fit_normaliser(GAP, labels, present, rows)
    assert found == fit(GAP, [1.0, 2.0, 4.0])
    normal = found.normalise(labels, present & (np.arange(9) < 3))
    assert (normal[3:] == 0).all()


def test_objects_without_a_value_are_absent():
    present = np.array([True, False, True])
    labels = np.array([1.0, None, 3.0], dtype=object)
    assert fit_normaliser(GAP, labels, present, np.arange(3)).mean == 2.0


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20, unique=True),
    st.integers(0, 1 << 30),
)
def test_there_and_back(labels, seed):
    values = np.round(labels, 3)
    if np.ptp(values) == 0:
        return
    atoms = np.random.default_rng(seed).integers(1, 200, len(values))
    found = fit(HEAT, values * atoms, atoms)
    back = found.restore(found.normalise(values * atoms, everywhere(len(values)), atoms), atoms)
    np.testing.assert_allclose(back, values * atoms, rtol=1e-9, atol=1e-6)


def test_what_is_normalised_of_a_cell_is_the_value_per_atom():
    per_atom, atoms = np.array([20.0, 22.0, 27.0]), np.array([2, 7, 40])
    found = fit(HEAT, per_atom * atoms, atoms)
    plain = fit(GAP, per_atom)
    assert (found.mean, found.std) == pytest.approx((plain.mean, plain.std), rel=1e-14)
    assert found.per_atom
    assert not plain.per_atom
    np.testing.assert_allclose(
        found.normalise(per_atom * atoms, everywhere(3), atoms),
        plain.normalise(per_atom, everywhere(3)),
        atol=1e-13,
    )


def test_a_double_cell_has_the_double_value_and_the_double_deviation():
    found = Normaliser(mean=3.0, std=2.0, per_atom=True, rows=9)
    atoms, numbers = np.array([1, 2, 9]), np.array([-2.0, 0.3, 1.0])
    assert np.array_equal(found.restore(numbers, 2 * atoms), 2 * found.restore(numbers, atoms))
    assert np.array_equal(
        found.restore_spread(abs(numbers), 2 * atoms), 2 * found.restore_spread(abs(numbers), atoms)
    )
    np.testing.assert_allclose(found.restore(numbers, atoms), [-1.0, 7.2, 45.0])
    np.testing.assert_allclose(found.restore_spread(abs(numbers), atoms), [4.0, 1.2, 18.0])


def test_of_an_intensive_target_the_size_of_the_cell_is_not_looked_at():
    found = Normaliser(mean=3.0, std=2.0, rows=9)
    assert np.array_equal(found.restore([1.0], np.array([7])), found.restore([1.0]))


@pytest.mark.parametrize("labels", [[], [4.0]])
def test_too_few_labels_are_refused(labels):
    with pytest.raises(InputError, match=f"gap has {len(labels)} labels in the"):
        fit(GAP, labels)


@pytest.mark.parametrize("labels", [[0.1] * 7, [0.0, 0.0], [0.1, 0.1 + 2e-17], [1e8] * 3])
def test_labels_that_are_all_the_same_are_refused(labels):
    with pytest.raises(InputError, match=f"gap is .* in all {len(labels)} training rows"):
        fit(GAP, labels)


def test_the_same_label_per_atom_is_refused_whatever_the_cells():
    with pytest.raises(InputError, match=r"heat is 0\.1 in all"):
        fit(HEAT, 0.1 * np.array([3, 7, 11]), np.array([3, 7, 11]))


@pytest.mark.parametrize("labels", [[1e300, -1e300], [1e308, -1e308], [1e-200, 2e-200]])
def test_labels_beyond_float64_statistics_are_refused(labels):
    with pytest.raises(InputError, match="use another unit"):
        fit(GAP, labels)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_label_that_is_no_number_names_its_row(bad):
    labels = np.array([1.0, 2.0, 3.0, bad, 5.0])
    rows = np.array([4, 1, 3])
    with pytest.raises(InputError, match="label of row 3"):
        fit_normaliser(GAP, labels, everywhere(5), rows)


def test_atoms_are_needed_per_cell():
    with pytest.raises(InputError, match="heat is per cell, so the atoms"):
        fit(HEAT, [1.0, 2.0])
    with pytest.raises(InputError, match="for 1 crystals the atoms"):
        fit(HEAT, [1.0, 2.0, 3.0], np.array([1, 0, 2]))
    partial = Normaliser(mean=1, std=2, per_atom=True, rows=2).restore([3.0, 3.0], np.array([0, 2]))
    np.testing.assert_array_equal(partial, [np.nan, 14.0])
    with pytest.raises(InputError, match="atoms of the primitive cells are needed"):
        Normaliser(mean=0, std=1, per_atom=True, rows=2).restore([1.0])


def test_atoms_of_rows_without_a_label_need_not_be_known():
    present = np.array([True, False, True])
    found = fit_normaliser(HEAT, [2.0, 9.0, 9.0], present, np.arange(3), np.array([1, 0, 3]))
    assert found.mean == 2.5
    assert found.normalise([2.0, 9.0, 9.0], present, np.array([1, 0, 3])).tolist() == [-1, 0, 1]


def test_classes_are_checked_and_not_changed():
    found = fit(PHASE, [0.0, 2.0, 1.0, 1.0])
    assert found == Normaliser(mean=0, std=1, rows=4)
    assert found.normalise([2.0, 1.0], everywhere(2)).tolist() == [2.0, 1.0]
    for task, wrong in ((PHASE, 3.0), (PHASE, 0.5), (PHASE, -1.0), (METAL, 2.0)):
        with pytest.raises(InputError, match=f"{task.name} has the label {wrong:g}"):
            fit(task, [0.0, 1.0, wrong])
    with pytest.raises(InputError, match="metal has the class 1 in all 3"):
        fit(METAL, [1.0, 1.0, 1.0])


def test_it_is_plain_values():
    found = fit(HEAT, [2.0, 9.0, 0.1], np.array([1, 2, 3]))
    assert Normaliser(**json.loads(json.dumps(found.model_dump()))) == found
    with pytest.raises(ValidationError):
        Normaliser(mean=0.0, std=0.0, rows=1)
    with pytest.raises(ValidationError):
        Normaliser(mean=np.nan, std=1.0, rows=1)
