"""Whatever ends a run, its finished nets are kept, and going on gives the same bytes."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NamedTuple

import pytest

from stratus.corpora.tables.folds import kfold
from stratus.errors import InputError, StratusError
from stratus.files.lock import sole_writer
from stratus.tasks.task import make_task
from stratus.training.finetune import kept as module
from stratus.training.finetune.events import EpochEnded
from stratus.training.finetune.kept import kept_nets
from stratus.training.finetune.options import make_finetune_options
from stratus.training.finetune.run import finetune

SIZES = {"layers": 1, "hidden": 16, "heads": 2, "feed_forward": 16}
OPTIONS = make_finetune_options({"model": SIZES, "epochs": 2, "batch_size": 16, "members": 2})
NETS = 4


class Usage(NamedTuple):
    total: int
    used: int
    free: int


class Stopped(BaseException):
    """As a signal raises it in the command."""


@pytest.fixture(autouse=True)
def refuge(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


@pytest.fixture(scope="module")
def learn(made):
    tasks = [
        make_task({"column": "gap", "unit": "eV"}),
        make_task({"column": "metal", "kind": "binary"}),
    ]

    def learn(out, *, resume=False, options=OPTIONS, stop_at=None):
        """Run as the command does; return how many epochs were learned."""
        seen = []

        def tell(event):
            if isinstance(event, EpochEnded):
                seen.append((event.fold, event.member, event.epoch))
                if len(seen) == stop_at:
                    raise Stopped

        with kept_nets(out, resume=resume) as kept:
            folds = kfold(made, 2, 0)
            finetune(made, folds, tasks, options, on_progress=tell, kept=kept).save(out)
            kept.remove()
        return len(seen)

    return learn


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def straight(learn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight") / "model"
    learn(folder)
    return bytes_of(folder)


@pytest.mark.parametrize("stop_at", [1, 3, 8])
def test_stopped_anywhere_and_taken_up_it_gives_the_same_bytes(learn, straight, tmp_path, stop_at):
    out = tmp_path / "out"
    with pytest.raises(Stopped):
        learn(out, stop_at=stop_at)
    finished = (stop_at - 1) // OPTIONS.epochs
    assert not out.exists()
    assert (tmp_path / "out.parts").exists() == (finished > 0)
    assert learn(out, resume=True) == OPTIONS.epochs * (NETS - finished)
    assert bytes_of(out) == straight
    assert not (tmp_path / "out.parts").exists()
    assert not list(tmp_path.glob(".out*"))


def test_a_disk_that_is_full_at_the_end_loses_nothing(learn, straight, tmp_path, monkeypatch):
    out = tmp_path / "out"

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("stratus.models.bundle.write_weights", full)
        with pytest.raises(StratusError, match=r"out could not be .*No space left") as caught:
            learn(out)
    assert f"4 nets are kept in {out}.parts: " in str(caught.value)
    assert "--resume" in str(caught.value)
    assert not out.exists()
    assert learn(out, resume=True) == 0, "nothing is learned twice"
    assert bytes_of(out) == straight


def test_without_room_for_the_model_nothing_is_learned(learn, tmp_path, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 1000))
    with pytest.raises(StratusError, match=r"out needs room for .* MB are free there; make room"):
        learn(tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tmp"]
    assert not any((tmp_path / "tmp").iterdir())


def test_nets_that_would_take_the_room_of_the_model_are_kept_elsewhere(
    learn, straight, tmp_path, monkeypatch, refuge
):
    out = tmp_path / "out"
    size = sum(map(len, straight.values()))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: Usage(10**9, 0, int(1.2 * size)))
    with pytest.raises(Stopped):
        learn(out, stop_at=5)
    [place] = refuge.iterdir()
    assert not (tmp_path / "out.parts").exists()
    assert place.stat().st_mode & 0o077 == 0
    assert learn(out, resume=True) == OPTIONS.epochs * (NETS - 2)
    assert bytes_of(out) == straight
    assert not any(refuge.iterdir())


def test_a_disk_that_fills_meanwhile_sends_nets_elsewhere(learn, straight, tmp_path, monkeypatch):
    out, real, calls = tmp_path / "out", module.write_checkpoint, []

    def filling(state, folder):
        calls.append(folder)
        if len(calls) > 1 and folder.parent == tmp_path / "out.parts":
            raise module.CheckpointWriteError("full")
        real(state, folder)

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_checkpoint", filling)
        with pytest.raises(Stopped):
            learn(out, stop_at=7)
    with pytest.raises(InputError, match="holds the nets of an interrupted run; go on with"):
        learn(out)
    assert learn(out, resume=True) == OPTIONS.epochs
    assert bytes_of(out) == straight


def test_another_run_does_not_take_up_the_nets(learn, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(Stopped):
        learn(out, stop_at=3)
    other = OPTIONS.model_copy(update={"learning_rate": 1e-3})
    with pytest.raises(StratusError, match=r"were learned with other options.* kept in"):
        learn(out, resume=True, options=other)
    assert learn(out, resume=True) == OPTIONS.epochs * (NETS - 1)


def test_a_damaged_net_is_learned_again(learn, straight, tmp_path, caplog):
    out = tmp_path / "out"
    with pytest.raises(Stopped):
        learn(out, stop_at=5)
    victim = min((tmp_path / "out.parts").glob("net-*/tensors.safetensors"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"!")
    assert learn(out, resume=True) == OPTIONS.epochs * (NETS - 1)
    assert "is damaged and learned again" in caplog.text
    assert bytes_of(out) == straight


def test_a_place_that_others_could_have_made_is_not_trusted(learn, straight, tmp_path, refuge):
    out = tmp_path / "out"
    with pytest.raises(Stopped):
        learn(out, stop_at=3)
    planted = module.KeptNets(out, resume=True).refuge
    (tmp_path / "out.parts").rename(planted)
    planted.chmod(0o777)
    assert learn(out) == OPTIONS.epochs * NETS
    assert bytes_of(out) == straight
    assert planted.exists()
    assert refuge in planted.parents


def test_a_second_run_of_one_model_is_refused_at_once(learn, tmp_path):
    with (
        sole_writer(tmp_path / "out"),
        pytest.raises(InputError, match=r"another run is writing .*out; wait until it has ended"),
    ):
        learn(tmp_path / "out")
    assert learn(tmp_path / "out") == OPTIONS.epochs * NETS


def test_a_damaged_list_of_what_nets_depend_on_is_said(learn, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(Stopped):
        learn(out, stop_at=3)
    run = tmp_path / "out.parts" / "run.json"
    run.write_text("no json")
    with pytest.raises(StratusError, match=r"run.json cannot be read"):
        learn(out, resume=True)
