"""What may be set for fine-tuning: one grammar for Python, YAML and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import Field, model_validator

from stratus.corpora.tables.grouping import Group, usual_group
from stratus.encoders.architecture import FEW_ROWS
from stratus.encoders.table import (
    DEFAULT_ATOMS_ENCODER,
    DEFAULT_ATOMS_PRESET,
    DEFAULT_ENCODER,
    DEFAULT_PRESET,
    architecture,
)
from stratus.names import pick
from stratus.tasks.targets import make_tasks, merge_targets
from stratus.tasks.task import Task
from stratus.training.fit_options import PEAK_RATE, FitOptions
from stratus.training.option_layers import from_layers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratus.corpora.tables.table import Table
    from stratus.encoders.architecture import Architecture

_OF_TASKS: Final = ("tasks", "law")


class FinetuneOptions(FitOptions):
    """How an encoder learns properties, from a pre-trained model or from scratch.

    ``encoder``, ``preset`` and ``model`` say what is built where no model is given. With a model
    they need not be set; where they are, they must be those of the model, but for ``dropout``.
    """

    tasks: tuple[Task, ...] = Field(
        (), description="What is learned: a list of targets, each with its settings."
    )
    law: str | None = Field(
        None, description="debye or mixture: by it targets such as cv@300K are predicted."
    )
    encoder: str | None = Field(
        None,
        description=f"Architecture; from scratch: {DEFAULT_ATOMS_ENCODER} where the "
        f"crystals have coordinates, else {DEFAULT_ENCODER}.",
    )
    preset: str | None = Field(
        None,
        description=f"Its sizes; from scratch: {DEFAULT_PRESET}, of {DEFAULT_ATOMS_ENCODER} "
        f"{DEFAULT_ATOMS_PRESET}.",
    )
    model: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="Values of its config that differ from the preset."
    )
    hide: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the training crystals that an epoch shows without orbits (half of "
        "them without space group too), so that partial ones can be predicted.",
    )
    learning_rate: float | None = Field(
        PEAK_RATE, gt=0, description="Peak, of the heads and the topmost layers."
    )
    patience: int | None = Field(
        20, ge=1, description="Validations without a better loss before it stops; null: never."
    )
    checkpoint_seconds: float = Field(
        30.0, ge=0, description="Seconds between checkpoints at least, but for the last."
    )
    material_column: str | None = Field(
        None, description="Column of the material that each row is of; rows of one stay together."
    )
    group: Group | None = Field(
        None,
        description="Which rows stay together where they are split: scope (or material), "
        "composition, chemical-system, prototype, blocks or none.",
    )
    members: int = Field(
        1, ge=1, le=100, description="Nets for each fold, which learn from the same rows."
    )
    keep_heads: bool = Field(
        default=False, description="Take the heads of the model over, where it has the target."
    )

    def with_usual_group(self, table: Table, folds: int) -> Self:
        """Return options that say which rows of a table of atoms stay together.

        What is usual for it depends on the table; for strings it need not be said.

        Args:
            table: what is split.
            folds: how many are made.
        """
        if self.group is not None or table.strings is not None:
            return self
        return self.model_copy(update={"group": usual_group(table, folds)})

    def with_usual_training(self, encoder: Architecture, rows: int | None = None) -> Self:
        """Return options with what is usual for an encoder wherever nothing was set.

        What was set stays, also where it was set to the default of all encoders.

        Args:
            encoder: the architecture that learns; its ``training`` says what is usual.
            rows: of the table; None where they are not read yet, so that it may be of any size.

        Raises:
            stratus.errors.InputError: what is usual cannot be beside what was set.
        """
        few = encoder.training_of_few if rows is not None and rows < FEW_ROWS else {}
        of_encoder = {**encoder.training, **few}
        usual = {k: v for k, v in of_encoder.items() if k not in self.model_fields_set}
        if not usual:
            return self
        plain = {name: getattr(self, name) for name in self.model_fields_set - {*_OF_TASKS}}
        of_tasks = {name: getattr(self, name) for name in self.model_fields_set & {*_OF_TASKS}}
        return from_layers(type(self), plain, usual).model_copy(update=of_tasks)

    @model_validator(mode="before")
    @classmethod
    def _targets_are_tasks(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "tasks" not in values:
            return values
        return {**values, "tasks": make_tasks(merge_targets(values["tasks"]), values.get("law"))}

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        if self.encoder is not None or self.preset is not None:
            names = [self.encoder] if self.encoder else [DEFAULT_ENCODER, DEFAULT_ATOMS_ENCODER]
            kinds = [architecture(name) for name in names]
            if self.preset is not None and self.preset not in kinds[-1].presets:
                pick(kinds[0].presets, self.preset, f"preset of {kinds[0].name}")
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
