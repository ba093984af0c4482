"""A training step and inference of EquiformerV2: stratus beside fairchem-core 1.10.

Both get the same batches of 16 crystals with the same edges (the 20 nearest atoms within 12 Å), and
make forward, backward and an AdamW step, or forward alone. Making batches and looking for edges is
not counted; lengths, Gaussians and frames of edges are worked out in each step. Both have the sizes
of a preset, the form (values on a grid, norm of layers), the numbers of Gaussians and the dropout
of the published study, and as many weights; ours is timed with gates in place of grids too.

    python bench/equiformer_step.py [--fairchem PYTHON] [--data DIR] [--preset eqv2-832k]
                                    [--layers N] [--crystals 160] [--turns 5] [--steps 3]

PYTHON is that of an environment of ``bench/peers/fairchem.txt``; without it ours with the form of
fairchem stands in its place. Without the data folder the crystals are made up. The last line is the
rate of training of ours in the form of fairchem over that of fairchem.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import torch
from cgcnn_step import crystals
from real_sets import DATA
from torch import nn
from turns import Ours, Theirs, batches_of, compare

from stratus.encoders.equiformer_sizes import PUBLISHED
from stratus.encoders.equiformer_v2 import EquiformerV2, EquiformerV2Config
from stratus.encoders.table import configure
from stratus.views.graph import GraphConfig, GraphView

BATCH = 16
SAME, GATES = "stratus, form of fairchem", "stratus, gates"
OF_GATES = {"activation": "gate", "grid_mlp": False}


def main() -> None:
    """Time all of them by turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fairchem", metavar="PYTHON", help="of an environment that has fairchem")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--preset", default="eqv2-832k", choices=PUBLISHED)
    parser.add_argument("--layers", type=int, help="in place of those of the preset")
    parser.add_argument("--crystals", type=int, default=160)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="of one turn")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers = {} if options.layers is None else {"layers": options.layers}
    config = configure("equiformer_v2", options.preset, **layers)
    origin, found = crystals(options.data, options.crystals)
    edges = GraphConfig(cutoff_a=config.cutoff_a, max_neighbours=config.max_neighbours)
    batches, mean = batches_of(GraphView(edges), found, BATCH)
    print(f"torch {torch.__version__}, {len(found)} crystals ({origin}), {mean:.0f} edges each")
    print(f"{config.layers} layers, {config.channels} channels, load {os.getloadavg()[0]:.1f}")
    nets: dict[str, Ours | Theirs] = {
        SAME: ours(config, batches),
        GATES: ours(configure("equiformer_v2", options.preset, **layers, **OF_GATES), batches),
    }
    peer = SAME
    if options.fairchem:
        peer = "fairchem"
        sizes = json.dumps(of_fairchem(config, nets[SAME].net[0].element_embedding.num_embeddings))
        nets[peer] = Theirs.of(options.fairchem, "fairchem_turns.py", batches, sizes)
    ratios = compare(nets, peer, BATCH, options.turns, options.steps)
    print(f"ratio: {ratios[SAME][0]:.2f}")


def ours(config: EquiformerV2Config, batches: list[dict[str, torch.Tensor]]) -> Ours:
    """Return our net of a config."""
    encoder = EquiformerV2(config, torch.Generator().manual_seed(0))
    return Ours(encoder, nn.Linear(config.hidden, 1), batches)


def of_fairchem(config: EquiformerV2Config, elements: int) -> dict[str, object]:
    """Return a config in the words of fairchem; elements are rows of their tables."""
    return {
        "max_radius": config.cutoff_a,
        "max_neighbors": config.max_neighbours,
        "max_num_elements": elements,
        "num_layers": config.layers,
        "sphere_channels": config.channels,
        "attn_hidden_channels": config.attention_hidden,
        "num_heads": config.heads,
        "attn_alpha_channels": config.alpha_channels,
        "attn_value_channels": config.value_channels,
        "ffn_hidden_channels": config.feed_forward,
        "edge_channels": config.edge_channels,
        "lmax_list": [config.lmax],
        "mmax_list": [config.mmax],
        "grid_resolution": config.grid_resolution,
        "norm_type": config.norm,
        "use_grid_mlp": config.grid_mlp,
        "use_gate_act": config.activation == "gate",
        "alpha_drop": config.alpha_dropout,
        "drop_path_rate": config.path_dropout,
        "avg_degree": config.mean_degree,
    }


if __name__ == "__main__":
    main()
