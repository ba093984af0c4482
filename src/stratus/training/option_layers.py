"""What all options have in common: layers of plain values, of which later ones win, and sentences.

A wrong name or value is told in one sentence, with the close names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from stratus.errors import InputError
from stratus.names import pick

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Options = TypeVar("Options", bound=BaseModel)


def from_layers(kind: type[Options], *layers: Mapping[str, Any]) -> Options:
    """Make options from layers of plain values, of which later ones win.

    Args:
        kind: the model of the options.
        layers: nested plain values, such as those of a file, then those of the command line.

    Raises:
        stratus.errors.InputError: an unknown name (with the close ones), or a value that cannot
            be.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = _merge(merged, layer)
    try:
        return kind.model_validate(merged)
    except ValidationError as error:
        raise _as_sentence(kind, error) from None


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def _as_sentence(kind: type[BaseModel], error: ValidationError) -> InputError:
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    name = ".".join(place)
    if first["type"] == "extra_forbidden":
        try:
            pick(_part(kind, place[:-1]).model_fields, place[-1], "option")
        except InputError as unknown:
            return unknown
    reason = first["msg"].removeprefix("Value error, ")
    if not place:
        return InputError(reason)
    return InputError(f"{name} cannot be {first['input']!r}: {reason}")


def _part(kind: type[BaseModel], place: Sequence[str]) -> type[BaseModel]:
    """Return the model of the options that stand at a place in others."""
    for name in place:
        inner = kind.model_fields[name].annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            kind = inner
    return kind
