"""An architecture: an encoder with its config and presets, at the foot of the encoder's file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import BaseModel
    from torch import nn

    from stratus.encoders.encoding import Gives


FEW_ROWS: Final = 1000
"""Tables of fewer rows are small ones, on which several nets cost little."""


@dataclass(frozen=True)
class Architecture:
    """One encoder design.

    Attributes:
        name: its name in the table.
        config: the model of its config.
        build: makes the module from a config and, if given, a ``torch.Generator``.
        presets: values of the config, by the name of the preset.
        view: name of the view it reads.
        gives: what its encodings hold, which decides the heads that it can have.
        numerics: raised whenever the same weights would give other numbers.
        training: values of options of fine-tuning, by name, that are usual for it, such as
            ``epochs`` or ``learning_rate``; they hold where nothing else is said.
        training_of_few: the same for tables of fewer than ``FEW_ROWS`` rows, before ``training``.
    """

    name: str
    config: type[BaseModel]
    build: Callable[..., nn.Module]
    presets: Mapping[str, Mapping[str, object]]
    view: str
    gives: frozenset[Gives]
    numerics: int
    training: Mapping[str, object] = field(default_factory=dict)
    training_of_few: Mapping[str, object] = field(default_factory=dict)
