"""Killed ten times, twice of them in the middle of a checkpoint's write, a run ends the same."""

from __future__ import annotations

import multiprocessing
import random
import time

import pytest
from killable import train

from stratus.sealed import verify
from stratus.training.checkpoints import steps_in

RESULT = ("metrics.json", "bundle/weights.safetensors", "logs/train.csv", "logs/validation.csv")
KILLS, IN_A_WRITE = 10, {2, 5}


@pytest.mark.slow
def test_killed_ten_times_and_resumed_it_ends_bit_for_bit_as_one_run(table, tiny, tmp_path):
    options = tiny | {"epochs": 40, "checkpoint_every": 5, "log_every": 7}
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["stratus.training.pretrain"])

    def start(run, writing=None):
        process = processes.Process(target=train, args=(table, run, options, writing))
        process.start()
        return process

    straight, run, draw = tmp_path / "straight", tmp_path / "run", random.Random(11)
    began = time.monotonic()
    whole = start(straight)
    whole.join()
    assert whole.exitcode == 0
    longest = time.monotonic() - began

    reached = []
    for k in range(KILLS):
        writing = tmp_path / f"writing-{k}" if k in IN_A_WRITE else None
        process = start(run, writing)
        deadline = time.monotonic() + (30 if writing else draw.uniform(0.02, 0.15) * longest)
        while time.monotonic() < deadline and not (writing and writing.exists()):
            time.sleep(0.005)
        process.kill()
        process.join()
        assert process.exitcode in {-9, 0}
        assert writing is None or list((run / "checkpoints").glob(".step-*.part-*"))
        steps = steps_in(run / "checkpoints")
        for step in steps:
            verify(run / f"checkpoints/step-{step:06d}")
        reached.append(steps[-1] if steps else 0)
    assert len(set(reached)) > 2  # they came at different moments

    last = start(run)
    last.join()
    assert last.exitcode == 0
    for name in RESULT:
        assert (run / name).read_bytes() == (straight / name).read_bytes(), name
    assert not list((run / "checkpoints").glob(".*"))
