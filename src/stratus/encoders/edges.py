"""What an encoder makes of the edges of a graph: lengths, Gaussians of them, and how they fade."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import torch
from torch.nn import functional as fn

from stratus.views.keys import CELLS, CENTRES, NEIGHBOURS, OWNER, POSITIONS, SHIFTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

_LEAST_POWER: Final = -36.8  # exp of it is 1e-16
_SHORTEST_A: Final = 1e-6  # the gradient of a length is not defined at 0


def edge_vectors(batch: Mapping[str, Tensor]) -> Tensor:
    """Return the vectors from centres to neighbours, ``[K, 3]``, in Å.

    Args:
        batch: of the view ``graph``; gradients pass to its positions and cells.
    """
    positions, centres = batch[POSITIONS], batch[CENTRES]
    cells = batch[CELLS].index_select(0, batch[OWNER].index_select(0, centres))
    shifts = batch[SHIFTS].to(positions.dtype).unsqueeze(1)
    ends = positions.index_select(0, batch[NEIGHBOURS]) - positions.index_select(0, centres)
    return ends + (shifts @ cells).squeeze(1)


def edge_lengths(batch: Mapping[str, Tensor]) -> Tensor:
    """Return the lengths of the edges, ``[K]``, in Å; arguments as of :func:`edge_vectors`.

    Atoms in one place are 1e-6 Å apart, without a gradient.
    """
    squares = edge_vectors(batch).square().sum(dim=1)
    return squares.clamp_min(_SHORTEST_A**2).sqrt()


def gaussians(lengths: Tensor, cutoff_a: float, count: int, width_a: float | None = None) -> Tensor:
    """Spread lengths over Gaussians, as CGCNN does.

    Args:
        lengths: ``[K]``, in Å.
        cutoff_a: where the last one stands, in Å; the first one stands at 0.
        count: how many there are, at least 2.
        width_a: how wide each is, in Å; as wide as they are apart if None.

    Returns:
        ``exp(-(length - place)² / width²)``, ``[K, count]``, and 0 where that is below 1e-16, as
        processors take a hundred times as long to multiply numbers near the least of a float.
    """
    step = cutoff_a / (count - 1)
    places = torch.arange(count, dtype=lengths.dtype, device=lengths.device)
    width = step if width_a is None else width_a
    if width != step:
        places = places * (step / width)
    powers = (lengths.unsqueeze(1) / width - places).square().neg().clamp_min(2 * _LEAST_POWER)
    return fn.threshold(powers.exp(), math.exp(_LEAST_POWER), 0.0)


def fading(lengths: Tensor, cutoff_a: float) -> Tensor:
    """Return a weight of each length, 1 at 0, and 0 from the cutoff on.

    The polynomial of DimeNet (Gasteiger et al. 2020, arXiv:2003.03123, p = 6): its first two
    derivatives are 0 at the cutoff.

    Args:
        lengths: ``[K]``, in Å.
        cutoff_a: in Å.

    Returns:
        ``[K]``.
    """
    part = (lengths / cutoff_a).clamp_max(1)
    return 1 + part**6 * (-28 + part * (48 - 21 * part))
