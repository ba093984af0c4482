"""Rows that belong together, end to end in a tensor: their sums, means and softmaxes.

Rows are the atoms of crystals, or the edges of atoms; ``owner`` says what each belongs to, in any
order. No graph library is needed: ``index_add`` of torch is as fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def sums(rows: Tensor, owner: Tensor, count: int) -> Tensor:
    """Return the sum of the rows of each owner.

    Args:
        rows: ``[n, ...]``.
        owner: int64 ``[n]``, from 0 to ``count - 1``.
        count: how many owners there are.

    Returns:
        ``[count, ...]``; 0 for an owner without rows.
    """
    return rows.new_zeros(count, *rows.shape[1:]).index_add(0, owner, rows)


def means(rows: Tensor, owner: Tensor, count: int) -> Tensor:
    """Return the mean of the rows of each owner; as :func:`sums`."""
    numbers = sums(rows.new_ones(rows.shape[0]), owner, count).clamp_min(1)
    return sums(rows, owner, count) / numbers.view(-1, *[1] * (rows.ndim - 1))


def counts(owner: Tensor, count: int) -> Tensor:
    """Return how many rows each owner has, int64 ``[count]``; arguments as of :func:`sums`.

    As ``bincount``, but its size is known before its values, which graphs of ONNX need.
    """
    return owner.new_zeros(count).index_add(0, owner, torch.ones_like(owner))


def softmax(
    scores: Tensor, owner: Tensor, count: int, weights: Tensor | None = None, rest: float = 0.0
) -> Tensor:
    """Return the softmax of scores over the rows of each owner.

    Args:
        scores: ``[n, ...]``.
        owner: int64 ``[n]``.
        count: how many owners there are.
        weights: at least 0, of the shape of scores or ``[n, 1, ...]``, multiply the exponentials;
            where they fade to 0, so does the share of a row, smoothly.
        rest: added to each sum of exponentials, in units of ``exp(0)``. With more than 0, the
            shares of rows whose weights all fade go to 0 and stay smooth.

    Returns:
        shares ``[n, ...]`` from 0 to 1 whose sum over an owner is 1 (less with ``rest``).
    """
    least = 0.0 if rest else -torch.inf
    highest = scores.new_full((count, *scores.shape[1:]), least)
    index = owner.view(-1, *[1] * (scores.ndim - 1)).expand_as(scores)
    highest = highest.scatter_reduce(0, index, scores.detach(), "amax")
    powers = (scores - highest.index_select(0, owner)).exp()
    if weights is not None:
        powers = powers * weights
    total = sums(powers, owner, count)
    if rest:
        total = total + rest * (-highest).exp()
    return powers / total.clamp_min(torch.finfo(total.dtype).tiny).index_select(0, owner)
