"""matgl's MEGNet, which makes turns when it is told to; ``bench/megnet_step.py`` starts it."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from answers import answer, read
from matgl.models import MEGNet


def main() -> None:
    """Make turns until the input ends."""
    symbols, parts = read()
    batches = []
    for part in parts:
        graph = SimpleNamespace(
            node_type=part["numbers"] - 1,
            pos=part["positions"],
            edge_index=part["edges"],
            pbc_offshift=part["offsets"],
            batch=part["owner"],
            num_graphs=len(part["target"]),
        )
        batches.append(((graph, torch.zeros(len(part["target"]), 2)), part["target"]))
    net = MEGNet(element_types=tuple(symbols))
    answer(net, net, batches)


if __name__ == "__main__":
    main()
