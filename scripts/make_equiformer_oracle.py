"""Run fairchem's EquiformerV2 with random weights, and keep weights, inputs and outputs.

Needs an environment of its own, with torch, e3nn, safetensors and fairchem-core 1.10.0 and what it
imports; torch_scatter, of which nothing is used here, is stood in for. Frames of edges, which are
turned at random there, are those of the least rotation, so that values on a grid agree too.

    python scripts/make_equiformer_oracle.py tests/oracle/data/equiformer_v2.safetensors
"""

import sys
import types
from itertools import product

import e3nn  # noqa: F401 - fairchem asks whether it was imported
import torch
from safetensors.torch import save_file

stand_in = types.ModuleType("torch_scatter")
stand_in.scatter = stand_in.scatter_add = stand_in.segment_coo = stand_in.segment_csr = None
sys.modules["torch_scatter"] = stand_in

from fairchem.core.models.base import GraphData  # noqa: E402 - behind the stand-in
from fairchem.core.models.equiformer_v2.equiformer_v2 import EquiformerV2Backbone  # noqa: E402 - behind the stand-in
from fairchem.core.models.equiformer_v2.heads import EqV2ScalarHead  # noqa: E402 - behind the stand-in

CUTOFF_A = 4.0
SIZES = {
    "max_radius": CUTOFF_A,
    "max_num_elements": 40,
    "num_layers": 2,
    "sphere_channels": 4,
    "attn_hidden_channels": 3,
    "num_heads": 2,
    "attn_alpha_channels": 3,
    "attn_value_channels": 2,
    "ffn_hidden_channels": 5,
    "edge_channels": 4,
    "lmax_list": [4],
    "mmax_list": [2],
    "grid_resolution": 18,
    "avg_degree": 20.0,
    "avg_num_nodes": 1.0,
    "alpha_drop": 0.0,
    "drop_path_rate": 0.0,
}
FORMS = {
    "gate": {"use_gate_act": True, "norm_type": "rms_norm_sh"},
    "s2": {"norm_type": "layer_norm_sh"},
    "grid_mlp": {"use_grid_mlp": True, "norm_type": "layer_norm_sh"},
}


def crystals() -> dict[str, torch.Tensor]:
    """Two crystals of three and two atoms, the second with edges along the axes."""
    generator = torch.Generator().manual_seed(0)
    low = torch.diag(torch.tensor([3.3, 3.5, 3.7])) + 0.2 * torch.randn(3, 3, generator=generator)
    cells = torch.stack([low, 3.6 * torch.eye(3)])
    fracs = [torch.rand(3, 3, generator=generator), torch.tensor([[0.0] * 3, [0.5] * 3])]
    positions = torch.cat([frac @ cell for frac, cell in zip(fracs, cells, strict=True)])
    owner = torch.tensor([0, 0, 0, 1, 1])
    edges = []
    for i, j in product(range(5), range(5)):
        if owner[i] == owner[j]:
            for shift in product(range(-2, 3), repeat=3):
                moved = torch.tensor(shift, dtype=torch.float64) @ cells[owner[i]]
                length = (positions[j] + moved - positions[i]).norm()
                if 1e-6 < length < CUTOFF_A:
                    edges.append((i, j, *shift))
    edges = torch.tensor(edges)
    return {
        "numbers": torch.tensor([3, 17, 38, 11, 17]),
        "positions": positions,
        "cells": cells,
        "owner": owner,
        "centres": edges[:, 0].contiguous(),
        "neighbours": edges[:, 1].contiguous(),
        "shifts": edges[:, 2:].double(),
    }


def frames(vectors: torch.Tensor) -> torch.Tensor:
    """The least rotations to y, of those below after half a turn about x."""
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    half = torch.diag(torch.tensor([1.0, -1, -1]))
    below = (unit[:, 1] < 0)[:, None]
    x, y, z = torch.where(below, unit @ half, unit).unbind(1)
    away = 1 / (1 + y)
    rows = [1 - x * x * away, -x, -x * z * away, x, y, z, -x * z * away, -z, 1 - z * z * away]
    turn = torch.stack(rows, dim=1).view(-1, 3, 3)
    return torch.where(below[:, :, None], turn @ half, turn)


def main() -> None:
    """Write the file that the command line names."""
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    batch = crystals()
    kept = {f"batch.{key}": value for key, value in batch.items()}
    ends = batch["positions"][batch["neighbours"]] - batch["positions"][batch["centres"]]
    cells = batch["cells"][batch["owner"][batch["centres"]]]
    vectors = ends + torch.einsum("ki,kij->kj", batch["shifts"], cells)
    for form, values in FORMS.items():
        model = EquiformerV2Backbone(**SIZES, **values).eval()
        head = EqV2ScalarHead(model).eval()
        for module in (model, head):
            for parameter in module.parameters():  # biases and norms that do something
                parameter.data += 0.1 * torch.randn_like(parameter)
        graph = GraphData(
            edge_index=torch.stack([batch["neighbours"], batch["centres"]]),
            edge_distance=vectors.norm(dim=1),
            edge_distance_vec=vectors,
            cell_offsets=batch["shifts"],
            offset_distances=batch["shifts"],
            neighbors=None,
            batch_full=batch["owner"],
            atomic_numbers_full=batch["numbers"],
            node_offset=0,
        )
        model.generate_graph = lambda *_, graph=graph, **__: graph
        model._init_edge_rot_mat = lambda *_: frames(vectors)  # noqa: SLF001 - it is turned at random
        data = types.SimpleNamespace(
            natoms=torch.tensor([3, 2]),
            pos=batch["positions"],
            atomic_numbers=batch["numbers"],
            batch=batch["owner"],
        )
        with torch.no_grad():
            found = model(data)
            kept[f"{form}.features"] = found["node_embedding"].embedding.clone()
            kept[f"{form}.energy"] = head(data, found)["energy"]
        kept |= {f"{form}.model.{name}": p.detach() for name, p in model.named_parameters()}
        kept |= {f"{form}.head.{name}": p.detach() for name, p in head.named_parameters()}
    save_file({key: value.contiguous() for key, value in kept.items()}, sys.argv[1])


if __name__ == "__main__":
    main()
