"""Tasks in the configs of stored heads, some of which were written before ``Task.by``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def current_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of a head with its tasks as :class:`stratus.tasks.task.Task` has them.

    Before ``by`` a task had ``layers`` and ``dropout`` of its head, and ``physics``, the law or
    null. What is no such config is returned as it is, for whoever validates it to refuse.

    Args:
        config: plain values, with a ``task``, or with ``tasks``, each of which has one.
    """
    now = dict(config)
    if isinstance(now.get("task"), dict):
        now["task"] = _current(now["task"])
    if isinstance(now.get("tasks"), list):
        now["tasks"] = [current_config(e) if isinstance(e, dict) else e for e in now["tasks"]]
    return now


def _current(task: dict[str, Any]) -> dict[str, Any]:
    if "by" in task:
        return task
    now = dict(task)
    head = {name: now.pop(name) for name in ("layers", "dropout") if name in now}
    law = now.pop("physics", None)
    if law is None:
        now["by"] = {"how": "head", **head}
    else:
        now["by"] = {"how": "law", **law, **head} if isinstance(law, dict) else law
    return now
