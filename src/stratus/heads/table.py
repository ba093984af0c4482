"""The heads that a bundle can hold: an explicit table, so no file names a class."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from stratus.errors import InputError
from stratus.heads.denoising import DENOISING, DenoisingHead
from stratus.heads.energy import EnergyHead, EnergyHeadConfig, make_energy_head
from stratus.heads.head import CrystalHeadConfig
from stratus.heads.law import LawHead, LawHeadConfig, law_of, make_law_head
from stratus.heads.masked_tokens import MASKED_TOKENS, MaskedTokenHead, MaskedTokenHeadConfig
from stratus.heads.property import PropertyHead, PropertyHeadConfig, make_property_head
from stratus.tasks.by import ByGradient
from stratus.tasks.task import of_a_law

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch
    from pydantic import BaseModel

    from stratus.heads.head import Head
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
    module: type[Head]
    config: type[BaseModel]
    build: Callable[[Any], Head]


HEADS: Final[Mapping[str, HeadKind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            HeadKind(
                MASKED_TOKENS,
                MaskedTokenHead,
                MaskedTokenHeadConfig,
                lambda config: MaskedTokenHead(**config.model_dump()),
            ),
            HeadKind(DENOISING, DenoisingHead, CrystalHeadConfig, DenoisingHead),
            HeadKind("property", PropertyHead, PropertyHeadConfig, PropertyHead),
            HeadKind("energy", EnergyHead, EnergyHeadConfig, EnergyHead),
            HeadKind("law", LawHead, LawHeadConfig, LawHead),
        )
    }
)


def kind_of(head: Head) -> HeadKind:
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


def make_heads(
    tasks: Sequence[Task],
    normalisers: Mapping[str, Normaliser],
    hidden: int,
    generator: torch.Generator | None = None,
) -> dict[str, Head]:
    """Make the heads of some tasks with fresh weights.

    There is one for each task, one for all of a law, and one for an energy with its gradients.

    Args:
        tasks: what they predict.
        normalisers: of the labels they will learn from, by task.
        hidden: length of the vectors of the encoder.
        generator: where fresh weights come from; torch's own generator if None.

    Returns:
        by name, which is that of the task or of the law.

    Raises:
        stratus.errors.InputError: tasks of a law cannot share a head, or one is the gradient of an
            energy that is not among them.
    """
    law = law_of(tasks)
    of_law = of_a_law(tasks)
    by_gradient: dict[str, list[Task]] = {}
    for task in tasks:
        if isinstance(task.by, ByGradient):
            by_gradient.setdefault(task.by.of, []).append(task)
    heads: dict[str, Head] = {}
    for task in tasks:
        name = task.name
        if task in of_law:
            if law is not None and law not in heads:
                heads[law] = make_law_head(of_law, normalisers, hidden, generator)
        elif name in by_gradient:
            of_energy = by_gradient.pop(name)
            heads[name] = make_energy_head(task, of_energy, normalisers, hidden, generator)
        elif not isinstance(task.by, ByGradient):
            heads[name] = make_property_head(task, normalisers[name], hidden, generator)
    for energy, (task, *_) in by_gradient.items():
        raise InputError(f"{task.name} is a gradient of {energy}, which is no task here; add it")
    return heads
