"""Who sees which label: training rows theirs, validation rows theirs, test rows none."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from stratus.corpora.tables.folds import Fold
from stratus.corpora.tables.joining import join_tables
from stratus.crystals.facets import Detail
from stratus.errors import InputError
from stratus.scope import Dialect
from stratus.scope.partial import hide_crystal
from stratus.tasks.task import make_task
from stratus.training.finetune.labels import check_tasks, fold_rows, labels_of, read_samples
from stratus.training.finetune.options import FinetuneOptions
from stratus.training.finetune.start import make_start
from stratus.views.table import VIEWS

VIEW = make_start(FinetuneOptions(), None).view


def rows_of(table, fold, tasks):
    return fold_rows(table, fold, tasks, VIEW, read_samples(table, VIEW))


def spoiled(table, rows, value):
    labels = table.labels.copy()
    labels[rows] = value
    return dataclasses.replace(table, labels=labels)


def test_test_rows_have_no_labels_and_keep_their_order(made, fold, tasks):
    test = rows_of(made, fold, tasks).test
    assert not test.targets
    assert not test.present
    assert [list(s) for s in test.samples] == [list(VIEW.tokens(made.scopes[r])) for r in fold.test]


def test_neither_validation_nor_test_labels_reach_normalisers_or_training_rows(made, fold, tasks):
    before = rows_of(made, fold, tasks)
    for rows, value in ((fold.validation, 1.0), (fold.test, np.nan), (fold.test, 1e9)):
        after = rows_of(spoiled(made, rows, value), fold, tasks)
        assert after.normalisers == before.normalisers
        for task in tasks:
            now, then = after.train.targets[task.name], before.train.targets[task.name]
            assert now.tobytes() == then.tobytes()


def test_normalised_training_labels_have_mean_0_and_deviation_1(made, fold, tasks):
    train = rows_of(made, fold, tasks).train
    for task in tasks[:2]:
        known = train.targets[task.name][train.present[task.name]]
        assert known.mean() == pytest.approx(0, abs=1e-12)
        assert known.std() == pytest.approx(1)


def test_absent_labels_are_masked_and_rows_without_any_are_left_out(made, fold, gap):
    rows = rows_of(made, fold, [gap])
    labelled = ~np.isnan(made.labels[fold.train, 0])
    assert 0 < labelled.sum() < len(fold.train)
    assert len(rows.train) == labelled.sum()
    assert rows.train.present["gap"].all()
    both = rows_of(made, fold, [gap, make_task({"column": "heat", "per": "cell"})])
    assert both.train.present["gap"].tolist() == labelled.tolist()
    assert (both.train.targets["gap"][~labelled] == 0).all()


def test_a_task_without_validation_labels_is_refused(made, fold, gap):
    with pytest.raises(InputError, match=r"gap has no label in the .* validation rows"):
        rows_of(spoiled(made, fold.validation, np.nan), fold, [gap])
    nothing = Fold("0", fold.train, fold.validation[:0], fold.test)
    with pytest.raises(InputError, match="in the 0 validation rows of fold 0"):
        rows_of(made, nothing, [gap])


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        ({"column": "gapp"}, "did you mean gap"),
        ({"column": "metal"}, "was read with metal as binary"),
        ({"column": "family", "kind": "multiclass", "classes": ("b", "a", "c")}, "but the table a"),
    ],
)
def test_a_task_that_is_not_the_tables_is_refused(made, task, sentence):
    with pytest.raises(InputError, match=sentence):
        check_tasks(made, [make_task(task)])


def test_a_crystal_that_is_too_long_is_named(made):
    short = VIEWS["sequence"](VIEW.vocabulary, 12)
    with pytest.raises(InputError, match=r"crystal 'c\d+': .* more than the limit of 12"):
        read_samples(made, short)


def test_a_label_of_a_cell_on_a_partial_crystal_names_the_row(made, tasks):
    partial = hide_crystal(made.crystals[5], Detail.FORMULA)
    table = dataclasses.replace(made, crystals=(*made.crystals[:5], partial, *made.crystals[6:]))
    check_tasks(table, [tasks[0], *tasks[2:]])
    with pytest.raises(InputError, match=r"heat is a target per cell.*id 'c5'.*formula is known"):
        check_tasks(table, tasks)


def test_labels_of_a_formula_unit_need_strings_that_tell_it(made):
    of_a_law = {"law": "debye", "quantity": "cv", "temperature_k": 300.0}
    task = make_task({"column": "gap", "unit": "J/mol/K", "per": "formula", "by": of_a_law})
    check_tasks(made, [task])
    text = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | 4a 4b | Na 0.5 Cl 0.5"
    crystals = (Dialect.PAPER.crystal(text, 2),) * len(made)
    paper = dataclasses.replace(made, crystals=crystals, strings="paper")
    with pytest.raises(InputError, match="gap is a target per formula, but of row 1"):
        check_tasks(paper, [task])


def test_a_task_has_the_labels_of_its_datasets_alone(made):
    first = np.arange(40, dtype=np.int64)
    parts = {"pbe": made.take(first), "scan": made.take(np.arange(40, len(made), dtype=np.int64))}
    joined = join_tables(parts)
    tasks = [
        make_task({"name": name, "column": "gap", "datasets": (name,)}) for name in ("pbe", "scan")
    ]
    check_tasks(joined, tasks)
    pbe, scan = (labels_of(joined, task) for task in tasks)
    every = labels_of(joined, make_task({"column": "gap"}))
    assert np.isnan(pbe[40:]).all()
    assert np.isnan(scan[:40]).all()
    np.testing.assert_array_equal(np.where(np.isnan(pbe), scan, pbe), every)
    assert joined.take(first[:5]).sources == ("pbe",) * 5
    with pytest.raises(InputError, match="no table with labels of x 'scam'; did you mean scan"):
        check_tasks(joined, [make_task({"name": "x", "column": "gap", "datasets": ("scam",)})])
    with pytest.raises(InputError, match="but the rows are of one table; leave datasets out"):
        check_tasks(made, tasks)


def test_atoms_are_asked_for_where_a_task_has_labels(made):
    crystals = tuple(crystal._replace(n_atoms=0) for crystal in made.crystals)
    unknown = dataclasses.replace(made, crystals=crystals)
    joined = join_tables({"whole": made, "other": unknown})
    heat = {"column": "heat", "per": "cell"}
    check_tasks(joined, [make_task(heat | {"datasets": ("whole",)})])
    with pytest.raises(InputError, match="heat"):
        check_tasks(joined, [make_task(heat)])


def test_samples_are_those_of_the_cache_once_they_are_in_it(made, tmp_path, monkeypatch):
    plain, sizes = read_samples(made, VIEW)
    read_samples(made, VIEW, tmp_path)
    monkeypatch.setattr(type(VIEW), "tokens", None)
    again, same = read_samples(made, VIEW, tmp_path)
    assert [one.tolist() for one in again] == [list(one) for one in plain]
    assert same.tolist() == sizes.tolist()


def test_a_mixed_table_says_which_rows_lack_what_a_view_reads(made):
    from stratus.crystals.facets import AtomArrays
    from stratus.views.graph import GraphConfig, GraphView

    atoms = AtomArrays(np.eye(3) * 4.0, np.array([11, 17]), np.array([[0.0] * 3, [0.5] * 3]))
    some = (made.crystals[0]._replace(atoms=atoms), *made.crystals[1:3])
    strings = [VIEW.sample(crystal) for crystal in some]
    mixed = dataclasses.replace(made.take([0, 1, 2]), crystals=some)
    both = join_tables({"with": mixed.take([0]), "without": mixed.take([1, 2])})
    found = read_samples(both, VIEW).of_rows
    assert [list(sample) for sample in found] == [list(sample) for sample in strings]
    with pytest.raises(InputError, match="2 of 3 rows lack the atoms of their crystal") as error:
        read_samples(both, GraphView(GraphConfig()))
    for id_ in both.ids[1:]:
        assert repr(id_) in str(error.value)
    assert repr(both.ids[0]) not in str(error.value)
