"""From what a head gives to values in the unit of its task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from stratus.tasks.conformal import moments
from stratus.tasks.losses import bounded_log_std

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from stratus.tasks.normalise import Normaliser
    from stratus.tasks.task import Task


@dataclass(frozen=True)
class Prediction:
    """What is predicted for some crystals, in float64.

    Attributes:
        values: for a regression ``[n]``, in the unit of the task; for a binary task ``[n]``, the
            probability of class 1; for a multiclass task ``[n, classes]``, probabilities.
        std: ``[n]``, in the unit of the task: the standard deviation that a ``gaussian`` head
            gives, or that over several members; None where there is neither.
    """

    values: NDArray[np.float64]
    std: NDArray[np.float64] | None = None


def predict(
    task: Task,
    normaliser: Normaliser,
    raw: Tensor,
    atoms: NDArray[np.int64] | None = None,
) -> Prediction:
    """Turn the numbers of a head into values, none below the minimum of the task.

    Args:
        task: what they are of.
        normaliser: that of the task.
        raw: ``[n, outputs]``, what the head gave, on any device.
        atoms: ``[n]``, atoms of the primitive cell, or of the formula unit; needed for a task per
            cell or per formula, whose values are those per atom times these, and NaN where they
            are unknown (less than one).

    Raises:
        stratus.errors.InputError: atoms are needed and not given.
    """
    given = raw.detach().cpu().to(torch.float64)
    if task.kind == "multiclass":
        return Prediction(torch.softmax(given, dim=1).numpy())
    first = given[:, 0]
    if task.kind == "binary":
        return Prediction(torch.sigmoid(first).numpy())
    values = task.cut(normaliser.restore(first.numpy(), atoms))
    if task.loss != "gaussian":
        return Prediction(values)
    spread = torch.exp(bounded_log_std(given[:, 1]))
    return Prediction(values, normaliser.restore_spread(spread.numpy(), atoms))


def mixture(
    predictions: Sequence[Prediction],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return value and standard deviation of members together.

    The value is the mean. The standard deviation is that over the members; with ``gaussian`` heads
    the mean of their variances is added to its square, as of a mixture (Lakshminarayanan et al.
    2017, arXiv:1612.01474).

    Args:
        predictions: one a member, at least one, of one task.

    Returns:
        both of the shape of the values; the second is NaN where one member alone says nothing.
    """
    values = np.stack([each.values for each in predictions])
    value, spread = moments(values)
    unsaid = np.full_like(value, np.nan)
    stds = np.stack([unsaid if each.std is None else each.std for each in predictions])
    own = np.sqrt(np.mean(np.square(stds), axis=0))
    return value, np.where(
        np.isnan(own), spread if len(values) > 1 else unsaid, np.hypot(spread, own)
    )


def together(predictions: Sequence[Prediction]) -> Prediction:
    """Return what members predict together for the same crystals.

    As :func:`mixture` has it; several classes have no standard deviation.

    Args:
        predictions: one a member, at least one, of one task.
    """
    value, std = mixture(predictions)
    said = predictions[0].std is not None or (len(predictions) > 1 and value.ndim == 1)
    return Prediction(value, std if said else None)
