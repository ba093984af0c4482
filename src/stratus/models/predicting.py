"""From what is known of crystals to the properties that a model predicts."""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from stratus.errors import InputError
from stratus.models.batching import by_length
from stratus.models.target_head import TargetHead
from stratus.tasks.conformal import check_level, intervals, moments
from stratus.tasks.predictions import mixture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from stratus.models.model import Model
    from stratus.scope.partial import Known
    from stratus.tasks.atoms import Atoms
    from stratus.tasks.task import Task
    from stratus.views.view import Sample

    Floats = NDArray[np.float64]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Predicted:
    """What is predicted of one property, for n crystals, in float64.

    Attributes:
        value: of a regression ``[n]``, in the unit of the task; of a binary task ``[n]``, the
            probability of class 1; of a multiclass task ``[n, classes]``, probabilities in the
            order of the classes of the task.
        std: like ``value``, how far the members differ; with a ``gaussian`` loss the spread that
            the heads give is in it too (as of a mixture, Lakshminarayanan et al. 2017,
            arXiv:1612.01474). NaN where there is one member that says nothing about its spread.
        lo: ``[n]``, lower end of the interval; None where none was asked for, and of classes.
            NaN where nothing is calibrated, infinite where too little is.
        hi: ``[n]``, upper end of the interval, likewise.
    """

    value: Floats
    std: Floats
    lo: Floats | None = None
    hi: Floats | None = None


def joined(parts: Sequence[dict[str, Predicted]]) -> dict[str, Predicted]:
    """Return predictions for crystals after one another, at least one part, as one."""
    return {
        name: Predicted(
            *(_end_to_end([getattr(p[name], f.name) for p in parts]) for f in fields(Predicted))
        )
        for name in parts[0]
    }


def _end_to_end(arrays: list[Floats | None]) -> Any:
    there = [array for array in arrays if array is not None]
    return np.concatenate(there) if there else None


def require_tasks(model: Model) -> dict[str, Task]:
    """Return the tasks of a model that predicts something.

    Raises:
        stratus.errors.InputError: it predicts nothing.
    """
    tasks = model.tasks
    if not tasks:
        raise InputError(
            f"the model {model.card.name!r} predicts no property, it was only pre-trained; "
            "fine-tune it with stratus finetune TABLE --model, and predict with the result"
        )
    return tasks


def sample_of(model: Model, text: str) -> Sample:
    """Return the tokens of a string.

    Raises:
        stratus.errors.InputError: a word is no token, or the crystal is too long for the model.
    """
    view = model.view
    sample = view.tokens(text)
    if view.length(len(sample)) > view.max_length:
        view.collate([sample])  # says what is too long; a length may be an upper bound
    return sample


def predict_samples(
    model: Model,
    samples: Sequence[Sample],
    atoms: Atoms,
    kinds: Sequence[Known],
    *,
    level: float | None = None,
    batch_size: int = 256,
) -> dict[str, Predicted]:
    """Predict with all members; crystals of like length go through them together.

    Where a property is per cell (or formula) and the atoms of it are unknown, everything is NaN.

    Args:
        model: one with property heads.
        samples: n crystals as the view of the model gives them.
        atoms: of the primitive cells and formula units, of :func:`stratus.models.given.atoms_of`.
        kinds: ``[n]``, how much is known of each.
        level: share of crystals that the intervals are to hold; no intervals if None.
        batch_size: crystals that go through an encoder together.

    Returns:
        what is predicted, by the name of the task.

    Raises:
        stratus.errors.InputError: the model predicts nothing, or the level can not be.
    """
    tasks = require_tasks(model)
    if level is not None:
        check_level(level)
    values, stds = _of_members(model, tasks, samples, atoms, batch_size)
    found: dict[str, Predicted] = {}
    for name, task in tasks.items():
        value, std = mixture(values[name], stds[name])
        lo = hi = None
        if level is not None and task.kind == "regression":
            lo, hi = _interval(model, task, values[name], kinds, level)
        found[name] = Predicted(value, std, lo, hi)
    return found


def _of_members(
    model: Model,
    tasks: dict[str, Task],
    samples: Sequence[Sample],
    atoms: Atoms,
    batch_size: int,
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return the values, and the standard deviations of heads that give one, else NaN.

    Both are by task, ``[members, n]`` or ``[members, n, classes]``.
    """
    members, n = len(model.members), len(samples)
    wide = {
        name: (task.outputs,) if task.kind == "multiclass" else () for name, task in tasks.items()
    }
    values = {name: np.empty((members, n, *wide[name])) for name in tasks}
    stds = {name: np.full((members, n, *wide[name]), np.nan) for name in tasks}
    modules = [module for m in model.members for module in (m.encoder, *m.heads.values())]
    with evaluating(*modules):
        for rows, batch in by_length(model, samples, batch_size):
            for number, member in enumerate(model.members):
                crystal = require_finite(member.encoder(batch).crystal)
                for head in member.heads.values():
                    if not isinstance(head, TargetHead):
                        continue
                    found = head.predictions(
                        require_finite(head(crystal).float()), atoms.take(rows).of
                    )
                    for name, got in found.items():
                        values[name][number, rows] = got.values
                        if got.std is not None:
                            stds[name][number, rows] = got.std
    return values, stds


def require_finite(values: Tensor) -> Tensor:
    """Return what a module gave, if it is made of finite numbers.

    Raises:
        stratus.errors.InputError: it is not: weights of a model that was trained are never so
            large that it overflows.
    """
    if not values.isfinite().all():
        raise InputError(
            "the weights of the model are so large that what it works out is no finite number; "
            "take a whole copy, or train again"
        )
    return values


def _interval(
    model: Model, task: Task, values: Floats, kinds: Sequence[Known], level: float
) -> tuple[Floats, Floats]:
    if model.calibration is None:
        _say_uncalibrated(model.card.name)
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    groups = [member.group for member in model.members]
    mu: dict[str, Floats] = {}
    sigma: dict[str, Floats] = {}
    for group in dict.fromkeys(groups):
        mu[group], sigma[group] = moments(values[[g == group for g in groups]])
    return intervals(model.calibration, task, kinds, mu, sigma, level)


@cache  # so that a stream says it once
def _say_uncalibrated(model: str) -> None:
    _log.warning("the model %r was not calibrated, so its intervals are empty", model)


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Switch dropout and gradients off; afterwards everything is as it was."""
    training = [part for module in modules for part in module.modules() if part.training]
    with ExitStack() as after:
        for part in training:
            after.callback(setattr, part, "training", True)  # noqa: FBT003 - the attribute's value
        for module in modules:
            module.eval()
        with torch.inference_mode():
            yield
