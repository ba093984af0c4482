"""What training makes small: the error of the labels there are.

An absent label is a mask. What stands in its place is never computed with, so it may be anything.
A label that is there and is no finite number is refused where labels are read and where
normalisers are fitted, not here: looking for it would stop a GPU at every step.
"""

from __future__ import annotations

from math import log, pi
from typing import TYPE_CHECKING, Final

import torch
from torch.nn import functional as fn

from stratus.errors import InputError
from stratus.tasks.task import of_a_law

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from stratus.tasks.task import Task

HUBER_DELTA: Final = 1.0
"""Where the ``huber`` loss goes from square to straight, in standard deviations of the labels."""

WIDEST_LOG_STD: Final = 6.0
"""Normalised standard deviations lie between exp(-6) and exp(6)."""

_HALF_LOG_2_PI: Final = log(2 * pi) / 2


def bounded_log_std(raw: Tensor) -> Tensor:
    """Turn the second number of a ``gaussian`` head into the log of a standard deviation.

    It is bounded smoothly, so that no prediction can be so sure that its gradient overflows.
    """
    return WIDEST_LOG_STD * torch.tanh(raw / WIDEST_LOG_STD)


def row_losses(task: Task, raw: Tensor, target: Tensor, present: Tensor) -> Tensor:
    """Return the loss of each crystal, in float32 at least.

    ``l1``, ``mse`` and ``huber`` are of normalised values; for a task per cell these are values per
    atom, so a large cell counts no more than a small one. ``gaussian`` is the negative logarithm
    of the density (Nix and Weigend 1994), ``cross_entropy`` that of the probability, both in nats.

    Args:
        task: says which loss.
        raw: ``[B, outputs]``, what the head gave.
        target: ``[B]``, normalised labels, or classes counted from 0.
        present: bool ``[B]``, which labels there are.

    Returns:
        ``[B]``; exactly zero, with gradient zero, where there is no label.

    Raises:
        stratus.errors.InputError: shapes that do not fit.
    """
    if raw.shape != (len(raw), task.outputs) or not target.shape == present.shape == raw.shape[:1]:
        raise InputError(
            f"{task.name}: outputs {list(raw.shape)}, targets {list(target.shape)} and their mask "
            f"{list(present.shape)} do not fit; {task.outputs} outputs a crystal are expected"
        )
    exact = torch.promote_types(raw.dtype, torch.float32)
    zero = torch.zeros((), dtype=exact, device=raw.device)
    x = torch.where(present[:, None], raw.to(exact), zero)
    y = torch.where(present, target.to(exact), zero)
    return torch.where(present, _loss(task, x, y), zero)


def task_sums(
    tasks: Sequence[Task],
    raw: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    present: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Return the loss of each task, summed over the labels there are; zero where there is none.

    Args:
        tasks: what is learned.
        raw: ``[B, outputs]`` by task, what its head gave.
        targets: ``[B]`` by task, as in :func:`row_losses`.
        present: bool ``[B]`` by task, which labels there are.

    Raises:
        stratus.errors.InputError: shapes that do not fit.
    """
    sums = _law_sums(of_a_law(tasks), raw, targets, present)
    for task in tasks:
        name = task.name
        if name not in sums:
            sums[name] = row_losses(task, raw[name], targets[name], present[name]).sum()
    return sums


def _loss(task: Task, x: Tensor, y: Tensor) -> Tensor:
    if task.kind == "multiclass":
        return fn.cross_entropy(x, y.long(), reduction="none")
    first = x[:, 0]
    if task.kind == "binary":
        return fn.binary_cross_entropy_with_logits(first, y, reduction="none")
    if task.loss != "gaussian":
        return _distance(task.loss, first, y)
    log_std = bounded_log_std(x[:, 1])
    return log_std + ((first - y) * torch.exp(-log_std)).square() / 2 + _HALF_LOG_2_PI


def _law_sums(
    tasks: Sequence[Task],
    raw: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    present: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Return the losses of tasks of a law, those of one loss at once, as they are many."""
    found: dict[str, Tensor] = {}
    for loss in dict.fromkeys(task.loss for task in tasks):
        names = [task.name for task in tasks if task.loss == loss]
        x = torch.cat([raw[name] for name in names], dim=1)
        here = torch.stack([present[name] for name in names], dim=1)
        y = torch.stack([targets[name] for name in names], dim=1)
        if not x.shape == here.shape == y.shape:
            raise InputError(
                f"{', '.join(names)}: outputs {list(x.shape)}, targets {list(y.shape)} and their "
                f"mask {list(here.shape)} do not fit; one output a crystal and task is expected"
            )
        exact = torch.promote_types(x.dtype, torch.float32)
        zero = torch.zeros((), dtype=exact, device=x.device)
        distance = _distance(
            loss, torch.where(here, x.to(exact), zero), torch.where(here, y.to(exact), zero)
        )
        found |= zip(names, distance.sum(dim=0).unbind(), strict=True)
    return found


def _distance(loss: str, x: Tensor, y: Tensor) -> Tensor:
    """Return how far values are from labels, element by element; zero where both are the same."""
    if loss == "l1":
        return fn.l1_loss(x, y, reduction="none")
    if loss == "mse":
        return fn.mse_loss(x, y, reduction="none")
    return fn.huber_loss(x, y, reduction="none", delta=HUBER_DELTA)
