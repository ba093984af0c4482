"""The config of a view as a bundle holds it, checked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_Config = TypeVar("_Config", bound=BaseModel)

_SHOWN = 200


def stored_config(kind: type[_Config], values: Mapping[str, Any]) -> _Config:
    """Return the config that plain values of a file are, without turning one type into another.

    Args:
        kind: what they should be.
        values: of ``view.config`` in ``model.json``.

    Raises:
        stratus.errors.InputError: a key is unknown, missing or of the wrong kind; the first such
            key is named.
    """
    try:
        return kind.model_validate_json(json.dumps(dict(values)), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["view.config", *map(str, first["loc"])])[:_SHOWN]
        if first["type"] == "extra_forbidden":
            raise InputError(f"the key {key!r} is unknown; remove it") from None
        if first["type"] == "missing":
            raise InputError(f"the key {key!r} is missing") from None
        value = repr(first["input"])[:_SHOWN]
        raise InputError(f"{key}: {first['msg']}, not {value}") from None
