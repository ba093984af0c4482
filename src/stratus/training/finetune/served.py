"""Which tasks can be learned by an encoder, and what is refused because nothing serves it yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratus.errors import InputError
from stratus.tasks.by import ByGradient

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stratus.tasks.task import Task


def check_served(tasks: Iterable[Task], encoder: str) -> None:
    """Refuse tasks whose labels no head on an encoder can give.

    Every encoder there is gives one vector for a crystal and sees no positions; so labels are one
    number of a crystal, and no energy has a gradient.

    Args:
        tasks: what is to be learned.
        encoder: name of the architecture.

    Raises:
        stratus.errors.InputError: a task is a gradient, of atoms, no single number, or with
            references of elements; the message names task and encoder.
    """
    for task in tasks:
        reason = _reason(task)
        if reason is not None:
            raise InputError(f"{task.name} cannot be learned by the encoder {encoder}: {reason}")


def _reason(task: Task) -> str | None:
    if isinstance(task.by, ByGradient):
        return (
            f"it is a gradient by {task.by.to}, and this encoder sees no positions; leave the "
            "target out"
        )
    if task.of == "atom":
        return (
            "each atom has a label, and this encoder gives numbers of crystals alone; leave the "
            "target out"
        )
    if task.shape:
        return (
            f"a label has the shape {list(task.shape)}, and this encoder gives heads nothing that "
            "turns with the crystal; learn its components or its norm, each as a column"
        )
    if task.references == "elements":
        return (
            "references of elements are not fitted yet; subtract them from the labels and say "
            "references: mean"
        )
    return None
