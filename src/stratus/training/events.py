"""What a run says while it goes on; the command line shows it, a notebook may ignore it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class FitStarted:
    """Training is about to begin, or to go on.

    Attributes:
        parameters: trained values of the net.
        steps: optimiser steps of the whole run.
        steps_per_epoch: optimiser steps in which each crystal is seen once.
        from_step: steps that are done already.
        device: where it runs, such as ``cpu`` or ``2 x NVIDIA H200``.
        precision: ``32`` or ``bf16``.
    """

    parameters: int
    steps: int
    steps_per_epoch: int
    from_step: int
    device: str
    precision: str


@dataclass(frozen=True)
class Stepped:
    """Some more steps are done.

    Attributes:
        step: steps done.
        loss: of the last step.
        rates: such as ``tokens_per_s``, and, where operations are counted, ``model_flops_per_s``
            and, if the peak is known, ``utilisation``.
    """

    step: int
    loss: float
    rates: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Validated:
    """The validation rows were scored.

    Attributes:
        step: steps done.
        epoch: epochs done, the begun one counted.
        scores: of the objective, ``loss`` among them.
        train_loss: mean over the crystals of the steps since the last validation.
        best: whether no loss was lower before.
        seconds_left: for the steps that are left, if all are done.
        seconds: for all steps of the run, at the speed so far.
    """

    step: int
    epoch: int
    scores: Mapping[str, float]
    train_loss: float
    best: bool
    seconds_left: float
    seconds: float


FitEvent: TypeAlias = "FitStarted | Stepped | Validated"
OnFitEvent: TypeAlias = "Callable[[FitEvent], None]"
