"""A training run in a process of its own, which a test may kill."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from stratus.training import checkpoints
from stratus.training.options import make_options
from stratus.training.pretrain import pretrain


def train(table: Path, run: Path, options: dict, writing: Path | None) -> None:
    """Begin or go on; with ``writing``, make that file in the middle of a checkpoint's write."""
    torch.set_num_threads(1)  # threads that wait for each other are slow on a busy machine
    if writing is not None:
        real = checkpoints.save_file

        def slow(tensors: object, path: Path) -> None:
            real(tensors, path)
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2])
            writing.touch()
            time.sleep(60)

        checkpoints.save_file = slow
    pretrain(table, run, make_options(options), resume=(run / "options.yaml").exists())
