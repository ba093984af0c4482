"""Killed ten times, twice of them in the middle of a checkpoint's write, a run ends the same."""

from __future__ import annotations

import multiprocessing
import random
import signal

import pytest
from killable import train

from stratus.files.sealed import verify
from stratus.training.checkpoints import steps_in

RESULT = ("metrics.json", "bundle/weights.safetensors", "logs/train.csv", "logs/validation.csv")
KILLS, IN_A_WRITE = 10, {2, 5}


@pytest.mark.slow
def test_killed_ten_times_and_resumed_it_ends_bit_for_bit_as_one_run(table, tiny, tmp_path):
    options = tiny | {"epochs": 40, "checkpoint_every": 5, "log_every": 7}
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["stratus.training.pretrain"])

    def ended(run, *killed):
        process = processes.Process(target=train, args=(table, run, options, *killed))
        process.start()
        process.join()
        return process.exitcode

    straight, run, draw = tmp_path / "straight", tmp_path / "run", random.Random(11)
    assert ended(straight) == 0

    reached = []
    for k in range(KILLS):
        in_a_write = k in IN_A_WRITE
        killed = (0, None) if in_a_write else (draw.randrange(3), draw.uniform(0, 0.2))
        assert ended(run, *killed) == -signal.SIGKILL
        parts = list((run / "checkpoints").glob(".step-*.part-*"))
        assert parts or not in_a_write
        steps = steps_in(run / "checkpoints")
        for step in steps:
            verify(run / f"checkpoints/step-{step:06d}")
        reached.append(steps[-1] if steps else 0)
    assert reached == sorted(reached)
    assert len(set(reached)) > 2  # they came at different moments

    assert ended(run) == 0
    for name in RESULT:
        assert (run / name).read_bytes() == (straight / name).read_bytes(), name
    assert not list((run / "checkpoints").glob(".*"))
