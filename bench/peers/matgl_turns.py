"""matgl's MEGNet, which makes turns when it is told to; ``bench/megnet_step.py`` starts it.

It reads the batches of a file, then for each line of its input (``train STEPS`` or ``infer STEPS``)
makes so many steps on the next batches and writes the processor seconds that they took.
"""

from __future__ import annotations

import sys
import time
from itertools import cycle
from types import SimpleNamespace

import numpy as np
import torch
from matgl.models import MEGNet
from torch import nn


def main() -> None:
    """Make turns until the input ends."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    held = np.load(sys.argv[1])
    batches = []
    for k in range(int(held["batches"])):
        part = {
            key: torch.from_numpy(held[f"{k}.{key}"])
            for key in ("numbers", "positions", "edges", "offsets", "owner", "target")
        }
        graph = SimpleNamespace(
            node_type=part["numbers"] - 1,
            pos=part["positions"],
            edge_index=part["edges"],
            pbc_offshift=part["offsets"],
            batch=part["owner"],
            num_graphs=len(part["target"]),
        )
        batches.append((graph, torch.zeros(len(part["target"]), 2), part["target"]))
    net: nn.Module = MEGNet(element_types=tuple(held["symbols"].tolist()))
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
                graph, state, target = next(following[kind])
                found = net(graph, state)
                if kind == "train":
                    (found - target).square().mean().backward()
                    optimiser.step()
                    optimiser.zero_grad(set_to_none=True)
        print(time.process_time() - begin, flush=True)


if __name__ == "__main__":
    main()
