"""Killed ten times, twice of them in the middle of a checkpoint's write, a run ends the same."""

from __future__ import annotations

import multiprocessing
import random
import signal

import pytest
from killable import learn, train

from stratus.files.sealed import verify
from stratus.training.checkpoints import steps_in

KILLS, IN_A_WRITE = 10, {2, 5}


@pytest.fixture(scope="module")
def ended():
    """Run a function of `killable` in a process of its own; return how that ended."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["stratus.training.pretrain", "stratus.training.finetune.run"])

    def ended(run, *arguments):
        process = processes.Process(target=run, args=arguments)
        process.start()
        process.join()
        return process.exitcode

    return ended


def kills(seed):
    """Say when each process is killed: after how many checkpoints, and how long after."""
    draw = random.Random(seed)
    for k in range(KILLS):
        yield (0, None) if k in IN_A_WRITE else (draw.randrange(3), draw.uniform(0, 0.1))


@pytest.mark.slow
def test_pre_training_ends_bit_for_bit_as_one_run(table, tiny, tmp_path, ended):
    options = tiny | {"epochs": 30, "checkpoint_every": 5, "log_every": 7}
    straight, run = tmp_path / "straight", tmp_path / "run"
    assert ended(train, table, straight, options) == 0
    reached = []
    for killed in kills(11):
        assert ended(train, table, run, options, *killed) == -signal.SIGKILL
        parts = list((run / "checkpoints").glob(".step-*.part-*"))
        assert parts or killed[1] is not None
        steps = steps_in(run / "checkpoints")
        for step in steps:
            verify(run / f"checkpoints/step-{step:06d}")
        reached.append(steps[-1] if steps else 0)
    assert reached == sorted(reached)
    assert len(set(reached)) > 2  # they came at different moments
    assert ended(train, table, run, options) == 0
    logs = ("logs/train.csv", "logs/validation.csv")
    for name in ("metrics.json", "bundle/weights.safetensors", *logs):
        assert (run / name).read_bytes() == (straight / name).read_bytes(), name
    assert not list((run / "checkpoints").glob(".*"))


@pytest.mark.slow
def test_fine_tuning_ends_bit_for_bit_as_one_run(labels, tiny, tmp_path, ended):
    sizes = {"model": tiny["model"], "batch_size": 16, "accelerator": "cpu", "precision": "32"}
    how = {"epochs": 15, "members": 2, "hide": 0.3, "ema": 0.9, "freeze_epochs": 1}
    options = sizes | how | {"checkpoint_every": 5, "checkpoint_seconds": 0, "log_every": 7}
    straight, out = tmp_path / "straight", tmp_path / "out"
    assert ended(learn, labels, straight, options) == 0
    reached = []
    for killed in kills(5):
        assert ended(learn, labels, out, options, *killed) == -signal.SIGKILL
        assert not out.exists()
        done = tmp_path.glob("out.parts/net-*/MANIFEST.json")
        begun = tmp_path.glob("out.parts/fit-*/step-*/MANIFEST.json")
        steps = [int(path.parent.name.removeprefix("step-")) for path in begun]
        reached.append((len(list(done)), max(steps, default=0)))
    assert reached == sorted(reached)
    assert len(set(reached)) > 2
    assert ended(learn, labels, out, options) == 0
    for path in straight.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes(), path.name
    curves = sorted(tmp_path.glob("straight.logs/*/[tv]*.csv"))
    assert [path.name for path in curves].count("validation.csv") == 2
    for path in curves:
        if path.name != "throughput.csv":
            ours = tmp_path / "out.logs" / path.parent.name / path.name
            assert ours.read_text() == path.read_text(), path
    assert not (tmp_path / "out.parts").exists()
