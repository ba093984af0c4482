"""The 13 tasks: official folds from our own split, published dummy rows to the last digit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from stratus.benchmarks.matbench import matbench_task, matbench_tasks, official_folds
from stratus.benchmarks.scores import board_scores, over_folds
from stratus.errors import InputError

HERE = Path(__file__).parent
DUMMY = json.loads((HERE / "published_dummy.json").read_text("utf-8"))
NAMES = sorted(matbench_tasks())


@pytest.fixture(scope="module")
def table(data_dir):
    """Read ids, labels and official folds of a task."""

    def read(task):
        found = pq.read_table(data_dir / "matbench_labels" / f"{task.dataset}.parquet")
        labels = np.array(found[task.column].to_pylist(), np.float64)
        return found["mbid"].to_pylist(), labels, np.array(found["fold"].to_pylist())

    return read


@pytest.mark.parametrize("name", NAMES)
def test_ids_and_folds_are_the_official_ones_in_every_row(name, table):
    task = matbench_task(name)
    ids, labels, folds = table(task)
    assert ids == task.ids()
    assert np.array_equal(official_folds(task, labels), folds)


@pytest.mark.parametrize("name", [n for n in NAMES if matbench_task(n).kind == "regression"])
def test_the_published_rows_of_the_mean_come_out_to_the_last_digit(name, table):
    task = matbench_task(name)
    _, labels, folds = table(task)
    scores = []
    for fold in range(5):
        train, test = labels[folds != fold], labels[folds == fold]
        scores.append(board_scores(task.kind, test, np.full(len(test), train.mean())))
    printed = DUMMY["tasks"][name]
    for fold, row in enumerate(printed["folds"]):
        assert [f"{scores[fold][metric]:.4f}" for metric in DUMMY["metrics"]] == row
    for metric, row in zip(DUMMY["metrics"], printed["over_folds"], strict=True):
        found = over_folds([each[metric] for each in scores])
        assert [f"{v:.4f}" for v in (found.mean, found.max, found.min, found.std)] == row


@pytest.mark.parametrize("name", [n for n in NAMES if matbench_task(n).kind == "binary"])
def test_the_published_guess_of_a_class_is_what_chance_gives(name, table):
    """Classes were drawn without a seed, so of these rows the distribution can be checked."""
    task = matbench_task(name)
    _, labels, folds = table(task)
    [published] = [row for row in task.published if row.model == "dummy"]
    # A guess of class 1 with probability p has a balanced accuracy of 1/2 on average, with the
    # variance p (1 - p) (1/n1 + 1/n0) / 4 in one fold.
    variance = 0.0
    for fold in range(5):
        p, test = labels[folds != fold].mean(), labels[folds == fold]
        variance += p * (1 - p) * (1 / test.sum() + 1 / (1 - test).sum()) / 4
    assert abs(published.mean - 0.5) < 3 * np.sqrt(variance) / 5


def test_labels_in_another_order_or_of_another_task_are_refused(table):
    task = matbench_task("steels")
    _, labels, _ = table(task)
    swapped = labels.copy()
    swapped[[0, 1]] = swapped[[1, 0]]
    with pytest.raises(InputError, match="in another order than those of matbench_steels"):
        official_folds(task, swapped)
    with pytest.raises(InputError, match="other labels than those of matbench_steels"):
        official_folds(task, labels + 1)
    with pytest.raises(InputError, match="312 rows, but 311"):
        official_folds(task, labels[1:])


def test_the_table_holds_the_13_tasks():
    assert len(NAMES) == 13
    assert sum(task.rows for task in matbench_tasks().values()) == 408_062
    for task in matbench_tasks().values():
        assert task.ids()[0].endswith("1")
        assert len(set(map(len, (task.ids()[0], task.ids()[-1])))) == 1
        assert {"dummy"} <= {row.model for row in task.published}


def test_an_unknown_task_is_refused_with_the_close_names():
    assert matbench_task("matbench_phonons").name == "phonons"
    with pytest.raises(InputError, match="did you mean phonons"):
        matbench_task("phonon")
