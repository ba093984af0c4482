"""What may be set for fine-tuning: one grammar for Python, YAML and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stratus.encoders.table import DEFAULT_ENCODER, architecture
from stratus.names import pick
from stratus.tasks.targets import make_tasks, merge_targets
from stratus.tasks.task import Task
from stratus.training.option_layers import from_layers

if TYPE_CHECKING:
    from collections.abc import Mapping


class FinetuneOptions(BaseModel):
    """How an encoder learns properties, from a pre-trained model or from scratch.

    ``encoder``, ``preset`` and ``model`` say what is built where no model is given. With a model
    they need not be set; where they are, they must be those of the model, but for ``dropout``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tasks: tuple[Task, ...] = Field(
        (), description="What is learned: a list of targets, each with its settings."
    )
    law: str | None = Field(
        None, description="debye or mixture: by it targets such as cv@300K are predicted."
    )
    encoder: str | None = Field(None, description="Architecture; from scratch: orbit-set.")
    preset: str | None = Field(None, description="Its sizes; from scratch: nano.")
    model: dict[str, int | float] = Field(
        default_factory=dict, description="Values of its config that differ from the preset."
    )
    epochs: int = Field(100, ge=1, description="Times that each training crystal is seen at most.")
    batch_size: int = Field(32, ge=1, description="Crystals in a step on average.")
    learning_rate: float = Field(
        5e-4, gt=0, allow_inf_nan=False, description="Peak, of the heads and the topmost layers."
    )
    weight_decay: float = Field(
        0.01, ge=0, allow_inf_nan=False, description="AdamW's; never on biases and norms."
    )
    warmup_share: float = Field(0.05, ge=0, le=1, description="Share of the steps that warm up.")
    freeze_epochs: int = Field(0, ge=0, description="Epochs in which the heads alone learn.")
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="Factor of the learning rate from one layer to that below it."
    )
    ema: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Decay of averaged weights, which are then used; it warms up. null: none.",
    )
    hide: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the training crystals that an epoch shows without orbits (half of "
        "them without space group too), so that partial ones can be predicted.",
    )
    patience: int | None = Field(
        20, ge=1, description="Epochs without a better validation loss before it stops; null: all."
    )
    clip_norm: float | None = Field(1.0, gt=0, description="Longest gradient; null: any.")
    precision: Literal["auto", "32", "bf16"] = Field(
        "auto", description="bf16 on GPUs that have it, else 32."
    )
    members: int = Field(
        1, ge=1, le=100, description="Nets for each fold, which learn from the same rows."
    )
    keep_heads: bool = Field(
        default=False, description="Take the heads of the model over, where it has the target."
    )
    train_share: float = Field(
        1.0, gt=0, le=1, description="Share of the training rows of each fold that are used."
    )
    seed: int = Field(0, ge=0, description="Decides fresh weights, order and dropout.")

    @model_validator(mode="before")
    @classmethod
    def _targets_are_tasks(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "tasks" not in values:
            return values
        return {**values, "tasks": make_tasks(merge_targets(values["tasks"]), values.get("law"))}

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        if self.encoder is not None or self.preset is not None:
            kind = architecture(self.encoder or DEFAULT_ENCODER)
            if self.preset is not None:
                pick(kind.presets, self.preset, f"preset of {kind.name}")
        return self


def make_finetune_options(*layers: Mapping[str, Any]) -> FinetuneOptions:
    """Make options from layers of plain values, of which later ones win.

    Args:
        layers: nested plain values, such as those of a file, then those of the command line;
            ``tasks`` of each as :func:`stratus.tasks.targets.merge_targets` takes them.

    Raises:
        stratus.errors.InputError: an unknown name (with the close ones), or a value that cannot
            be.
    """
    tasks = merge_targets(*(layer.get("tasks") for layer in layers))
    plain = [{name: layer[name] for name in layer if name != "tasks"} for layer in layers]
    return from_layers(FinetuneOptions, *plain, {"tasks": tasks})
