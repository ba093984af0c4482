"""A model in memory: its nets, and everything that is needed to use them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from stratus.heads.head import Head
    from stratus.models.card import Card
    from stratus.models.net import Net
    from stratus.models.seen import SeenFormulas
    from stratus.tasks.conformal import Calibration
    from stratus.tasks.domain import Domain
    from stratus.tasks.task import Task
    from stratus.views.view import View


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """Encoders and their heads with everything that is needed to use them.

    Attributes:
        members: encoders with their heads, at least one, all of one config.
        view: how an encoder sees a crystal.
        card: what a person must know about it.
        architecture: name of the design.
        metrics: what was measured, as plain values.
        calibration: what intervals are made from; None where there is none.
        domain: what its heads learned from; None where nobody knows.
        seen: the formulas that its weights have seen; None where nobody knows.
    """

    members: tuple[Net, ...]
    view: View
    card: Card
    architecture: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    calibration: Calibration | None = None
    domain: Domain | None = None
    seen: SeenFormulas | None = None

    def __repr__(self) -> str:
        """Return one line."""
        return (
            f"<Model {self.card.name!r}: {self.architecture}, {self.parameters:,} parameters, "
            f"reads {self.view.reads.in_words}>"
        )

    @property
    def encoder(self) -> nn.Module:
        """The encoder of the first member."""
        return self.members[0].encoder

    @property
    def heads(self) -> Mapping[str, Head]:
        """The heads of the first member, by name."""
        return self.members[0].heads

    @property
    def tasks(self) -> dict[str, Task]:
        """What it predicts, by name; nothing for a model that was only pre-trained."""
        return self.members[0].tasks

    @property
    def parameters(self) -> int:
        """Number of parameters of one encoder."""
        return sum(parameter.numel() for parameter in self.encoder.parameters())

    def info(self) -> dict[str, Any]:
        """Return what the model is, as plain values that JSON can hold."""
        return {
            "name": self.card.name,
            "architecture": self.architecture,
            "config": self.encoder.config.model_dump(mode="json"),  # type: ignore[union-attr,operator]
            "parameters": self.parameters,
            "members": len(self.members),
            "groups": list(dict.fromkeys(member.group for member in self.members)),
            "targets": {name: task.unit for name, task in self.tasks.items()},
            "heads": {
                name: sum(parameter.numel() for parameter in head.parameters())
                for name, head in self.heads.items()
            },
            "facet": self.view.facet.value,
            "view": self.view.name,
            "view_config": self.view.config.model_dump(mode="json"),
            "card": self.card.model_dump(mode="json"),
            "metrics": dict(self.metrics),
        }
