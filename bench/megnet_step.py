"""A training step and inference of MEGNet: stratus beside matgl, crystals a second of a processor.

Both get the same batches of 32 crystals with the same edges (all within 4 Å), and make forward,
backward and an AdamW step, or forward alone. Making the batches is not counted; both work lengths
and Gaussians of edges out in each step. matgl has its own sizes (three blocks, 100 Gaussians,
189,521 weights). Ours has them once as they are there, shifted softplus included, and once as
its preset ``small`` (smaller nets of edges, 32 Gaussians, silu), with a head of one linear layer.

    python bench/megnet_step.py [--matgl PYTHON] [--data DIR] [--crystals 640] [--turns 7]
                                [--steps 10]

PYTHON is that of an environment of ``bench/peers/matgl.txt``; without it ours with matgl's sizes
stands in its place. Without the data folder the crystals are made up. All run by turns, on one
thread each, and wait for one another; a rate is the median of the turns. The last line is the rate
of training of our ``small`` over that of matgl.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from cgcnn_step import crystals
from real_sets import DATA
from torch import nn
from turns import Ours, Theirs, batches_of, compare

from stratus.encoders.megnet import Megnet
from stratus.encoders.table import configure
from stratus.views.graph import GraphConfig, GraphView

if TYPE_CHECKING:
    from torch import Tensor

BATCH, CUTOFF_A = 32, 4.0
EDGES = {"cutoff_a": CUTOFF_A, "max_neighbours": None}
OF_MATGL = {
    "element_embedding": 16,
    "hidden": 32,
    "gaussians": 100,
    "gaussian_width_a": 0.5,
    "activation": "shifted-softplus",
    "element_properties": False,
    "edge_dense": None,
    "edge_update": None,
}
SOFTPLUS = {"activation": "shifted-softplus"}


def ours(batches: list[dict[str, Tensor]], values: dict[str, object]) -> Ours:
    """Return our net with values other than those of ``small``."""
    config = configure("megnet", "small", **EDGES, **values)
    encoder = Megnet(config, torch.Generator().manual_seed(0))
    head = nn.Linear(config.hidden, 1)
    if values is OF_MATGL:  # its read-out has two layers more
        layers = [nn.Softplus(), nn.Linear(32, 16), nn.Softplus(), nn.Linear(16, 1)]
        head = nn.Sequential(*layers)
    return Ours(encoder, head, batches)


def main() -> None:
    """Time all of them by turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--matgl", metavar="PYTHON", help="of an environment that has matgl")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--crystals", type=int, default=640)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--steps", type=int, default=10, help="of one turn")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    origin, found = crystals(options.data, options.crystals)
    batches, edges = batches_of(GraphView(GraphConfig(**EDGES)), found, BATCH)
    print(f"torch {torch.__version__}, {len(found)} crystals ({origin}), {edges:.0f} edges each")

    nets: dict[str, Ours | Theirs] = {
        "stratus, small": ours(batches, {}),
        "stratus, small, softplus": ours(batches, SOFTPLUS),
        "stratus, sizes of matgl": ours(batches, OF_MATGL),
    }
    peer = "stratus, sizes of matgl"
    if options.matgl:
        peer = "matgl"
        nets[peer] = Theirs.of(options.matgl, "matgl_turns.py", batches)
    ratios = compare(nets, peer, BATCH, options.turns, options.steps)
    print(f"ratio: {ratios['stratus, small'][0]:.2f}")


if __name__ == "__main__":
    main()
