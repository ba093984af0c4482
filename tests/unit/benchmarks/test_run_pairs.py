"""Runs on the same rows, compared row by row."""

from __future__ import annotations

import numpy as np
import pytest

from stratus.benchmarks.certainty import bootstrap_interval, bootstrap_mean
from stratus.benchmarks.run_pairs import paired_runs
from stratus.errors import InputError


def moved(run, encoder, shift, seed=0):
    """Return a run whose model is another one: its errors are those of a constant shift."""
    labels = np.array(run.rows.labels)
    noise = np.random.default_rng(seed).normal(0, 0.01, len(labels))
    model = run.methods[0].model_copy(update={"values": tuple((labels + shift + noise).tolist())})
    return run.model_copy(
        update={
            "methods": (model, *run.methods[1:]),
            "model": run.model | {"architecture": encoder},
            "config": run.config | {"seed": seed},
        }
    )


def test_the_difference_is_that_of_the_errors_of_the_same_rows(learned_run):
    one, other = moved(learned_run, "cgcnn", 0.2), moved(learned_run, "roost", -0.5)
    pair, *_ = paired_runs([one, other])
    assert (pair.first, pair.second) == ("cgcnn", "roost")
    assert pair.difference == pytest.approx(-0.3, abs=0.01)
    assert pair.mean_first - pair.mean_second == pytest.approx(pair.difference)
    assert pair.interval[0] < pair.difference < pair.interval[1] < -0.25
    assert (pair.won, pair.folds) == (3, 3)
    assert pair.p_rows < 0.01
    back, *_ = paired_runs([other, one])
    assert back.difference == pytest.approx(-pair.difference)
    assert (back.first, back.won) == ("roost", 0)


def test_seeds_of_one_model_are_taken_together(learned_run):
    runs = [
        moved(learned_run, encoder, shift + seed / 10, seed)
        for encoder, shift in (("cgcnn", 0.2), ("roost", 0.5))
        for seed in (0, 1, 2)
    ]
    pair, *_ = paired_runs(runs[:5])
    assert pair.seeds == (0, 1)  # those that both have
    assert pair.folds == 6
    assert pair.mean_first == pytest.approx(0.25, abs=0.01)
    assert pair.difference == pytest.approx(-0.3, abs=0.01)


def test_each_model_stands_beside_the_best_simple_one(learned_run):
    pairs = paired_runs([moved(learned_run, "cgcnn", 0.2), moved(learned_run, "roost", 0.5)])
    assert [(p.first, p.second) for p in pairs[1:]] == [
        ("cgcnn", learned_run.rival),
        ("roost", learned_run.rival),
    ]
    mean = learned_run.method(learned_run.rival).over_folds["mae"].mean
    assert pairs[1].mean_second == pytest.approx(mean)


def test_the_same_encoder_with_other_options_has_a_name_of_its_own(learned_run):
    one, other = moved(learned_run, "cgcnn", 0.2), moved(learned_run, "cgcnn", 0.5)
    tuned = learned_run.config["finetune"] | {"epochs": 99}
    other = other.model_copy(update={"config": other.config | {"finetune": tuned}})
    pair, *_ = paired_runs([one, other])
    assert (pair.first, pair.second) == ("cgcnn", "cgcnn (2)")


def test_runs_on_other_rows_are_not_compared(learned_run):
    one, other = moved(learned_run, "cgcnn", 0.2), moved(learned_run, "roost", 0.5)
    labels = (99.0, *other.rows.labels[1:])
    other = other.model_copy(update={"rows": other.rows.model_copy(update={"labels": labels})})
    assert paired_runs([one, other]) == []
    assert paired_runs([one]) == []


def test_the_interval_of_a_mean_is_that_of_the_metric(learned_run):
    rows = learned_run.rows
    labels, found = np.array(rows.labels), np.array(learned_run.methods[0].values)
    assert bootstrap_mean(np.abs(labels - found), rows.folds, clusters=rows.clusters) == (
        bootstrap_interval("mae", labels, found, rows.folds, clusters=rows.clusters)
    )
    with pytest.raises(InputError, match="one entry a row"):
        bootstrap_mean(labels, rows.folds[1:])
    with pytest.raises(InputError, match="between 0 and 1"):
        bootstrap_mean(labels, rows.folds, level=1.0)
