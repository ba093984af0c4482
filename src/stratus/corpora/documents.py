"""Reading small text files, cards and those of bundles: strict, and refused with a sentence."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from stratus.errors import InputError
from stratus.files.plain import read_plain_text

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 16 * 1024 * 1024
"""No card and no text file of a bundle comes near this; what does is not read into memory."""

MAX_YAML_BYTES: Final = 1 << 20
"""YAML takes a thousand times as long to read as JSON; a card of a thousand files has a fifth."""

_DEEPEST: Final = 20
_LONGEST_WORD: Final = 1000  # YAML reads 1:59:59:59... as one number, in quadratic time
_SHOWN: Final = 200
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MISREAD: Final = (  # what PyYAML lets out where a value is not what it looks like
    yaml.YAMLError,
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
)
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
        stratus.errors.InputError: it is missing, no plain file, not UTF-8, or larger than
            :data:`MAX_BYTES`.
    """
    return read_plain_text(path, MAX_BYTES)


def read_json(path: Path) -> Any:
    """Read a JSON file in which no key stands twice and every number is finite.

    Raises:
        stratus.errors.InputError: it is no such file.
    """
    text = read_text(path)
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_number, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON that can be read: {error}") from None


def read_yaml(path: Path) -> Any:
    """Read a YAML file of plain values.

    Aliases are refused, for a few of them make billions of values, and so are tags and what is
    nested deep.

    Raises:
        stratus.errors.InputError: it is no such file.
    """
    text = read_plain_text(path, MAX_YAML_BYTES)
    try:
        _require_flat(text, path)
        return _LOADER(text).get_single_data()
    except InputError:
        raise
    except _MISREAD as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is no YAML that can be read: {reason}") from None


def _require_flat(text: str, path: Path) -> None:
    depth = 0
    for token in yaml.scan(text, Loader=_LOADER):
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > _DEEPEST or isinstance(token, (yaml.AliasToken, yaml.TagToken)):
            raise InputError(
                f"{path} uses YAML aliases (*name), tags (!name) or deep nesting; write it flat"
            )
        word = token.value if isinstance(token, yaml.ScalarToken) and token.plain else ""
        if len(word) > _LONGEST_WORD and len(word.split(maxsplit=1)) == 1:
            raise InputError(f"{path} has a word of {len(word):,} characters; put it in quotes")


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
            raise InputError(f"{where}: the key {_cut(key)!r} is unknown; remove it") from None
        if first["type"] == "missing":
            raise InputError(f"{where}: the key {key!r} is missing") from None
        said, given = _cut(first["msg"]), _cut(repr(first["input"]))
        raise InputError(f"{where}: {_cut(key)}: {said}, not {given}") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"{where} holds a value that is no plain text or number: {error}"
        ) from None


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, value in pairs:
        if name in table:
            raise ValueError(f"the key {_cut(name)!r} stands twice")
        table[name] = value
    return table


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{_cut(text)} is too large for a number")
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
