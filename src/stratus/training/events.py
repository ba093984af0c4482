"""What a run tells while it goes on; the command line shows it, a notebook may ignore it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stratus.corpora.tokens.info import CorpusInfo


@dataclass(frozen=True)
class Started:
    """Training is about to begin, or to go on.

    Attributes:
        encoder: architecture and sizes of the encoder.
        corpus: counts of the token corpus.
        parameters: trained values of encoder and head.
        tokens_per_epoch: real tokens of the training split.
        steps: optimiser steps of the whole run.
        steps_per_epoch: optimiser steps in which each crystal is seen once.
        from_step: steps that are done already.
        device: where it runs, such as ``cpu`` or ``2 x NVIDIA H200``.
        precision: ``32`` or ``bf16``.
    """

    encoder: str
    corpus: CorpusInfo
    parameters: int
    tokens_per_epoch: int
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
        loss: cross-entropy of the masked tokens of the last step, in nats.
        rates: ``tokens_per_s``, ``model_flops_per_s`` and, if the peak is known, ``utilisation``.
    """

    step: int
    loss: float
    rates: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Validated:
    """The validation split was scored.

    Attributes:
        step: steps done.
        epoch: epochs done, the begun one counted.
        loss: cross-entropy of its masked tokens, in nats.
        accuracy: share of its masked tokens that had the highest score.
        best: whether no loss was lower before.
    """

    step: int
    epoch: int
    loss: float
    accuracy: float
    best: bool


Event: TypeAlias = "Started | Stepped | Validated"
OnProgress: TypeAlias = "Callable[[Event], None]"
