"""Write what matgl's MEGNet gives for made-up crystals, for ``tests/oracle``.

Run once, in an environment of matgl 4.1.2 (which brings PyTorch Geometric) and nothing of stratus:

    python scripts/make_megnet_oracle.py tests/oracle/data/megnet_matgl.safetensors

Weights are random and everything is float64: a small MEGNet (width 6, two blocks), four crystals of
which one atom has no edge, and what comes out: atoms, edges and state after the last block, the
read-out, the first layer behind it, and the gradients of a sum of it by weights and positions. The
same file holds a Set2Set of PyTorch Geometric with two layers and three turns.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import torch

torch.set_default_dtype(torch.float64)  # a script of its own process

GAUSSIANS, LAST_A, SPREAD = 20, 5.0, 2.0**0.5
SIZES = (3, 4, 1, 2)


def graphs(generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Return made-up crystals: the third is one atom without an edge."""
    owner = torch.repeat_interleave(torch.arange(len(SIZES)), torch.tensor(SIZES))
    starts = [sum(SIZES[:k]) for k in range(len(SIZES))]
    centres, neighbours = [], []
    for start, size, edges in zip(starts, SIZES, (20, 30, 0, 11), strict=True):
        centres.append(start + torch.randint(size, (edges,), generator=generator))
        neighbours.append(start + torch.randint(size, (edges,), generator=generator))
    count = sum(map(len, centres))
    shifts = torch.randint(-1, 2, (count, 3), generator=generator)
    shifts[(shifts == 0).all(dim=1), 0] = 1
    cells = 3 * torch.eye(3) + 0.3 * torch.randn(len(SIZES), 3, 3, generator=generator)
    frac = torch.rand(len(owner), 1, 3, generator=generator)
    return {
        "numbers": torch.randint(1, 90, (len(owner),), generator=generator),
        "positions": (frac @ cells[owner]).squeeze(1),
        "cells": cells,
        "centres": torch.cat(centres),
        "neighbours": torch.cat(neighbours),
        "shifts": shifts.to(cells.dtype),
        "owner": owner,
    }


def redrawn(net: torch.nn.Module, generator: torch.Generator) -> torch.nn.Module:
    """Fill weights that are large enough to see each of them in the result."""
    with torch.no_grad():
        for weight in net.parameters():
            if weight.requires_grad:
                spread = weight.shape[-1] ** -0.5 if weight.ndim > 1 else 0.3
                weight.copy_(torch.randn(weight.shape, generator=generator) * spread)
    return net


def megnet(generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Return crystals, weights and what matgl makes of them."""
    from matgl.layers import BondExpansion
    from matgl.models import MEGNet

    expansion = BondExpansion(
        rbf_type="Gaussian", initial=0.0, final=LAST_A, num_centers=GAUSSIANS, width=SPREAD**-2
    )
    net = MEGNet(
        dim_node_embedding=5,
        dim_edge_embedding=GAUSSIANS,
        nblocks=2,
        hidden_layer_sizes_input=(8, 6),
        hidden_layer_sizes_conv=(9, 7, 6),
        hidden_layer_sizes_output=(10, 4),
        nlayers_set2set=2,
        niters_set2set=3,
        cutoff=LAST_A - 1,
        bond_expansion=expansion,
    )
    net = redrawn(net.double(), generator).eval()
    batch = graphs(generator)
    places = batch["positions"].clone().requires_grad_()
    edges = torch.stack([batch["centres"], batch["neighbours"]])
    cells = batch["cells"][batch["owner"][batch["centres"]]]
    graph = SimpleNamespace(
        node_type=batch["numbers"] - 1,
        pos=places,
        edge_index=edges,
        pbc_offshift=(batch["shifts"].unsqueeze(1) @ cells).squeeze(1),
        batch=batch["owner"],
        num_graphs=len(SIZES),
    )
    net(graph, torch.zeros(len(SIZES), 2))
    last = net.feature_dict["gc_2"]
    crystals = net.output_proj.layers[0](net.feature_dict["readout"])
    chosen = torch.randn(crystals.shape, generator=generator)
    (crystals * chosen).sum().backward()
    found = {f"batch.{key}": value for key, value in batch.items()}
    found |= {f"weights.{key}": value.detach() for key, value in net.named_parameters()}
    found |= {f"slopes.{k}": v.grad for k, v in net.named_parameters() if v.grad is not None}
    return found | {
        "found.atoms": last["node_feat"].detach(),
        "found.edges": last["edge_feat"].detach(),
        "found.state": last["state_feat"].detach(),
        "found.readout": net.feature_dict["readout"].detach(),
        "found.crystals": crystals.detach(),
        "chosen": chosen,
        "slope_of_positions": places.grad,
    }


def set2set(generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Return rows, weights and what PyTorch Geometric makes of them."""
    from torch_geometric.nn import Set2Set

    net = redrawn(Set2Set(5, 3, num_layers=2).double(), generator)
    rows = torch.randn(23, 5, generator=generator)
    owner = torch.randint(4, (23,), generator=generator).sort().values
    found = {f"set2set.{key}": value.detach() for key, value in net.named_parameters()}
    read = net(rows, owner, dim_size=4).detach()
    return found | {"set2set.rows": rows, "set2set.owner": owner, "set2set.read": read}


def main() -> None:
    """Write the file that the command names."""
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(0)
    found = {**megnet(generator), **set2set(generator)}
    names = ("torch", "matgl", "torch_geometric")
    save_file(
        {key: value.contiguous() for key, value in found.items()},
        Path(sys.argv[1]),
        metadata={name: version(name) for name in names},
    )


if __name__ == "__main__":
    main()
