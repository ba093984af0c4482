"""One of the nets that make up a model: an encoder with its heads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stratus.errors import InputError
from stratus.models.target_head import TargetHead

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from stratus.tasks.task import Task


@dataclass(frozen=True, eq=False, repr=False)
class Member:
    """An encoder with its heads.

    Attributes:
        encoder: the module; it has a ``config``.
        heads: modules that read the encoder's vectors, by name.
        group: members of one group learned from the same rows, with other seeds; empty where
            nothing was divided.
    """

    encoder: nn.Module
    heads: Mapping[str, nn.Module] = field(default_factory=dict)
    group: str = ""


def prefixed(members: Sequence[Member]) -> dict[str, nn.Module]:
    """Return all modules by the prefix of their tensors in ``weights.safetensors``."""
    found: dict[str, nn.Module] = {}
    for number, member in enumerate(members):
        found[f"members.{number}.encoder"] = member.encoder
        for name, head in member.heads.items():
            found[f"members.{number}.heads.{name}"] = head
    return found


def check_alike(members: Sequence[Member], where: object) -> None:
    """Refuse members that could not answer together.

    Raises:
        stratus.errors.InputError: there is none, or one has another encoder or other heads than
            the first; the message says which.
    """
    if not members:
        raise InputError(f"{where}: there is no member; a model has one at least")
    first = members[0]
    for number, member in enumerate(members):
        who = f"{where}: members.{number}"
        if member.encoder.config != first.encoder.config:
            raise InputError(f"{who} has another config than members.0; all have the same")
        if member.heads.keys() != first.heads.keys():
            raise InputError(
                f"{who} has the heads {_names(member)}, but members.0 has {_names(first)}"
            )
        for name, head in member.heads.items():
            other = first.heads[name]
            same = all(
                getattr(head, what, None) == getattr(other, what, None) for what in ("tasks", "law")
            )
            if type(head) is not type(other) or not same:
                raise InputError(
                    f"{who}.heads.{name} predicts something else than that of members.0"
                )


def tasks_of(heads: Mapping[str, nn.Module]) -> dict[str, Task]:
    """Return what heads predict, by the name of the task."""
    return {
        name: task
        for head in heads.values()
        if isinstance(head, TargetHead)
        for name, task in head.tasks.items()
    }


def _names(member: Member) -> str:
    return ", ".join(member.heads) or "none"
