"""What may be set for anything that learns."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stratus.training.schedule import Schedule, warmup_steps

PEAK_RATE: Final = 5e-4

FREE: Final = frozenset({"checkpoint_every", "checkpoint_seconds", "keep", "sample_cache"})
"""Options that change nothing in the result, so a resumed run may have others."""


class FitOptions(BaseModel):
    """How a net is fitted, in pre-training and in fine-tuning alike."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: int = Field(100, ge=1, description="Times that each crystal is seen at most.")
    steps: int | None = Field(
        None, ge=1, description="Optimiser steps; if set, epochs is not used."
    )
    batch_size: int = Field(
        32, ge=1, description="Crystals in a step on average, over all devices."
    )
    learning_rate: float | None = Field(
        None, gt=0, description="Peak, of the heads and the topmost layers; by default 5e-4."
    )
    weight_decay: float = Field(0.01, ge=0, description="AdamW's; never on biases and norms.")
    betas: tuple[float, float] = Field((0.9, 0.999), description="AdamW's two averaging factors.")
    epsilon: float = Field(1e-8, gt=0, description="AdamW's, added to the divisor.")
    warmup_share: float = Field(0.05, ge=0, le=1, description="Share of the steps that warm up.")
    warmup_factor: float = Field(
        0.0, ge=0, le=1, description="Share of the learning rate that the warm-up begins above."
    )
    floor: float = Field(
        0.0, ge=0, le=1, description="Share of the learning rate that the cosine ends at."
    )
    freeze_epochs: int = Field(
        0, ge=0, description="Epochs in which the encoder does not learn, only what is above it."
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="Factor of the learning rate from one layer to that below it."
    )
    ema: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Decay of averaged weights, which are then used; it warms up. null: none.",
    )
    clip_norm: float | None = Field(1.0, gt=0, description="Longest gradient; null: any.")
    precision: Literal["auto", "32", "bf16"] = Field(
        "auto", description="bf16 on GPUs that have it, else 32."
    )
    seed: int = Field(0, ge=0, description="Decides fresh weights, order and dropout.")
    train_share: float | tuple[float, ...] = Field(
        1.0,
        description="Share of the training rows that are used; of a list each in turn, and the "
        "model is that of the largest.",
    )
    validation_share: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Share of the rows that are not for testing to choose the weights with.",
    )
    validate_every: float = Field(
        1.0, gt=0, description="Epochs between validations; 0.5: two in each epoch."
    )
    min_epochs: int = Field(0, ge=0, description="Epochs before which it does not stop.")
    patience: int | None = Field(
        None, ge=1, description="Validations without a better loss before it stops; null: never."
    )
    log_every: int = Field(10, ge=1, description="Steps between rows of the training log.")
    checkpoint_every: int = Field(500, ge=1, description="Steps between checkpoints.")
    checkpoint_seconds: float = Field(
        0.0, ge=0, description="Seconds between checkpoints at least, but for the last."
    )
    keep: int = Field(2, ge=1, description="Newest checkpoints that stay.")
    sample_cache: Path | None = Field(
        None, description="Folder that keeps prepared samples for later runs; null: none."
    )
    accelerator: Literal["auto", "cpu", "cuda"] = Field("auto", description="Kind of device.")
    devices: int = Field(1, ge=1, description="Devices of each machine.")
    nodes: int = Field(1, ge=1, description="Machines.")
    strategy: Literal["auto", "ddp", "fsdp"] = Field(
        "auto", description="How devices share the work; auto is ddp for several."
    )

    @model_validator(mode="after")
    def _epochs_fit(self) -> Self:
        if self.steps is None and self.min_epochs > self.epochs:
            raise ValueError(
                f"min_epochs {self.min_epochs} is more than epochs {self.epochs}; raise epochs"
            )
        return self

    @model_validator(mode="after")
    def _shares_are_of_a_whole(self) -> Self:
        shares = self.train_shares
        if not shares or len({*shares}) < len(shares) or not all(0 < x <= 1 for x in shares):
            raise ValueError(
                f"train_share cannot be {self.train_share}; give a number above 0 and at most 1, "
                "or a list of different ones"
            )
        return self

    @property
    def train_shares(self) -> tuple[float, ...]:
        """The shares of the training rows, the smallest first."""
        shares = self.train_share
        return tuple(sorted(shares)) if isinstance(shares, tuple) else (shares,)

    @property
    def peak_rate(self) -> float:
        """The peak learning rate."""
        return self.learning_rate or PEAK_RATE

    @property
    def world(self) -> int:
        """Devices of all machines."""
        return self.devices * self.nodes

    def n_steps(self, per_epoch: int) -> int:
        """Return the optimiser steps of the whole, from those of an epoch."""
        return self.steps or self.epochs * per_epoch

    def validation_period(self, per_epoch: int) -> int:
        """Return the steps between validations, from those of an epoch."""
        return max(1, round(self.validate_every * per_epoch))

    def schedule(self, steps: int) -> Schedule:
        """Return the shares of the peak rate for a number of steps."""
        return Schedule(
            total=steps,
            warmup=warmup_steps(steps, self.warmup_share),
            start=self.warmup_factor,
            floor=self.floor,
        )
