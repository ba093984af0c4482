"""Runs in a process of their own, which kills itself when told to."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import torch

from stratus.corpora.tables.folds import without_test
from stratus.corpora.tables.read_tables import read_tables
from stratus.tasks.targets import parse_target
from stratus.training import checkpoints
from stratus.training.finetune.kept import kept_nets
from stratus.training.finetune.options import make_finetune_options
from stratus.training.finetune.run import finetune
from stratus.training.options import make_options
from stratus.training.pretrain import pretrain


def die() -> None:
    """Kill this process as a batch system does: at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(after: int | None, delay: float | None) -> None:
    """Let this process be killed once ``after`` checkpoints are written; None: never.

    With a ``delay`` that many seconds later, wherever the run is then; without, in the middle of
    the next checkpoint's write.
    """
    torch.set_num_threads(1)  # threads that wait for each other are slow on a busy machine
    real, written = checkpoints.save_file, 0

    def start_timer() -> None:
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
        start_timer()

    checkpoints.save_file = counted
    start_timer()


def train(
    table: Path, run: Path, options: dict, after: int | None = None, delay: float | None = None
) -> None:
    """Begin or go on to pre-train, and be killed as :func:`arm` says."""
    arm(after, delay)
    pretrain(table, run, make_options(options), resume=(run / "options.yaml").exists())


def learn(
    table: Path, out: Path, options: dict, after: int | None = None, delay: float | None = None
) -> None:
    """Begin or go on to fine-tune, and be killed as :func:`arm` says."""
    arm(after, delay)
    with kept_nets(out, resume=True) as kept:
        read = read_tables([table], ["size"])
        folds = [without_test(read, 0)]
        tasks = [parse_target("size")]
        finetune(read, folds, tasks, make_finetune_options(options), kept=kept).save(out)
