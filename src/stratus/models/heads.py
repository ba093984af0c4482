"""The heads that a bundle can hold: an explicit table, so no file names a class."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from stratus.errors import InputError
from stratus.models.task_head import TaskHead, TaskHeadConfig
from stratus.tasks.masked_tokens import MaskedTokenHead, MaskedTokenHeadConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import BaseModel
    from torch import nn


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
