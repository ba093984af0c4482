"""Wherever a run of several nets is stopped and whichever disk is full, no finished net is lost."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from stratus.errors import StratusError
from stratus.training.finetune import kept as module
from stratus.training.finetune.kept import kept_nets
from stratus.training.fit import Fitted

RUN = {"options": 1}


class Stopped(BaseException):
    """As a signal raises it."""


def weights_of(seed: int) -> torch.Tensor:
    return torch.randn(2, 2, generator=torch.Generator().manual_seed(seed))


def run(out: Path, nets: int, stop_at: int | None, *, resume: bool) -> tuple[list[nn.Module], int]:
    """Learn some nets; return them and how many were learned now."""
    found, learned = [], []

    describing = mock.patch.object(module, "write_kept_description")  # these are no nets of a view
    with kept_nets(out, resume=resume) as kept, describing:
        kept.begin(RUN, nets, mock.Mock())
        for seed in range(nets):
            net = nn.Linear(2, 2, bias=False)

            def learn(*, run: object, net: nn.Module = net, seed: int = seed) -> Fitted:  # noqa: ARG001
                if len(learned) == stop_at:
                    raise Stopped
                learned.append(seed)
                net.weight.data.copy_(weights_of(seed))
                loss = float("inf") if seed else 0.1
                return Fitted(1, 1, 1, loss, (float("nan"), 0.5), (0.1,))

            fitted = kept.learned(net, seed, f"fold-{seed}", learn)
            assert fitted.validation_losses == (0.1,)
            found.append(net)
        kept.remove()
    return found, len(learned)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 4),
    st.lists(st.integers(0, 3), max_size=3),
    st.lists(st.booleans(), min_size=24, max_size=24),
    st.booleans(),
)
def test_no_finished_net_is_lost_or_learned_twice(nets, stops, full, tight):
    failing = iter(full)
    write = module.write_checkpoint
    room = 16 * nets if tight else 10**6

    def filling(state, folder):
        if folder.parent.name == "out.parts" and next(failing, False):
            raise module.CheckpointWriteError("full")
        write(state, folder)

    with (
        tempfile.TemporaryDirectory() as name,
        mock.patch("tempfile.gettempdir", return_value=str(Path(name, "refuge"))),
        mock.patch("os.fsync"),
        mock.patch.object(module, "write_checkpoint", filling),
        mock.patch.object(module.shutil, "disk_usage", return_value=mock.Mock(free=room)),
    ):
        Path(name, "refuge").mkdir()
        out = Path(name, "out")
        done, resume = 0, False
        for stop in stops:
            try:
                found, _ = run(out, nets, stop, resume=resume)
                break
            except Stopped:
                done, resume = done + stop, True
                kept = module.KeptNets(out, resume=True)
                assert kept.count == done
                assert bool(kept.hint()) == bool(done)
        else:
            found, learned = run(out, nets, None, resume=resume)
            assert learned == nets - done
        assert all(torch.equal(net.weight, weights_of(seed)) for seed, net in enumerate(found))
        assert {path.name for path in Path(name).iterdir()} == {"refuge"}, "nothing stays"
        assert not any(Path(name, "refuge").iterdir())


def test_a_net_that_has_room_nowhere_is_said(tmp_path):
    def full(*_):
        raise module.CheckpointWriteError("full")

    with (
        mock.patch("tempfile.gettempdir", return_value=str(tmp_path / "tmp")),
        mock.patch.object(module, "write_checkpoint", full),
        pytest.raises(StratusError, match="no room for a net that was learned"),
    ):
        run(tmp_path / "out", 2, None, resume=False)
