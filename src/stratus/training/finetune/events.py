"""What fine-tuning says while it goes on; a notebook may ignore it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class FoldStarted:
    """A fold is about to be learned.

    Attributes:
        fold: its name.
        start: name of the model it starts from, or ``from scratch``.
        members: nets that learn from its rows.
        parameters: trained values of encoder and heads of one.
        rows: crystals of each part that are used.
        steps: optimiser steps of a member at most.
        device: ``cpu`` or ``cuda``.
    """

    fold: str
    start: str
    members: int
    parameters: int
    rows: Mapping[str, int]
    steps: int
    device: str


@dataclass(frozen=True)
class EpochEnded:
    """The validation rows were scored.

    Attributes:
        fold: its name.
        member: which net, from 0.
        epoch: epochs done.
        loss: weighted sum of the mean losses of the tasks, of normalised labels.
        best: whether no loss was lower before.
        train_loss: of the training rows as the steps of the epoch saw them.
        epochs: epochs that there are at most.
        seconds_left: for the rest of this net and for the nets after it, if none stops early.
    """

    fold: str
    member: int
    epoch: int
    loss: float
    best: bool
    train_loss: float
    epochs: int
    seconds_left: float


@dataclass(frozen=True)
class FoldEnded:
    """The test rows of a fold were predicted, once.

    Attributes:
        fold: its name.
        best_epochs: of each member, the epoch whose weights were chosen.
        losses: of each member, the validation loss of these weights.
        scores: by task, by method (the model and the baselines), by metric.
    """

    fold: str
    best_epochs: tuple[int, ...]
    losses: tuple[float, ...]
    scores: Mapping[str, Mapping[str, Mapping[str, float | None]]]


Event: TypeAlias = "FoldStarted | EpochEnded | FoldEnded"
OnProgress: TypeAlias = "Callable[[Event], None]"
