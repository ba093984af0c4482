"""The architectures, by name, with their presets."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError

from stratus.encoders.cloud import Cloud, CloudConfig
from stratus.encoders.orbit_set import OrbitSet, OrbitSetConfig
from stratus.encoders.roost import Roost, RoostConfig
from stratus.errors import InputError
from stratus.views.names import pick

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

_TRANSFORMERS: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "nano": {"layers": 4, "hidden": 128, "heads": 4, "feed_forward": 512},
        "small": {"layers": 6, "hidden": 384, "heads": 6, "feed_forward": 1536},
        "base": {"layers": 12, "hidden": 768, "heads": 12, "feed_forward": 3072},
    }
)

_ROOSTS: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "nano": {
            "hidden": 64,
            "element_embedding": 64,
            "element_hidden": 32,
            "layers": 3,
            "heads": 3,
            "gate_hidden": 64,
            "message_hidden": 64,
            "trunk": (128,),
        },
        "small": {
            "hidden": 128,
            "element_embedding": 128,
            "element_hidden": 64,
            "layers": 3,
            "heads": 3,
            "gate_hidden": 128,
            "message_hidden": 128,
            "trunk": (512, 256),
        },
        "base": {
            "hidden": 256,
            "element_embedding": 200,
            "element_hidden": 64,
            "layers": 3,
            "heads": 3,
            "gate_hidden": 256,
            "message_hidden": 256,
            "trunk": (1024, 512),
        },
    }
)

MASKED_TOKENS: Final = "masked-tokens"
"""The objective of ``stratus pretrain``; for encoders with a ``token_embedding`` whose parts stand
for the tokens of a string."""


@dataclass(frozen=True)
class Architecture:
    """One encoder design.

    Attributes:
        name: its name in the table.
        config: the model of its config.
        build: makes the module from a config and, if given, a ``torch.Generator``.
        presets: values of the config, by the name of the preset.
        view: name of the view it reads.
        dialects: the dialects it can be trained on.
        objectives: what it can be pre-trained for; empty where it is only trained for properties.
        numerics: raised whenever the same weights would give other numbers.
    """

    name: str
    config: type[BaseModel]
    build: Callable[..., nn.Module]
    presets: Mapping[str, Mapping[str, object]]
    view: str
    dialects: tuple[str, ...]
    objectives: tuple[str, ...]
    numerics: int


ARCHITECTURES: Final[Mapping[str, Architecture]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Architecture(
                name="cloud",
                config=CloudConfig,
                build=Cloud,
                presets=_TRANSFORMERS,
                view="sequence",
                dialects=("orbit", "paper"),
                objectives=(MASKED_TOKENS,),
                numerics=1,
            ),
            Architecture(
                name="orbit-set",
                config=OrbitSetConfig,
                build=OrbitSet,
                presets=_TRANSFORMERS,
                view="orbit-set",
                dialects=("orbit",),
                objectives=(MASKED_TOKENS,),
                numerics=2,
            ),
            Architecture(
                name="roost",
                config=RoostConfig,
                build=Roost,
                presets=_ROOSTS,
                view="composition",
                dialects=("orbit",),
                objectives=(),
                numerics=2,
            ),
        )
    }
)


def architecture(name: str) -> Architecture:
    """Return an architecture.

    Raises:
        stratus.errors.InputError: no such architecture; the message gives the close names.
    """
    return pick(ARCHITECTURES, name, "architecture")


def configure(name: str, preset: str, **overrides: object) -> BaseModel:
    """Return the config of a preset, with some values set otherwise.

    Args:
        name: the architecture.
        preset: ``nano``, ``small`` or ``base``.
        overrides: values of the config; the ``vocabulary_size`` of a transformer has no default,
            so it is always here.

    Raises:
        stratus.errors.InputError: no such architecture or preset, or a value that can not be.
    """
    values = pick(architecture(name).presets, preset, f"preset of {name}")
    return read_config(name, {**values, **overrides})


def read_config(name: str, values: Mapping[str, Any]) -> BaseModel:
    """Return the config of an architecture from plain values.

    Raises:
        stratus.errors.InputError: no such architecture, a value is missing, unknown or can not
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
        raise InputError(f"{name} can not have {what}: {_reason(first['msg'])}") from None


def _reason(message: str) -> str:
    """Write pydantic's message inside a sentence."""
    plain = message.removeprefix("Value error, ")
    return plain[:1].lower() + plain[1:]
