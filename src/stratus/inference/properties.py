"""From what is known of crystals to the properties that a model predicts."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.errors import InputError
from stratus.models.values import predict_nets
from stratus.physics.bounds import STIFFEST_IS, stiffest
from stratus.tasks.atom_counts import AtomCounts
from stratus.tasks.by import ByLaw
from stratus.tasks.conformal import check_level, intervals, moments
from stratus.tasks.contents import contents_of
from stratus.tasks.domain import FREQUENCY, Domain, too_stiff, widened
from stratus.tasks.identities import impose
from stratus.tasks.predicted import Draft, Predicted
from stratus.tasks.predictions import mixture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stratus.crystals.facets import Crystal, Detail
    from stratus.models.model import Model
    from stratus.tasks.task import Task
    from stratus.views.view import Sample

    Floats = NDArray[np.float64]

_REACH_LEVEL: Final = 0.9
_log = logging.getLogger(__name__)


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


def predict_samples(
    model: Model,
    samples: Sequence[Sample],
    crystals: Sequence[Crystal],
    *,
    level: float | None = None,
    batch_size: int = 256,
    imposed: bool = True,
) -> dict[str, Predicted]:
    """Predict with all members, and impose what is known without any model.

    Intervals of what is out of that which was learned are widened, then all identities are imposed
    (:mod:`stratus.tasks.identities`); notes say so. Crystals of like length go through the members
    together. Where a property is per cell (or formula) and the atoms of it are unknown, everything
    is NaN.

    Args:
        model: one with property heads.
        samples: n crystals as the view of the model gives them.
        crystals: ``[n]``, what is known of each.
        level: share of crystals that the intervals are to hold; no intervals if None.
        batch_size: crystals that go through an encoder together.
        imposed: whether any of this is done; False gives what the heads give.

    Returns:
        what is predicted, by the name of the task.

    Raises:
        stratus.errors.InputError: the model predicts nothing, or the level cannot be.
    """
    atoms, kinds = AtomCounts.of_crystals(crystals), [one.detail for one in crystals]
    values, found = _by_heads(model, samples, atoms, kinds, level, batch_size)
    if not imposed:
        return found
    tasks, domain = model.tasks, model.domain or Domain()
    contents = contents_of(crystals)
    found = widened(found, tasks, contents, domain)
    if tells_reach(model):
        reach = reach_of(model, values[FREQUENCY], kinds)
        found = _with_stiff_modes(found, tasks, atoms, reach, too_stiff(reach, domain))
    return impose(found, tasks, contents, atoms, domain.metal_below)


def tells_reach(model: Model) -> bool:
    """Whether a model says how high modes reach, and learned its curves of none above some end."""
    task = model.tasks.get(FREQUENCY)
    known = model.domain is not None and model.domain.modes_end_per_cm is not None
    return known and task is not None and task.kind == "regression" and task.unit == "1/cm"


def reach_of(model: Model, values: Floats, kinds: Sequence[Detail]) -> Floats:
    """Return how high the modes of crystals may reach, in 1/cm: the upper end of the 90 % interval.

    Args:
        model: one that tells it.
        values: ``[members, n]``, of its target of the highest frequency.
        kinds: ``[n]``, how much is known of each crystal.

    Returns:
        ``[n]``; the prediction itself where nothing was calibrated.
    """
    mean: Floats = values.mean(axis=0)
    if model.calibration is None:
        return mean
    _, hi = _interval(model, model.tasks[FREQUENCY], values, kinds, _REACH_LEVEL)
    return np.where(np.isfinite(hi), hi, mean)


def _with_stiff_modes(
    found: dict[str, Predicted],
    tasks: dict[str, Task],
    atoms: AtomCounts,
    reach: Floats,
    reasons: dict[int, str],
) -> dict[str, Predicted]:
    """Let intervals of a law hold what modes above those that were learned from can make."""
    rows = np.isin(np.arange(len(reach)), list(reasons))
    for name, task in tasks.items():
        if not isinstance(task.by, ByLaw) or not reasons:
            continue
        of, at = task.by.quantity, np.array(task.by.temperature_k)
        count = atoms.of(task)
        times = (1.0 if count is None else count) / task.by.factor(task.unit)
        end = stiffest(of, reach, at) * times
        draft = Draft(found[name])
        if STIFFEST_IS[of] == "lowest":
            draft.widen(rows, end, -np.inf)
        else:
            draft.widen(rows, np.inf, end)
        for place, reason in reasons.items():
            draft.say(np.arange(len(reach)) == place, reason)
        found[name] = draft.done()
    return found


def _by_heads(
    model: Model,
    samples: Sequence[Sample],
    atoms: AtomCounts,
    kinds: Sequence[Detail],
    level: float | None,
    batch_size: int,
) -> tuple[dict[str, Floats], dict[str, Predicted]]:
    """Return the values of each member, and what all of them predict, by task."""
    tasks = require_tasks(model)
    if level is not None:
        check_level(level)
    by_net = predict_nets(model.members, model.view, samples, atoms.of, batch_size=batch_size)
    values = {name: np.stack([one.values for one in each]) for name, each in by_net.items()}
    found: dict[str, Predicted] = {}
    for name, task in tasks.items():
        value, std = mixture(by_net[name])
        lo = hi = None
        if level is not None and task.kind == "regression":
            lo, hi = _interval(model, task, values[name], kinds, level)
        found[name] = Predicted(value, std, lo, hi)
    return values, found


def _interval(
    model: Model, task: Task, values: Floats, kinds: Sequence[Detail], level: float
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
