"""What the nets of ``bench/peers`` have in common: they read batches and make turns when told to.

A script of a package gives its net; :func:`answer` writes how many numbers it learns, then for
each line of its input (``train STEPS`` or ``infer STEPS``) makes so many steps on the next batches
and writes the processor seconds that they took. ``bench/turns.py`` starts it.
"""

from __future__ import annotations

import sys
import time
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

KEYS = ("numbers", "positions", "edges", "offsets", "owner", "target")


def read() -> tuple[list[str], list[dict[str, Tensor]]]:
    """Return the symbols of the elements and the batches of the file of the command line."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    held = np.load(sys.argv[1])
    batches = [
        {key: torch.from_numpy(held[f"{k}.{key}"]) for key in KEYS}
        for k in range(int(held["batches"]))
    ]
    return held["symbols"].tolist(), batches


def answer(
    net: nn.Module, forward: Callable[..., Tensor], batches: list[tuple[tuple[object, ...], Tensor]]
) -> None:
    """Make turns until the input ends.

    Args:
        net: what learns.
        forward: its numbers, one a crystal.
        batches: what ``forward`` takes, and the targets.
    """
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=1e-3, fused=True)
    following = {"train": cycle(batches), "infer": cycle(batches)}
    print(sum(weight.numel() for weight in weights), flush=True)
    for line in sys.stdin:
        kind, steps = line.split()
        net.train(kind == "train")
        begin = time.process_time()
        with torch.set_grad_enabled(kind == "train"):
            for _ in range(int(steps)):
                given, target = next(following[kind])
                found = forward(*given)
                if kind == "train":
                    (found - target).square().mean().backward()
                    optimiser.step()
                    optimiser.zero_grad(set_to_none=True)
        print(time.process_time() - begin, flush=True)
