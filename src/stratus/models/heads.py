"""The heads that a bundle can hold: an explicit table, so no file names a class."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from stratus.errors import InputError
from stratus.models.law_head import LawHead, LawHeadConfig, law_of, make_law_head
from stratus.models.task_head import TaskHead, TaskHeadConfig, make_task_head
from stratus.tasks.masked_tokens import MaskedTokenHead, MaskedTokenHeadConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch
    from pydantic import BaseModel
    from torch import nn

    from stratus.models.target_head import TargetHead
    from stratus.tasks.normalise import Normaliser
    from stratus.tasks.task import Task


@dataclass(frozen=True)
class HeadKind:
    """One kind of head.

    Attributes:
        name: its name in the table.
        module: the class; its instances have a ``config``.
        config: the model of the config.
        build: makes the module from the config.
    """

    name: str
    module: type[nn.Module]
    config: type[BaseModel]
    build: Callable[[Any], nn.Module]


def _masked_tokens(config: MaskedTokenHeadConfig) -> MaskedTokenHead:
    return MaskedTokenHead(
        config.hidden,
        config.vocabulary_size,
        config.fields,
        layer_norm_eps=config.layer_norm_eps,
    )


HEADS: Final[Mapping[str, HeadKind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            HeadKind("masked-tokens", MaskedTokenHead, MaskedTokenHeadConfig, _masked_tokens),
            HeadKind("property", TaskHead, TaskHeadConfig, TaskHead),
            HeadKind("law", LawHead, LawHeadConfig, LawHead),
        )
    }
)


def kind_of(head: nn.Module) -> HeadKind:
    """Return the kind of a head.

    Raises:
        stratus.errors.InputError: a bundle has no such kind.
    """
    for kind in HEADS.values():
        if type(head) is kind.module:
            return kind
    raise InputError(
        f"a bundle holds heads of the kinds {', '.join(HEADS)}, and {type(head).__name__} is none"
    )


def make_target_heads(
    tasks: Sequence[Task],
    normalisers: Mapping[str, Normaliser],
    hidden: int,
    generator: torch.Generator | None = None,
) -> list[TargetHead]:
    """Make the heads of some tasks with fresh weights: one for each, and one for all of a law.

    Args:
        tasks: what they predict.
        normalisers: of the labels they will learn from, by task.
        hidden: length of the vectors of the encoder.
        generator: where fresh weights come from; torch's own generator if None.

    Raises:
        stratus.errors.InputError: tasks of a law cannot share a head.
    """
    law = law_of(tasks)
    of_law = [task for task in tasks if task.physics is not None]
    heads: list[TargetHead] = []
    for task in tasks:
        if task.physics is None:
            heads.append(make_task_head(task, normalisers[task.name], hidden, generator))
        elif law is not None and task is of_law[0]:
            heads.append(make_law_head(of_law, normalisers, hidden, generator))
    return heads
