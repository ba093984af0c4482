"""Heads are fresh unless asked for; a smaller share of the rows is a part of a larger one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stratus.errors import InputError
from stratus.models.bundle import load_bundle
from stratus.scope.dialects import Dialect
from stratus.tasks.by import ByHead
from stratus.tasks.task import make_task
from stratus.training.finetune.fold import with_share
from stratus.training.finetune.run import finetune
from stratus.training.finetune.start import make_start


@pytest.fixture(scope="module")
def model(made, fold, tasks, quick, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage") / "one"
    finetune(made, [fold], tasks[:2], quick(epochs=1)).save(folder, card={"name": "one"})
    return load_bundle(folder)


def head_before_training(options, model, task, normaliser):
    start = make_start(options, model, [task])
    return start.make_net([task], {task.name: normaliser}, seed=1).heads[task.name]


def test_heads_are_fresh_unless_they_are_to_be_kept(model, gap, quick):
    theirs = model.heads["gap"]
    kept = head_before_training(quick(keep_heads=True), model, gap, theirs.normaliser)
    fresh = head_before_training(quick(), model, gap, theirs.normaliser)
    for name, weight in theirs.state_dict().items():
        assert torch.equal(kept.state_dict()[name], weight)
        assert kept.state_dict()[name].data_ptr() != weight.data_ptr()
    assert not torch.equal(fresh.state_dict()["out.weight"], theirs.state_dict()["out.weight"])


def test_each_net_starts_from_another_member_of_the_group(made, fold, tasks, gap, quick, tmp_path):
    finetune(made, [fold], tasks[:2], quick(epochs=1, members=2)).save(tmp_path / "two", card={})
    two = load_bundle(tmp_path / "two")
    start = make_start(quick(keep_heads=True), two, [gap])
    normaliser = {"gap": two.heads["gap"].normaliser}
    for member in range(3):
        net = start.make_net([gap], normaliser, seed=1, member=member)
        theirs = two.members[member % 2]
        for ours, given in (
            (net.encoder, theirs.encoder),
            (net.heads["gap"], theirs.heads["gap"]),
        ):
            for name, weight in given.state_dict().items():
                assert torch.equal(ours.state_dict()[name], weight)
    first, second = (each.heads["gap"].state_dict()["out.weight"] for each in two.members)
    assert not torch.equal(first, second)


def test_a_kept_head_keeps_its_normaliser_and_another_target_is_fitted(
    model, made, fold, gap, tasks, quick
):
    import dataclasses

    labels = made.labels.copy()
    labels[:, :2] += 1.0
    moved = dataclasses.replace(made, labels=labels)
    chosen = (gap, tasks[2])
    for keep in (True, False):
        found = finetune(moved, [fold], chosen, quick(epochs=1, keep_heads=keep), model=model)
        [one] = found.folds
        assert (one.normalisers["gap"] == model.heads["gap"].normaliser) == keep
        assert one.normalisers["gap"] == one.nets[0].heads["gap"].normaliser
        assert one.normalisers["metal"].mean == 0.0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"by": ByHead(layers=2)},
            "the head gap of the model 'one' has layers 1, but 2 is asked for",
        ),
        ({"unit": "meV"}, "the head gap of the model 'one' has unit 'eV', but 'meV'"),
        ({"loss": "gaussian"}, "has outputs 1, but 2"),
        ({"name": "other"}, "has no head to keep for other; it has gap, heat"),
    ],
)
def test_a_head_for_something_else_is_not_kept(model, quick, changes, sentence):
    task = make_task({"column": "gap", "unit": "eV"} | changes)
    with pytest.raises(InputError) as caught:
        make_start(quick(keep_heads=True), model, [task])
    assert sentence in str(caught.value)


def test_heads_are_kept_of_a_model_only(quick, gap):
    with pytest.raises(InputError, match="heads can be kept of a model only"):
        make_start(quick(keep_heads=True), None, [gap])


def test_shares_are_nested_and_touch_training_rows_alone(made, fold):
    parts = {share: with_share(fold, made, share, 0) for share in (0.1, 0.3, 0.8, 1.0)}
    rows = [set(part.train.tolist()) for part in parts.values()]
    assert rows[0] < rows[1] < rows[2] < rows[3] == set(fold.train.tolist())
    for share, part in parts.items():
        assert len(part.train) == int(np.ceil(share * len(fold.train)))
        assert np.array_equal(part.train, np.sort(part.train))
        assert np.array_equal(part.validation, fold.validation)
        assert np.array_equal(part.test, fold.test)
    other = with_share(fold, made, 0.3, 1)
    assert set(other.train.tolist()) != rows[1]


def test_a_row_is_in_a_share_whatever_the_order_of_the_table(made, fold):
    import dataclasses

    order = np.random.default_rng(2).permutation(len(made))
    place = np.argsort(order)
    turned = dataclasses.replace(
        made,
        ids=tuple(made.ids[k] for k in order),
        crystals=Dialect.ORBIT.crystals(tuple(made.scopes[k] for k in order), made.n_atoms[order]),
        labels=made.labels[order],
    )
    moved = dataclasses.replace(fold, train=np.sort(place[fold.train]))
    one = {made.ids[row] for row in with_share(fold, made, 0.3, 0).train}
    assert {turned.ids[row] for row in with_share(moved, turned, 0.3, 0).train} == one


def test_models_and_baselines_see_the_share_alone(made, fold, gap, quick):
    result = finetune(made, [fold], [gap], quick(epochs=1, train_share=0.4))
    [found] = result.folds
    used = with_share(fold, made, 0.4, 0).train
    labels = made.labels[used, 0]
    assert found.rows["train"] == np.isfinite(labels).sum()
    assert found.normalisers["gap"].mean == pytest.approx(np.nanmean(labels))
    mean = np.abs(made.labels[fold.test, 0] - np.nanmean(labels))
    assert found.scores["gap"]["mean"]["mae"] == pytest.approx(np.nanmean(mean))
    assert result.summary()["options"]["train_share"] == 0.4
