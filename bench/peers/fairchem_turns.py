"""fairchem's EquiformerV2, which makes turns when told to; ``bench/equiformer_step.py`` starts it.

The sizes come as JSON, the second argument. Edges are given, not looked for; torch_scatter, of
which nothing is used here, is stood in for. The mean of the scalars of the atoms goes through two
linear layers, as ours does.
"""

from __future__ import annotations

import json
import sys
import types
from copy import copy

stand_in = types.ModuleType("torch_scatter")
stand_in.scatter = stand_in.scatter_add = stand_in.segment_coo = stand_in.segment_csr = None
sys.modules["torch_scatter"] = stand_in

import e3nn  # noqa: E402, F401 - fairchem asks whether it was imported
import torch  # noqa: E402 - behind the stand-in
from answers import answer, read  # noqa: E402 - likewise
from fairchem.core.models.base import GraphData  # noqa: E402 - likewise
from fairchem.core.models.equiformer_v2.equiformer_v2 import EquiformerV2Backbone  # noqa: E402 - likewise
from torch import nn  # noqa: E402 - likewise


class Net(nn.Module):
    """The backbone, and a head of one number a crystal.

    Args:
        sizes: of the backbone.
    """

    def __init__(self, sizes: dict[str, object]) -> None:
        super().__init__()
        self.backbone = EquiformerV2Backbone(**sizes)
        channels = self.backbone.sphere_channels
        self.head = nn.Sequential(nn.Linear(channels, channels), nn.Linear(channels, 1))

    def forward(self, graph: GraphData, data: types.SimpleNamespace) -> torch.Tensor:
        """Return the numbers of crystals, ``[B]``."""
        own = copy(graph)  # the backbone puts Gaussians in the place of its distances
        self.backbone.generate_graph = lambda *_, **__: own
        scalars = self.backbone(data)["node_embedding"].embedding[:, 0]
        sums = scalars.new_zeros(len(data.natoms), scalars.shape[1])
        means = sums.index_add(0, data.batch, scalars) / data.natoms.unsqueeze(1)
        return self.head(means).squeeze(1)


def main() -> None:
    """Make turns until the input ends."""
    _, parts = read()
    batches = []
    for part in parts:
        centres, neighbours = part["edges"]
        positions, owner = part["positions"].float(), part["owner"]
        vectors = positions[neighbours] + part["offsets"].float() - positions[centres]
        graph = GraphData(
            edge_index=torch.stack([neighbours, centres]),
            edge_distance=vectors.norm(dim=1),
            edge_distance_vec=vectors,
            cell_offsets=part["offsets"],
            offset_distances=part["offsets"],
            neighbors=None,
            batch_full=owner,
            atomic_numbers_full=part["numbers"],
            node_offset=0,
        )
        data = types.SimpleNamespace(
            natoms=owner.bincount(),
            pos=positions,
            atomic_numbers=part["numbers"],
            batch=owner,
        )
        batches.append(((graph, data), part["target"]))
    net = Net(json.loads(sys.argv[2]))
    answer(net, net, batches)


if __name__ == "__main__":
    main()
