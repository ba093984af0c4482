"""How much a benchmark may spend on learning: named options, in a data file."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import yaml

from stratus.names import pick
from stratus.training.finetune.options import FinetuneOptions, make_finetune_options

if TYPE_CHECKING:
    from collections.abc import Mapping


USUAL: Final = "full"
"""The budget where none is named."""


def budget(name: str | None, *layers: Mapping[str, Any]) -> FinetuneOptions:
    """Return the options of a budget.

    Args:
        name: ``small`` (about a fifth of the time) or ``full``. None is ``full`` but for what is
            usual for training the encoder, as if nothing had been set.
        layers: plain values that win over it, later ones over earlier ones.

    Raises:
        stratus.errors.InputError: no such budget, or a value that cannot be.
    """
    text = files("stratus.benchmarks").joinpath("data/budgets.yaml").read_text("utf-8")
    table: dict[str, dict[str, Any]] = yaml.safe_load(text)
    options = make_finetune_options(pick(table, name or USUAL, "budget"), *layers)
    if name is not None:
        return options
    values = {field: getattr(options, field) for field in type(options).model_fields}
    return FinetuneOptions.model_construct({key for layer in layers for key in layer}, **values)
