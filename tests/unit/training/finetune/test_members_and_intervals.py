"""Several nets a fold answer together; intervals are calibrated on rows that were not learned."""

from __future__ import annotations

import json

import numpy as np
import pytest

import stratus
from stratus.crystals.facets import Detail
from stratus.scope.dialects import Dialect
from stratus.tasks.conformal import intervals, moments
from stratus.training.finetune import fold as fold_module
from stratus.training.finetune.calibrating import LEVELS, Coverage, pooled, rows_by_kind
from stratus.training.finetune.fold import seed_of_member
from stratus.training.finetune.labels import labels_of
from stratus.training.finetune.run import finetune
from stratus.training.finetune.scores import MODEL


@pytest.fixture(scope="module")
def three(made, fold, tasks, quick):
    """Three members on one fold, with the predictions of each."""
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        before = fold_module.predict_nets

        def record(*arguments, **settings):
            seen.append(before(*arguments, **settings))
            return seen[-1]

        patch.setattr(fold_module, "predict_nets", record)
        result = finetune(made, [fold], tasks, quick(epochs=2, members=3))
    return result, seen[0]


def test_members_differ_and_are_predicted_with_together(three, tasks):
    result, of_members = three
    [found] = result.folds
    assert len(found.nets) == len(found.fitted) == 3
    for task in tasks:
        values = np.stack([each.values for each in of_members[task.name]])
        assert not np.array_equal(values[0], values[1])
        assert found.predictions[task.name].values == pytest.approx(values.mean(axis=0))
    gap = np.stack([each.values for each in of_members["gap"]])
    assert found.predictions["gap"].std == pytest.approx(gap.std(axis=0))
    heat = of_members["heat"]  # its heads say how sure they are
    total = np.var([e.values for e in heat], axis=0) + np.mean([e.std**2 for e in heat], axis=0)
    assert found.predictions["heat"].std == pytest.approx(np.sqrt(total))
    assert found.predictions["family"].std is None


def test_the_first_member_is_the_same_however_many_there_are(three, made, fold, tasks, quick):
    alone = finetune(made, [fold], tasks, quick(epochs=2))
    one, first = alone.folds[0].nets[0].state_dict(), three[0].folds[0].nets[0].state_dict()
    assert all(np.array_equal(weight.numpy(), first[name].numpy()) for name, weight in one.items())
    assert alone.folds[0].predictions["gap"].std is None
    assert len({seed_of_member(0, "0", k) for k in range(50)} | {seed_of_member(0, "1", 0)}) == 51


def test_intervals_are_those_of_the_folds_own_calibration(three, made, fold, tasks):
    result, of_members = three
    [found] = result.folds
    assert set(found.calibration) == {"gap", "heat"}
    for task in tasks[:2]:
        here = ~np.isnan(labels_of(made, task)[fold.validation])
        assert found.calibration[task.name][Detail.WHOLE].rows == here.sum()
        mu, sigma = moments([each.values for each in of_members[task.name]])
        measured = found.coverage[task.name][Detail.WHOLE]
        assert measured.levels == LEVELS
        truth = labels_of(made, task)[fold.test]
        there = ~np.isnan(truth)
        assert measured.rows == there.sum()
        for place, level in enumerate(LEVELS):
            lo, hi = intervals(
                result.calibration, task, found.known, {"0": mu}, {"0": sigma}, level
            )
            held = ((lo <= truth) & (truth <= hi))[there].mean()
            assert measured.coverage[place] == pytest.approx(held)
            width = (hi - lo)[there].mean()
            expected = width if np.isfinite(width) else None
            assert measured.mean_width[place] == pytest.approx(expected)
        lo, hi = intervals(result.calibration, task, found.known, {"0": mu}, {"0": sigma}, 0.9)
        assert np.array_equal(found.bounds[task.name], (lo, hi))


def test_with_few_validation_rows_high_levels_are_infinite(three):
    measured = three[0].folds[0].coverage["gap"][Detail.WHOLE]
    assert measured.calibration_rows < 18
    assert measured.mean_width[-1] is None
    assert measured.coverage[-1] == 1.0


def test_metrics_hold_intervals_members_and_curves(three):
    result = three[0]
    summary = json.loads(json.dumps(result.summary(), allow_nan=False))
    [one] = summary["folds"]
    assert set(one["intervals"]) == {"gap", "heat"}
    assert set(one["intervals"]["gap"]) == {"whole"}
    assert one["intervals"]["gap"]["whole"] == summary["tasks"]["gap"]["intervals"]["whole"]
    assert summary["tasks"]["metal"]["intervals"] == {}
    assert [curve["member"] for curve in summary["curves"]] == [0, 1, 2]
    for curve, member in zip(summary["curves"], one["members"], strict=True):
        assert curve["fold"] == "0"
        assert len(curve["train"]) == len(curve["validation"]) == member["epochs"] == 2
        assert curve["best_epoch"] == member["best_epoch"]
        assert min(curve["validation"]) == member["validation_loss"]
        assert curve["train"][1] < curve["train"][0]


def test_the_bundle_predicts_and_is_calibrated_as_the_fold_was(three, made, fold, tmp_path):
    result = three[0]
    result.save(tmp_path / "model")
    model = stratus.load(tmp_path / "model")
    assert [member.group for member in model.model.members] == ["0"] * 3
    [one], found = result.folds, model.predict([made.scopes[k] for k in fold.test], interval=0.9)
    for name in ("gap", "heat"):
        assert found[name].value == pytest.approx(one.predictions[name].values, rel=1e-4, abs=1e-4)
        assert found[name].std == pytest.approx(one.predictions[name].std, rel=1e-3, abs=1e-4)
        assert found[name].lo == pytest.approx(one.bounds[name][0], rel=1e-3, abs=1e-3)
        assert found[name].hi == pytest.approx(one.bounds[name][1], rel=1e-3, abs=1e-3)
    assert model.card.summary.startswith("orbit-set, 3 nets, trained from scratch")
    names = [metric.name for metric in model.card.metrics]
    assert "gap: coverage of the 90 % interval" in names
    gap = {m.name: m.value for m in model.card.metrics}["gap: MAE"]
    assert gap == pytest.approx(result.folds[0].scores["gap"][MODEL]["mae"])


def test_hidden_rows_are_calibrated_for_what_is_left_of_them(made, fold, gap, tasks, quick):
    found = finetune(made, [fold], tasks[:2], quick(epochs=1, hide=0.5)).folds[0]
    here = ~np.isnan(labels_of(made, gap)[fold.validation])
    assert {kind: s.rows for kind, s in found.calibration["gap"].items()} == dict.fromkeys(
        Detail, here.sum()
    )
    assert set(found.coverage["gap"]) == set(Detail)
    assert set(found.coverage["heat"]) == {Detail.WHOLE}  # per cell, whose atoms are not known
    maes = [found.coverage["gap"][kind].mae for kind in Detail]
    assert len(set(maes)) == 3


def test_a_row_stands_for_what_tells_less_only_when_rows_are_hidden(made):
    import dataclasses

    from stratus.scope.partial import hide

    kinds = [Detail.WHOLE, Detail.SPACE_GROUP, Detail.FORMULA, Detail.WHOLE]
    atoms = np.array([made.n_atoms[0], 0, 0, made.n_atoms[3]])
    four = dataclasses.replace(
        made,
        ids=made.ids[:4],
        crystals=Dialect.ORBIT.crystals(
            tuple(hide(made.scopes[k], kind) for k, kind in enumerate(kinds)), atoms
        ),
        labels=made.labels[:4],
    )

    def found(hiding):
        rows = rows_by_kind(four, np.arange(4), hiding=hiding)
        return {kind: chosen.tolist() for kind, chosen in rows.items()}

    whole, group, formula = Detail
    assert found(hiding=False) == {whole: [0, 3], group: [1], formula: [2]}
    assert found(hiding=True) == {whole: [0, 3], group: [0, 1, 3], formula: [0, 1, 2, 3]}


def test_coverage_of_folds_counts_each_row_the_same():
    one = Coverage(10, 5, 1.0, LEVELS, (0.5, 0.8, 0.9, 1.0), (1.0, 2.0, 3.0, None))
    two = Coverage(30, 9, 2.0, LEVELS, (0.7, 0.8, 0.9, 1.0), (2.0, 2.0, 3.0, 4.0))
    found = pooled([one, two])
    assert (found.rows, found.calibration_rows, found.mae) == (40, 14, 1.75)
    assert found.coverage == pytest.approx((0.65, 0.8, 0.9, 1.0))
    assert found.mean_width == (1.75, 2.0, 3.0, None)


def test_classes_alone_have_no_calibration(made, fold, tasks, quick, tmp_path):
    result = finetune(made, [fold], tasks[2:], quick(epochs=1))
    assert result.calibration is None
    result.save(tmp_path / "model")
    assert not (tmp_path / "model" / "calibration.json").exists()
