"""Floating-point operations of training steps of any net, as torch's counter counts them.

A multiplication with its addition is two operations. Counted are products of matrices and vectors,
convolutions, attention, and what torch's counter leaves out: each addition of sums by index, as
messages between atoms, and the gradients of embeddings and of rows that were picked, are summed.
Reading by index costs none, and what is done element by element is not counted. A backward pass is
run and counted like the forward pass, so a layer whose input needs no gradient costs twice its
forward pass, others three times.

Counting takes longer than a step, so it is done once, before training, on a few small steps. The
operations of a step are linear in few numbers, such as how many parts and pairs of parts its
crystals have, so these counts say what each of them costs, and a step costs a sum of products.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt
    from torch import Tensor, nn

    from stratus.objectives.objective import Source, Step

Shape = tuple[int, ...]

_MOST_SIZES: Final = 4
_COPIES: Final = (1, 2)
_SMALLEST: Final = 1e-10
_AGREEMENT: Final = 0.01
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepCost:
    """What steps of a net cost, by what they hold.

    Attributes:
        each: operations, forward and backward, by the name of an amount: ``steps``, ``crystals``,
            ``parts``, ``pairs`` of parts of one crystal, and rows of the tensors of a batch.
        error: largest relative difference from the counts that it is made of.
    """

    each: dict[str, float]
    error: float

    def __call__(self, step: Step) -> int:
        """Return the operations of a step, forward and backward; padding costs none."""
        amounts = _amounts(step)
        return round(sum(cost * amounts.get(name, 0) for name, cost in self.each.items()))


def cost_of(net: nn.Module, source: Source) -> StepCost:
    """Count what the steps of a source cost, on steps of one crystal and of two that are the same.

    The crystals are of four sizes, from the smallest to the largest. Neither the net nor a random
    number is changed. A warning is logged where the operations are not linear in the amounts.

    Args:
        net: gives tensors by name for the inputs of a step; on the CPU.
        source: its steps; it has at least one row.
    """
    steps = [
        source.step(np.repeat(row, copies), epoch)
        for row in _rows_of_many_sizes(source.sizes(0))
        for epoch, copies in enumerate(_COPIES)
    ]
    counts = np.array([count_operations(net, step) for step in steps], dtype=np.float64)
    names, table = _independent([_amounts(step) for step in steps])
    scale = table.max(axis=0)
    weights = 1 / np.maximum(counts, 1)[:, None]  # so that each count is met as well as another
    solved = np.linalg.lstsq(table / scale * weights, counts * weights[:, 0], rcond=_SMALLEST)
    each = solved[0] / scale
    error = float(np.abs((table @ each - counts) * weights[:, 0]).max())
    if error > _AGREEMENT:
        _log.warning(
            "the operations of a step are known to within %.0f %% only: they are not linear in %s",
            100 * error,
            ", ".join(names),
        )
    return StepCost(dict(zip(names, each.tolist(), strict=True)), error)


def count_operations(net: nn.Module, step: Step) -> int:
    """Return the operations of a forward and a backward pass as torch counts them, padding too.

    Neither the net nor a random number is changed.

    Args:
        net: gives tensors by name for the inputs of a step.
        step: on the device of the net.
    """
    training, gradients = net.training, [(weight, weight.grad) for weight in net.parameters()]
    counter = FlopCounterMode(display=False, custom_mapping=dict(_FORMULAS))
    net.eval()  # what is dropped is drawn, and costs nothing
    net.zero_grad(set_to_none=True)
    try:
        with counter, sdpa_kernel(SDPBackend.MATH):
            outputs: dict[str, Tensor] = net(step.inputs)
            sums = [numbers.sum() for numbers in outputs.values() if numbers.requires_grad]
            torch.autograd.backward(sums)
    finally:
        net.train(training)
        for weight, gradient in gradients:
            weight.grad = gradient
    return int(counter.get_total_flops())


def _rows_of_many_sizes(sizes: npt.NDArray[np.int64]) -> list[int]:
    """Return a row of the smallest and of the largest size, and of some between."""
    _, rows = np.unique(sizes, return_index=True)
    places = np.linspace(0, len(rows) - 1, min(_MOST_SIZES, len(rows)))
    return [int(rows[place]) for place in np.unique(places.round().astype(int))]


def _amounts(step: Step) -> dict[str, int]:
    """Return how much of everything a step holds."""
    sizes = step.sizes
    return {
        "steps": 1,
        "crystals": len(sizes),
        "parts": int(sizes.sum()),
        "pairs": int((sizes * sizes).sum()),
        **{f"rows of {name}": len(x) for name, x in sorted(step.inputs.items()) if x.ndim},
    }


def _independent(
    amounts: Sequence[dict[str, int]],
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Return names and values ``[steps, n]`` of the amounts, each that says something new."""
    columns: dict[tuple[int, ...], str] = {}
    for name in amounts[0]:
        values = tuple(one[name] for one in amounts)
        if any(values):
            columns.setdefault(values, name)
    return list(columns.values()), np.array(list(columns), dtype=np.float64).T


def _of_vector(matrix: Shape, _vector: Shape, **_: object) -> int:
    return 2 * math.prod(matrix)


def _of_added_vector(_added: Shape, matrix: Shape, _vector: Shape, **_: object) -> int:
    return 2 * math.prod(matrix)


def _of_index_add(_into: Shape, _dim: int, _index: Shape, values: Shape, **_: object) -> int:
    return math.prod(values)


def _of_scatter(_into: Shape, _dim: int, index: Shape, *_rest: object, **_: object) -> int:
    return math.prod(index)


def _of_index_put(
    _into: Shape,
    _indices: object,
    values: Shape,
    accumulate: bool = False,  # noqa: FBT001, FBT002 - torch's
    *_rest: object,
    **_: object,
) -> int:
    return math.prod(values) if accumulate else 0


def _of_embedding_gradient(gradient: Shape, *_rest: object, **_: object) -> int:
    return math.prod(gradient)


_aten: Final = torch.ops.aten
_FORMULAS: Final[tuple[tuple[Any, Callable[..., int]], ...]] = tuple(
    (cast("Any", operation), formula)
    for formula, operations in (
        (_of_vector, (_aten.mv, _aten.dot, _aten.vdot)),
        (_of_added_vector, (_aten.addmv,)),
        (_of_index_add, (_aten.index_add, _aten.index_add_)),
        (
            _of_scatter,
            (_aten.scatter_add, _aten.scatter_add_, _aten.scatter_reduce, _aten.scatter_reduce_),
        ),
        (_of_index_put, (_aten.index_put, _aten.index_put_, _aten._index_put_impl_)),
        (_of_embedding_gradient, (_aten.embedding_dense_backward,)),
    )
    for operation in operations
)
