"""Where a run computes, how precisely, and where its random numbers come from."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

_RANKS: Final = ("RANK", "LOCAL_RANK", "SLURM_PROCID")


def is_first_process() -> bool:
    """Whether this is the one process, or the first of several; asks where launchers write it."""
    return next((os.environ[name] for name in _RANKS if name in os.environ), "0") == "0"


def device_here(accelerator: str = "auto") -> torch.device:
    """Return the kind of device to learn on: by default a GPU with CUDA if there is one."""
    on_gpu = accelerator == "cuda" or (accelerator == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if on_gpu else "cpu")


@contextmanager
def on_device(*modules: nn.Module) -> Iterator[None]:
    """Put modules on the device to learn on inside the block; afterwards they are on the CPU."""
    device = device_here()
    try:
        for module in modules:
            module.to(device)
        yield
    finally:
        for module in modules:
            module.cpu()


def resolve_precision(wanted: str, device: torch.device) -> str:
    """Return ``32`` or ``bf16``; ``auto`` is bf16 on a GPU that has it, else 32."""
    if wanted != "auto":
        return wanted
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "32"


def trainer_precision(precision: str) -> Any:
    """Return Lightning's name of a precision; weights are kept in float32 either way."""
    return "bf16-mixed" if precision == "bf16" else "32-true"


def own_random_numbers(device: torch.device) -> Any:
    """Leave torch's random numbers to the caller as they were; dropout sets its own each step."""
    if device.type == "cpu":
        return torch.random.fork_rng(devices=[])
    return torch.random.fork_rng(devices=[int(os.environ.get("LOCAL_RANK", "0"))])


def seed_dropout(*key: int) -> None:
    """Let torch's random numbers, which only dropout uses, depend on some numbers alone."""
    words = np.random.SeedSequence(key).generate_state(1, np.uint64)
    torch.manual_seed(int(words[0]))
