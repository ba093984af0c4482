"""What all options have in common: layers of plain values, of which later ones win, and sentences.

A wrong name or value is told in one sentence, with the close names.
"""

from __future__ import annotations

import json
import re
import textwrap
from typing import TYPE_CHECKING, Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from stratus.corpora.documents import read_yaml
from stratus.errors import InputError
from stratus.names import pick

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Options = TypeVar("Options", bound=BaseModel)

_EXPONENT: Final = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")
"""Numbers such as 1e-3, which YAML 1.1 takes for texts."""


def read_options(path: Path) -> dict[str, Any]:
    """Read the values of a YAML file.

    Raises:
        InputError: it cannot be read, or is no mapping.
    """
    values = read_yaml(path)
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise InputError(f"{path} must be a mapping such as `epochs: 10`, one option a line")
    return values


def from_layers(kind: type[Options], *layers: Mapping[str, Any]) -> Options:
    """Make options from layers of plain values, of which later ones win.

    Args:
        kind: the model of the options.
        layers: nested plain values, such as those of a file, then those of the command line.

    Raises:
        stratus.errors.InputError: an unknown name (with the close ones), or a value that cannot
            be.
    """
    try:
        return kind.model_validate(merge_layers(*layers))
    except ValidationError as error:
        raise _as_sentence(kind, error) from None


def merge_layers(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return layers of nested plain values as one, of which later ones win."""
    found: dict[str, Any] = {}
    for layer in layers:
        found = _merge(found, layer)
    return found


def commented(options: BaseModel) -> str:
    """Return options as YAML, each with its description in a comment above it.

    Args:
        options: their own come before those that they have in common with others; nested ones are
            written below their name.
    """
    lines: list[str] = []
    own = type(options).__annotations__
    fields = type(options).model_fields
    for name in sorted(fields, key=lambda name: name not in own):
        value, field = getattr(options, name), fields[name]
        lines += textwrap.wrap(field.description or "", 98, initial_indent="# ",
                               subsequent_indent="# ")  # fmt: skip
        several = isinstance(value, tuple) and value and isinstance(value[0], BaseModel)
        if several:
            items = (textwrap.indent(commented(each), "    ") for each in value)
            lines += [f"{name}:", *(f"  - {item[4:].rstrip()}" for item in items)]
        elif isinstance(value, BaseModel):
            lines += [f"{name}:", textwrap.indent(commented(value), "  ").rstrip()]
        else:
            plain = options.model_dump(mode="json", include={name})[name]
            lines.append(f"{name}: {json.dumps(plain, ensure_ascii=False)}")  # JSON is YAML
    return "\n".join(lines) + "\n"


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Return options that are written as ``name=value``, nested where a name has dots.

    Args:
        texts: such as ``patience=5``, ``masking.ratio=0.3`` or ``tasks.gap.loss=huber``; a value is
            read as YAML, so ``null``, ``true`` and ``[0.8, 0.1, 0.1]`` are what they are there.

    Raises:
        stratus.errors.InputError: a text has no name or no value, a value is no YAML, or a name is
            set twice.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        *above, last = [part.strip() for part in name.split(".")]
        if not equals or not all((*above, last)):
            raise InputError(f"{text!r} sets nothing; write name=value, such as patience=5")
        inner = found
        for part in above:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise InputError(f"{name} is set beside {part} itself; set one of them")
        if last in inner:
            raise InputError(f"{name} is set twice; set it once")
        inner[last] = _value(name, value)
    return found


def _value(name: str, text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError(f"the value {text!r} of {name} is no YAML; quote it") from None
    is_number = isinstance(value, str) and _EXPONENT.fullmatch(value)
    return float(value) if is_number else value


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
