"""Predictions for any pile of crystals, in the order of the inputs and in bounded memory.

>>> from stratus.inference import predict_corpus
>>> summary = predict_corpus(["cifs/"], "predictions.csv", model)  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stratus.inference.inputs import PredictOptions
    from stratus.inference.job import PredictSummary, predict_corpus, predict_formulas
    from stratus.inference.row import Row
    from stratus.inference.thermo import (
        ThermoSummary,
        ThermoWindow,
        temperature_range,
        thermo_corpus,
        thermo_windows,
    )
    from stratus.inference.windows import Window, predict_windows
    from stratus.inference.writing import WriteOptions

__all__ = [
    "PredictOptions",
    "PredictSummary",
    "Row",
    "ThermoSummary",
    "ThermoWindow",
    "Window",
    "WriteOptions",
    "predict_corpus",
    "predict_formulas",
    "predict_windows",
    "temperature_range",
    "thermo_corpus",
    "thermo_windows",
]

_HOME = {
    "PredictOptions": "stratus.inference.inputs",
    "Row": "stratus.inference.row",
    "PredictSummary": "stratus.inference.job",
    "predict_corpus": "stratus.inference.job",
    "predict_formulas": "stratus.inference.job",
    "ThermoSummary": "stratus.inference.thermo",
    "ThermoWindow": "stratus.inference.thermo",
    "temperature_range": "stratus.inference.thermo",
    "thermo_corpus": "stratus.inference.thermo",
    "thermo_windows": "stratus.inference.thermo",
    "Window": "stratus.inference.windows",
    "predict_windows": "stratus.inference.windows",
    "WriteOptions": "stratus.inference.writing",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
