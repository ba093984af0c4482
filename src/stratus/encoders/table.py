"""The architectures, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from stratus.errors import InputError
from stratus.names import Deferred, pick
from stratus.views.table import view_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from stratus.encoders.architecture import Architecture

ARCHITECTURES: Final[Deferred[Architecture]] = Deferred(
    {
        "atom_transformer": "stratus.encoders.atom_transformer:ATOM_TRANSFORMER",
        "bond-graph": "stratus.encoders.bond_graph:BOND_GRAPH",
        "cgcnn": "stratus.encoders.cgcnn:CGCNN",
        "cloud": "stratus.encoders.cloud:CLOUD",
        "egnn": "stratus.encoders.egnn:EGNN",
        "fcn": "stratus.encoders.fcn:FCN",
        "schnet": "stratus.encoders.schnet:SCHNET",
        "equiformer_v2": "stratus.encoders.equiformer_v2:EQUIFORMER_V2",
        "gala": "stratus.encoders.gala:GALA",
        "megnet": "stratus.encoders.megnet:MEGNET",
        "orbit-set": "stratus.encoders.orbit_set:ORBIT_SET",
        "roost": "stratus.encoders.roost:ROOST",
    }
)

DEFAULT_ENCODER: Final = "orbit-set"
"""The architecture of fresh weights where none is named: of pre-training, and of fine-tuning on
crystals without coordinates."""

DEFAULT_PRESET: Final = "nano"
"""The sizes of fresh weights where none are named."""

DEFAULT_ATOMS_ENCODER: Final = "bond-graph"
"""The architecture of fine-tuning on crystals with coordinates, where none is named."""

DEFAULT_ATOMS_PRESET: Final = "small"
"""The sizes of its fresh weights where none are named."""


def architecture(name: str) -> Architecture:
    """Return an architecture.

    Raises:
        stratus.errors.InputError: no such architecture; the message gives the close names.
    """
    return pick(ARCHITECTURES, name, "architecture")


def default_preset(name: str) -> str:
    """Return the sizes of fresh weights of an architecture where none are named."""
    return DEFAULT_ATOMS_PRESET if name == DEFAULT_ATOMS_ENCODER else DEFAULT_PRESET


def register(encoder: Architecture) -> None:
    """Add an architecture from outside of the package to the table, for this process.

    From then on its name works wherever one is given in Python: to train, save, load and predict.
    A bundle of it is loaded only where it was registered before.

    Args:
        encoder: the architecture; its view is in the table of views.

    Raises:
        stratus.errors.InputError: the name is taken, or there is no such view; the message says so.
    """
    view_class(encoder.view)
    ARCHITECTURES.add(encoder.name, encoder)


def configure(name: str, preset: str, **overrides: object) -> BaseModel:
    """Return the config of a preset, with some values set otherwise.

    Args:
        name: the architecture.
        preset: ``nano``, ``small`` or ``base``.
        overrides: values of the config; the ``vocabulary_size`` of a transformer has no default,
            so it is always here.

    Raises:
        stratus.errors.InputError: no such architecture or preset, or a value that cannot be.
    """
    values = pick(architecture(name).presets, preset, f"preset of {name}")
    return read_config(name, {**values, **overrides})


def in_words(name: str, preset: str, overrides: Mapping[str, object]) -> str:
    """Say what is built: ``orbit-set, nano with hidden 32``."""
    changed = ", ".join(f"{key} {value}" for key, value in overrides.items())
    return f"{name}, {preset}" + (f" with {changed}" if changed else "")


def read_config(name: str, values: Mapping[str, Any]) -> BaseModel:
    """Return the config of an architecture from plain values.

    Raises:
        stratus.errors.InputError: no such architecture, a value is missing, unknown or cannot
            be; the message names it.
    """
    config = architecture(name).config
    try:
        return config.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            pick(config.model_fields, field, f"value in the config of {name}")
        if first["type"] == "missing":
            raise InputError(f"the config of {name} needs a value for {field}") from None
        what = f"{field} = {first['input']!r}" if field else "these sizes"
        raise InputError(f"{name} cannot have {what}: {_reason(first['msg'])}") from None


def _reason(message: str) -> str:
    """Write pydantic's message inside a sentence."""
    plain = message.removeprefix("Value error, ")
    return plain[:1].lower() + plain[1:]
