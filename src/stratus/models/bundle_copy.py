"""Some tasks of a model: a model that shows fewer targets and keeps its curves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from stratus.heads.law import LawHead
from stratus.models.net import Net
from stratus.names import pick
from stratus.tasks.conformal import Calibration

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from stratus.heads.head import Head
    from stratus.models.card import Card
    from stratus.models.model import Model

_OF_TASKS: Final = ("tasks", "scores", "intervals")


def keep_tasks(model: Model, names: Iterable[str]) -> Model:
    """Return a model with some of its tasks; its weights are those of the given one, not copies.

    The head of a law stays, also where none of its tasks is kept, and so does the calibration of
    its curves: :meth:`stratus.models.model.Model.thermo` gives what it gave. What was measured of
    the other tasks is left out of metrics and card.

    Args:
        model: what to take from.
        names: of the tasks to keep; their order is that of the model.

    Raises:
        stratus.errors.InputError: the model has no such task (with the close ones).
    """
    kept = frozenset(names)
    for name in sorted(kept):
        pick(model.tasks, name, "task of the model")
    dropped = model.tasks.keys() - kept
    members = tuple(
        Net(
            member.encoder,
            {
                name: _with_tasks(head, kept)
                for name, head in member.heads.items()
                if not head.tasks or isinstance(head, LawHead) or name in kept
            },
            member.group,
        ).train(member.training)
        for member in model.members
    )
    made = model.calibration
    if made is not None:
        of_tasks = {name: scores for name, scores in made.tasks.items() if name in kept}
        made = Calibration(tasks=of_tasks, curves=made.curves)
    return replace(
        model,
        members=members,
        card=_without_metrics(model.card, dropped),
        metrics=_without(dict(model.metrics), dropped),
        calibration=made,
        domain=None if model.domain is None else model.domain.only(kept),
    )


def _with_tasks(head: Head, kept: frozenset[str]) -> Head:
    if not isinstance(head, LawHead):
        return head
    tasks = tuple(each for each in head.config.tasks if each.task.name in kept)
    parameter = head.out.weight
    with parameter.device:
        same = LawHead(head.config.model_copy(update={"tasks": tasks}))
    same.load_state_dict(head.state_dict(), assign=True)
    same.requires_grad_(parameter.requires_grad)
    return same.train(head.training)


def _without(values: Any, dropped: Collection[str]) -> Any:
    """Return plain values without what stands under the names of some tasks."""
    if isinstance(values, list):
        return [_without(each, dropped) for each in values]
    if not isinstance(values, dict):
        return values
    found: dict[str, Any] = {}
    for key, value in values.items():
        of_tasks = key in _OF_TASKS and isinstance(value, dict)
        some = {name: value[name] for name in value if name not in dropped} if of_tasks else value
        found[key] = _without(some, dropped)
    return found


def _without_metrics(card: Card, dropped: Iterable[str]) -> Card:
    """Return a card without the metrics of some tasks, whose names begin with that of the task."""
    starts = tuple(f"{name}: " for name in dropped)
    metrics = tuple(each for each in card.metrics if not each.name.startswith(starts))
    return card.model_copy(update={"metrics": metrics})
