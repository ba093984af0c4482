"""Attention over pairs of the neighbours of an atom, by the geometric product of their vectors.

The product of two vectors in the geometric algebra of space is a scalar, their dot product, and a
bivector, the area that they span. What does not turn of it (the scalar, and the norm of the
bivector) says how a pair lies; a net makes values of it, another one scores, and the pairs of an
atom are summed by the softmax of their scores. What turns is summed likewise, each vector with a
factor that does not turn.
Source: Spellings 2021, arXiv:2110.02393, Eqs. 1-3, for pairs (rank 2), with all products up to
there and their normalised ones; and the package geometric-algebra-attention 0.5.1, layers
``VectorAttention``, ``Vector2VectorAttention`` and ``TiedVectorAttention``, whose numbers
``tests/oracle`` holds ours against.

Other than there:

- Linear layers in a row are one: the last one of the value net and the one that joins; those that
  merge and the one that joins. Scores and factors come from one net, which with twice the inner
  length holds two.
- Normalised vectors have length 1, which says nothing, and are no invariants here.
- The dual of a bivector is a pseudovector: it turns like a vector and is not mirrored like one, so
  it is left out, and ``vectors`` are true vectors.
- The norm of a bivector has a kink where two vectors become parallel, as they are in crystals of
  high symmetry; ``softening`` rounds it, in proportion to both lengths.
- There may be no order in a pair. Then a pair and its reverse are one row of weight 2, which
  gives what both rows with equal matrices give, in half of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.pooling import softmax, sums

if TYPE_CHECKING:
    from torch import Tensor

_SHORTEST: Final = 1e-6  # the gradient of a norm is not defined at 0
_KERNEL: Final = 0.5  # spread of the first weights of vectors, which are not to outgrow edges


@dataclass(frozen=True)
class Tuples:
    """Pairs of edges that share a centre.

    Attributes:
        first: int64 ``[T]``, the first edge of each pair.
        second: int64 ``[T]``.
        centres: int64 ``[K]``, what each edge, and so each pair, is summed for.
        count: how many centres there are.
        weights: ``[T, 1]``, by which exponentials of scores are multiplied; None for 1.
        rest: added to each sum of exponentials; see :func:`stratus.encoders.pooling.softmax`.
    """

    first: Tensor
    second: Tensor
    centres: Tensor
    count: int
    weights: Tensor | None = None
    rest: float = 0.0

    @classmethod
    def of(
        cls, centres: Tensor, count: int, fades: Tensor | None, *, ordered: bool, dtype: torch.dtype
    ) -> Tuples:
        """Return all pairs of the edges that share a centre, of an edge with itself too.

        Args:
            centres: int64 ``[K]``, the centre of each edge, in any order.
            count: how many centres there may be.
            fades: ``[K]``, a weight of each edge; that of a pair is the product of both. None
                where edges do not fade.
            ordered: whether ``(a, b)`` and ``(b, a)`` are two pairs; else one of them, of weight
                2, stands for both.
            dtype: of weights.
        """
        first, second = _pairs(centres, count, ordered=ordered)
        weights = None
        if not ordered:
            weights = 2 - (first == second).to(dtype)
        if fades is not None:
            both = fades.index_select(0, first) * fades.index_select(0, second)
            weights = both if weights is None else both * weights
        column = None if weights is None else weights.unsqueeze(1)
        return cls(first, second, centres, count, column, 0.0 if fades is None else 1.0)


class TupleAttention(nn.Module):
    """One layer of attention over pairs.

    Args:
        width: of the values of edges, and of what comes out.
        value_hidden: inner length of the net that makes values of invariants.
        score_hidden: inner length of the net that makes scores and factors of values.
        vectors: how many vectors come out for a centre.
        ordered: whether the first and second edge of a pair have matrices of their own; else pairs
            must be those without order.
        norm: whether inner lengths have a layer norm (without weights).
        softening: of norms of bivectors, as a share of the product of the lengths; 0 for none.
    """

    def __init__(
        self,
        width: int,
        value_hidden: int,
        score_hidden: int,
        vectors: int,
        *,
        ordered: bool,
        norm: bool,
        softening: float,
    ) -> None:
        super().__init__()
        self.ordered, self.norm, self.softening = ordered, norm, softening
        ends = 2 if ordered else 1
        self.invariants = nn.Linear(4 + ends, value_hidden)
        self.values = nn.Linear(value_hidden, width)
        self.members = nn.Linear(width, ends * width, bias=False)
        self.scoring = nn.Linear(width, score_hidden)
        self.score = nn.Linear(score_hidden, 1, bias=False)  # a softmax does not see a bias
        self.factors = nn.Linear(score_hidden, vectors)
        self.kernels = nn.Parameter(torch.empty(ends, 2, vectors))

    def draw(self, generator: torch.Generator | None) -> None:
        """Fill the weights of vectors afresh."""
        nn.init.uniform_(self.kernels, -_KERNEL, _KERNEL, generator=generator)

    def forward(self, vectors: Tensor, values: Tensor, tuples: Tuples) -> tuple[Tensor, Tensor]:
        """Sum the pairs of each centre.

        Args:
            vectors: of edges, ``[K, 3]``, in any unit.
            values: of edges, ``[K, width]``.
            tuples: of these edges.

        Returns:
            what does not turn, ``[count, width]``, and what turns, ``[count, 3, vectors]``; 0 for
            a centre without edges.
        """
        first, second = tuples.first, tuples.second
        lengths = norms(vectors)
        invariants = self._invariants(vectors, lengths, first, second)
        members = self.members(values)
        ours, theirs = members.chunk(2, dim=1) if self.ordered else (members, members)
        joined = self.values(self._inner(self.invariants(invariants)))
        joined = joined + ours.index_select(0, first) + theirs.index_select(0, second)
        inner = self._inner(self.scoring(joined))
        found = fn.linear(inner, torch.cat([self.score.weight, self.factors.weight]))
        owner, count = tuples.centres.index_select(0, first), tuples.count
        shares = softmax(found[:, :1], owner, count, tuples.weights, tuples.rest)
        still = sums(shares * joined, owner, count)
        factors = shares * (found[:, 1:] + self.factors.bias)
        return still, self._turning(vectors, vectors / lengths, factors, tuples)

    def _inner(self, found: Tensor) -> Tensor:
        return fn.silu(fn.layer_norm(found, found.shape[-1:]) if self.norm else found)

    def _invariants(
        self, vectors: Tensor, lengths: Tensor, first: Tensor, second: Tensor
    ) -> Tensor:
        """Return what does not turn of pairs, ``[T, 6]``, or ``[T, 5]`` without order.

        Scalar and norm of the bivector of the product, the same of the normalised product, and the
        lengths of both vectors, or their sum.
        """
        one, other = vectors.index_select(0, first), vectors.index_select(0, second)
        length, width = lengths.index_select(0, first), lengths.index_select(0, second)
        scalar = (one * other).sum(dim=1, keepdim=True)
        size = length * width
        area = torch.linalg.cross(one, other, dim=1).square().sum(dim=1, keepdim=True)
        if self.softening:
            soft = self.softening * size
            area = (area + soft.square()).sqrt() - soft
        else:
            area = area.clamp_min(_SHORTEST**4).sqrt()
        sides = [length, width] if self.ordered else [length + width]
        return torch.cat([scalar, area, scalar / size, area / size, *sides], dim=1)

    def _turning(self, vectors: Tensor, units: Tensor, factors: Tensor, tuples: Tuples) -> Tensor:
        """Return the sums of vectors times factors, ``[count, 3, vectors]``.

        A vector is one of an edge, and a factor one of a pair, so factors are summed by edge first.
        """
        rows = len(vectors)
        by_first = sums(factors, tuples.first, rows)
        by_second = sums(factors, tuples.second, rows)
        if self.ordered:
            (of_first, unit_of_first), (of_second, unit_of_second) = self.kernels
            long = by_first * of_first + by_second * of_second
            unit = by_first * unit_of_first + by_second * unit_of_second
        else:
            both = by_first + by_second
            long, unit = both * self.kernels[0, 0], both * self.kernels[0, 1]
        turning = vectors.unsqueeze(2) * long.unsqueeze(1) + units.unsqueeze(2) * unit.unsqueeze(1)
        return sums(turning, tuples.centres, tuples.count)


def norms(vectors: Tensor) -> Tensor:
    """Return the lengths of vectors ``[K, 3]``, ``[K, 1]``; the least, 1e-6, has no gradient."""
    squares = vectors.square().sum(dim=1, keepdim=True)
    return squares.clamp_min(_SHORTEST**2).sqrt()


def _pairs(centres: Tensor, count: int, *, ordered: bool) -> tuple[Tensor, Tensor]:
    """Return the places ``[T]`` of the first and of the second edge of all pairs, by centre.

    With ``k`` edges a centre has ``k²`` pairs, or ``k (k + 1) / 2`` without order.
    """
    order = torch.argsort(centres, stable=True)
    of = centres.index_select(0, order)
    edges = torch.arange(len(of), device=of.device)
    ends = of.bincount(minlength=count).cumsum(0)
    end = ends.index_select(0, of)
    start = torch.cat([ends.new_zeros(1), ends]).index_select(0, of) if ordered else edges
    partners = end - start
    first = edges.repeat_interleave(partners)
    before = partners.cumsum(0) - partners  # pairs of the edges before
    inside = torch.arange(len(first), device=of.device) - before.index_select(0, first)
    second = start.index_select(0, first) + inside
    return order.index_select(0, first), order.index_select(0, second)
