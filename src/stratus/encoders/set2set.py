"""Set2Set: one vector of the rows that belong together, in any order (Vinyals et al. 2015).

A recurrent net asks a question, attention over the rows answers it, and question and answer are
what it asks the next question with. Source: arXiv:1511.06391, equations 3 to 7, as in
``torch_geometric.nn.Set2Set``, whose numbers ``tests/oracle`` holds ours against.

Other than there: the two biases of a layer, which only ever stand in a sum, are one; the first
question is the same for all, so it is worked out once; and rows may count less than one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from stratus.encoders.pooling import softmax, sums

if TYPE_CHECKING:
    from torch import Tensor


class Weighted(NamedTuple):
    """Rows that count less than one, and what is left where all of them count nothing.

    Attributes:
        weights: of each row, at least 0, ``[n]``.
        rest: added to each sum of exponentials, so that the answer goes to 0 with the weights.
    """

    weights: Tensor
    rest: float


class Set2Set(nn.Module):
    """Set2Set.

    Args:
        width: numbers of a row.
        layers: of the recurrent net (a long short-term memory).
        iterations: questions, at least 2: the first alone would be the same for every set.
    """

    def __init__(self, width: int, layers: int, iterations: int) -> None:
        super().__init__()
        self.width = width
        self.iterations = iterations
        self.inputs = nn.ModuleList(
            nn.Linear(width if above else 2 * width, 4 * width) for above in range(layers)
        )
        self.kept = nn.ModuleList(
            nn.Linear(width, 4 * width, bias=False) for _ in range(layers)
        )  # fmt: skip

    def forward(
        self, rows: Tensor, owner: Tensor, count: int, weighted: Weighted | None = None
    ) -> Tensor:
        """Return the last question and its answer, ``[count, 2 width]``.

        Args:
            rows: ``[n, width]``.
            owner: int64 ``[n]``, from 0 to ``count - 1``; the answer is 0 where nothing is owned.
            count: how many owners there are.
            weighted: how much each row counts; one each if None.
        """
        nothing = rows.new_zeros(1, self.width)
        memory = [(nothing, nothing)] * len(self.kept)
        question = answer = nothing
        for turn in range(self.iterations):
            last = torch.cat([question.expand_as(answer), answer], dim=1)
            question = self._question(last, memory)
            if turn == 0:  # all ask the same
                scores = (rows @ question.T).squeeze(1)
            else:
                scores = (rows * question.index_select(0, owner)).sum(dim=1)
            if weighted is None:
                shares = softmax(scores, owner, count)
            else:
                shares = softmax(scores, owner, count, weighted.weights, weighted.rest)
            answer = sums(rows * shares.unsqueeze(1), owner, count)
        return torch.cat([question, answer], dim=1)

    def _question(self, last: Tensor, memory: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Return the next question, ``[count, width]``; the memory of each layer is renewed.

        Args:
            last: the last question and its answer, ``[count, 2 width]``; at first one row of zeros.
            memory: of each layer what it gave and its cell, one row or ``count``.
        """
        x = last
        for layer, (inputs, kept) in enumerate(zip(self.inputs, self.kept, strict=True)):
            given, cell = memory[layer]
            enter, forget, new, leave = (inputs(x) + kept(given)).chunk(4, dim=1)
            cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
            x = leave.sigmoid() * cell.tanh()
            memory[layer] = x, cell
        return x
