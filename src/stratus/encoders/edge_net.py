"""The radial nets of EquiformerV2: numbers of an edge from its length and its two elements.

``last(silu(norm(second(silu(norm(first(x)))))))`` of ``x = (Gaussians, source, target)``, the
latter learned vectors of the two elements, of each net its own. The first layer is applied to the
Gaussians of all nets at once, and to elements, not to edges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import nn
from torch.nn import functional as fn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_BESIDE_LENGTHS: Final = 1e-3


class EdgeNet(nn.Module):
    """A radial net.

    Args:
        elements: rows of the tables of elements.
        gaussians: Gaussians of a length.
        width: of the inner layers and of the vector of an element.
        outputs: numbers of an edge.
    """

    def __init__(self, elements: int, gaussians: int, width: int, outputs: int) -> None:
        super().__init__()
        self.gaussians = gaussians
        self.source_embedding = nn.Parameter(torch.empty(elements, width))
        self.target_embedding = nn.Parameter(torch.empty(elements, width))
        self.first = nn.Linear(gaussians + 2 * width, width)
        self.first_norm = nn.LayerNorm(width)
        self.second = nn.Linear(width, width)
        self.second_norm = nn.LayerNorm(width)
        self.last = nn.Linear(width, outputs)

    def draw(self, generator: torch.Generator | None) -> None:
        """Fill the vectors of elements afresh; they begin small."""
        for table in (self.source_embedding, self.target_embedding):
            nn.init.uniform_(table, -_BESIDE_LENGTHS, _BESIDE_LENGTHS, generator=generator)

    def forward(self, inner: Tensor) -> Tensor:
        """Return the numbers of edges ``[K, outputs]`` from :func:`first_layers`."""
        x = fn.silu(self.first_norm(inner))
        x = fn.silu(self.second_norm(self.second(x)))
        found: Tensor = self.last(x)
        return found


def first_layers(
    nets: Sequence[EdgeNet], spread: Tensor, numbers: Tensor, centres: Tensor, neighbours: Tensor
) -> list[Tensor]:
    """Return what the first layer of each net makes of edges.

    Args:
        nets: of one width and number of Gaussians.
        spread: Gaussians of the edges, ``[K, gaussians]``.
        numbers: int64 ``[N]``, of the atoms.
        centres: int64 ``[K]``, the targets.
        neighbours: int64 ``[K]``, the sources.

    Returns:
        of each net ``[K, width]``.
    """
    width = nets[0].second.in_features
    sizes = [nets[0].gaussians, width, width]
    pieces = [torch.split(net.first.weight, sizes, dim=1) for net in nets]
    sources = [fn.linear(n.source_embedding, p[1]) for n, p in zip(nets, pieces, strict=True)]
    targets = [fn.linear(n.target_embedding, p[2]) for n, p in zip(nets, pieces, strict=True)]
    source = fn.embedding(numbers, torch.cat(sources, dim=1))
    target = fn.embedding(numbers, torch.cat(targets, dim=1))
    biases = torch.cat([net.first.bias for net in nets])
    found = fn.linear(spread, torch.cat([p[0] for p in pieces]), biases)
    found = found + source.index_select(0, neighbours) + target.index_select(0, centres)
    return list(found.chunk(len(nets), dim=1))
