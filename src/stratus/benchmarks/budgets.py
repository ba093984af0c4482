"""How much a benchmark may spend on learning: named options, in a data file."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from stratus.names import pick
from stratus.training.finetune.options import FinetuneOptions, make_finetune_options

if TYPE_CHECKING:
    from collections.abc import Mapping


def budget(name: str, *layers: Mapping[str, Any]) -> FinetuneOptions:
    """Return the options of a budget.

    Args:
        name: ``small`` (about a fifth of the time) or ``full``.
        layers: plain values that win over it, later ones over earlier ones.

    Raises:
        stratus.errors.InputError: no such budget, or a value that cannot be.
    """
    text = files("stratus.benchmarks").joinpath("data/budgets.yaml").read_text("utf-8")
    table: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return make_finetune_options(pick(table, name, "budget"), *layers)
