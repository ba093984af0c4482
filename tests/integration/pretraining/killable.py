"""A training run in a process of its own, which kills itself when told to."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import torch

from stratus.training import checkpoints
from stratus.training.options import make_options
from stratus.training.pretrain import pretrain


def die() -> None:
    """Kill this process as a batch system does: at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def train(
    table: Path, run: Path, options: dict, after: int | None = None, delay: float | None = None
) -> None:
    """Begin or go on, and be killed once ``after`` checkpoints of this process are written.

    With a ``delay`` that many seconds later, wherever the run is then; without, in the middle of
    the next checkpoint's write.
    """
    torch.set_num_threads(1)  # threads that wait for each other are slow on a busy machine
    real, written = checkpoints.save_file, 0

    def arm() -> None:
        if written == after and delay is not None:
            timer = threading.Timer(delay, die)
            timer.daemon = True
            timer.start()

    def counted(tensors: object, path: Path) -> None:
        nonlocal written
        real(tensors, path)
        if written == after and delay is None:
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2])
            die()
        written += 1
        arm()

    checkpoints.save_file = counted
    arm()
    pretrain(table, run, make_options(options), resume=(run / "options.yaml").exists())
