"""A list of shares gives what runs of each alone give, goes on where it stopped, and says so."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from stratus.errors import InputError
from stratus.training.finetune.kept import kept_nets
from stratus.training.finetune.options import make_finetune_options
from stratus.training.finetune.run import finetune


class StoppedError(Exception):
    """What interrupts a run."""


def weights(result):
    return [dict(net.state_dict()) for net in result.members]


def test_each_share_is_learned_as_if_it_were_the_only_one(made, fold, gap, quick, tmp_path):
    together = finetune(made, [fold], [gap], quick(epochs=1, train_share=(1.0, 0.3)))
    alone = {
        share: finetune(made, [fold], [gap], quick(epochs=1, train_share=share))
        for share in (0.3, 1.0)
    }
    assert [one.share for one in together.shares] == [0.3, 1.0]
    for one in together.shares:
        assert one.tasks["gap"] == alone[one.share].spreads("gap")
        assert one.rows == (alone[one.share].folds[0].rows["train"],)
    assert together.shares[0].tasks != together.shares[1].tasks
    [ours], [theirs] = weights(together), weights(alone[1.0])
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert alone[1.0].shares == ()
    assert "shares" not in alone[1.0].summary()
    together.save(tmp_path / "model")
    saved = json.loads((tmp_path / "model" / "metrics.json").read_text())["shares"]
    assert [one["share"] for one in saved] == [0.3, 1.0]
    mae = saved[0]["tasks"]["gap"]["model"]["mae"]["mean"]
    assert mae == alone[0.3].spreads("gap")["model"]["mae"].mean


def test_nets_of_all_shares_are_kept_and_a_run_goes_on(made, fold, gap, quick, tmp_path):
    options = quick(epochs=1, train_share=(0.3, 0.6, 1.0))
    whole = finetune(made, [fold], [gap], options)
    told = []

    def stop(event):
        told.append(event.fold)
        if event.fold == f"{fold.name} (0.6 of the rows)" and hasattr(event, "losses"):
            raise StoppedError

    with pytest.raises(StoppedError), kept_nets(tmp_path / "model", resume=False) as kept:
        finetune(made, [fold], [gap], options, kept=kept, on_progress=stop)
    assert f"{fold.name} (0.3 of the rows)" in told
    with kept_nets(tmp_path / "model", resume=True) as kept:
        assert kept.count == 2
        again = finetune(made, [fold], [gap], options, kept=kept)
        assert kept.count == 3
    assert [one.summary() for one in again.shares] == [one.summary() for one in whole.shares]
    [ours], [theirs] = weights(again), weights(whole)
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("share", [0, 1.2, [], [0.5, 0.5], [0.5, 2]])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(InputError, match="train_share cannot be"):
        make_finetune_options({"train_share": share})
