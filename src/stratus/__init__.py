"""Learning from crystals at three depths: composition, symmetry, geometry.

The names below are loaded when they are first used, so that ``import stratus`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stratus.crystals.entry import Entry, Reject
    from stratus.crystals.reading import read
    from stratus.inference.estimators.embedder import CrystalEmbedder
    from stratus.inference.estimators.properties import CrystalClassifier, CrystalRegressor
    from stratus.inference.predictor import load
    from stratus.scope import Scope, encode

    __version__: str

__all__ = [
    "CrystalClassifier",
    "CrystalEmbedder",
    "CrystalRegressor",
    "Entry",
    "Reject",
    "Scope",
    "__version__",
    "encode",
    "load",
    "read",
]

_HOME = {
    "CrystalClassifier": "stratus.inference.estimators.properties",
    "CrystalEmbedder": "stratus.inference.estimators.embedder",
    "CrystalRegressor": "stratus.inference.estimators.properties",
    "Entry": "stratus.crystals.entry",
    "Reject": "stratus.crystals.entry",
    "Scope": "stratus.scope",
    "encode": "stratus.scope",
    "load": "stratus.inference.predictor",
    "read": "stratus.crystals.reading",
}


def __getattr__(name: str) -> object:
    """Load a public name from its room (PEP 562)."""
    value: object
    if name == "__version__":
        from importlib.metadata import version

        value = version("stratus-crystals")
    elif name in _HOME:
        from importlib import import_module

        module, _, its_name = _HOME[name].partition(":")
        value = getattr(import_module(module), its_name or name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
