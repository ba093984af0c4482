"""Reading small text files, cards and those of bundles: strict, and refused with a sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from stratus.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 16 * 1024 * 1024
"""No card and no text file of a bundle comes near this; what does is not read into memory."""

_DEEPEST: Final = 20
_OPENING: Final = (
    yaml.BlockMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.FlowSequenceStartToken,
)
_CLOSING: Final = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)

_Model = TypeVar("_Model", bound=BaseModel)


def read_text(path: Path) -> str:
    """Read a text file.

    Raises:
        stratus.errors.InputError: it is missing, not UTF-8, or larger than :data:`MAX_BYTES`.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} is larger than {MAX_BYTES:,} bytes, so it is no such file")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text; copy it again") from None
    except OSError as error:
        raise InputError(f"{path} can not be read: {error.strerror or error}") from None


def read_json(path: Path) -> Any:
    """Read a JSON file in which no key stands twice and every number is finite.

    Raises:
        stratus.errors.InputError: it is no such file.
    """
    text = read_text(path)
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON that can be read: {error}") from None


def read_yaml(path: Path) -> Any:
    """Read a YAML file of plain values.

    Aliases are refused, for a few of them make billions of values, and so is what is nested deep.

    Raises:
        stratus.errors.InputError: it is no such file.
    """
    text = read_text(path)
    try:
        depth = 0
        for token in yaml.scan(text):
            depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
            if isinstance(token, yaml.AliasToken) or depth > _DEEPEST:
                raise InputError(f"{path} uses YAML aliases (*name) or deep nesting; write it flat")
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is no YAML that can be read: {reason}") from None


def validated(model: type[_Model], values: object, where: object) -> _Model:
    """Check plain values against a pydantic model, without turning one type into another.

    Args:
        model: what they should be.
        values: what was read from JSON or YAML.
        where: named in the error; the file.

    Raises:
        stratus.errors.InputError: a key is unknown, missing or of the wrong kind; the first such
            key is named.
    """
    try:
        return model.model_validate_json(json.dumps(values, allow_nan=False), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the whole"
        if first["type"] == "extra_forbidden":
            raise InputError(f"{where}: the key {key!r} is unknown; remove it") from None
        if first["type"] == "missing":
            raise InputError(f"{where}: the key {key!r} is missing") from None
        raise InputError(f"{where}: {key}: {first['msg']}, not {first['input']!r}") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"{where} holds a value that is no plain text or number: {error}"
        ) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice")
    return table


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
