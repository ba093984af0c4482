"""Run geometric-algebra-attention once, for the test that compares ours.

    pip install geometric-algebra-attention==0.5.1 torch numpy safetensors
    python scripts/make_gala_oracle.py tests/oracle/data/gala.safetensors

Both layers of pairs (rank 2), with all products and normalised ones, on a few clouds of points, in
float64. The file holds their weights, inputs and outputs. The pseudovectors of products are left
out of the first output of vectors, and part of the second, which is made of the cloud and of its
mirror image.
"""

from __future__ import annotations

import sys

import geometric_algebra_attention.pytorch as gala
import torch
from safetensors.torch import save_file
from torch import nn

CLOUDS, POINTS, WIDTH, INNER = 3, 5, 6, 10
MODES = {
    "invariant_mode": "full",
    "covariant_mode": "full",
    "include_normalized_products": True,
    "merge_fun": "concat",
    "join_fun": "concat",
    "rank": 2,
    "reduce": True,
}
PSEUDOVECTORS = [0, 3]  # in the order of their kernels: of the product, and normalised


def net(inputs: int, outputs: int) -> nn.Sequential:
    """Return a net of two layers."""
    return nn.Sequential(nn.Linear(inputs, INNER), nn.SiLU(), nn.Linear(INNER, outputs))


def main() -> None:
    """Write the file that the first argument names."""
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    positions = torch.randn(CLOUDS, POINTS, 3)
    values = torch.randn(CLOUDS, POINTS, WIDTH)
    invariants = gala.VectorAttention.get_invariant_dims(
        2, "full", include_normalized_products=True
    )
    still = gala.VectorAttention(WIDTH, net(WIDTH, 1), net(invariants, WIDTH), **MODES)
    turning = gala.Vector2VectorAttention(
        WIDTH, net(WIDTH, 1), net(invariants, WIDTH), net(WIDTH, 1), **MODES
    )
    found = {"positions": positions, "values": values}
    with torch.no_grad():
        turning.vector_kernels.copy_(torch.randn(6))
        found["pseudo"] = turning((positions, values))
        found["pseudo_mirrored"] = turning((-positions, values))
        turning.vector_kernels[PSEUDOVECTORS] = 0
        found["still"] = still((positions, values))
        found["turning"] = turning((positions, values))
    for name, layer in {"still": still, "turning": turning}.items():
        found |= {f"{name}.{key}": tensor for key, tensor in layer.state_dict().items()}
    save_file({key: tensor.detach().contiguous() for key, tensor in found.items()}, sys.argv[1])


if __name__ == "__main__":
    main()
