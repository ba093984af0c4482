"""A training state as tensors and JSON: nothing in it is ever executed when it is read.

A state is dicts, lists, tuples, numbers, texts and tensors, nested. Tensors are taken out into a
flat table; what is left is JSON, in which the things JSON does not know are marked.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import torch

from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

TENSOR: Final = "$tensor"
TUPLE: Final = "$tuple"
ITEMS: Final = "$items"
NUMBER: Final = "$number"
_MARKS: Final = frozenset({TENSOR, TUPLE, ITEMS, NUMBER})


def split(state: object) -> tuple[Any, dict[str, torch.Tensor]]:
    """Take the tensors out of a state.

    Args:
        state: nested dicts, lists, tuples, numbers, texts, None and tensors.

    Returns:
        The rest, ready for JSON, and the tensors by their path, such as
        ``optimizer_states/0/state/3/exp_avg``.

    Raises:
        InputError: something in it is none of these; the text names it and its path.
    """
    tensors: dict[str, torch.Tensor] = {}
    return _split(state, "", tensors), tensors


def join(rest: object, tensors: Mapping[str, torch.Tensor]) -> Any:
    """Put the tensors back; the inverse of :func:`split`.

    Raises:
        KeyError: a tensor is missing.
    """
    if isinstance(rest, list):
        return [join(item, tensors) for item in rest]
    if not isinstance(rest, dict):
        return rest
    if TENSOR in rest:
        return tensors[rest[TENSOR]]
    if TUPLE in rest:
        return tuple(join(item, tensors) for item in rest[TUPLE])
    if ITEMS in rest:
        return {key: join(value, tensors) for key, value in rest[ITEMS]}
    if NUMBER in rest:
        return float(rest[NUMBER])
    return {key: join(value, tensors) for key, value in rest.items()}


def _split(value: object, path: str, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        tensors[path] = value
        return {TENSOR: path}
    if isinstance(value, float) and not math.isfinite(value):
        return {NUMBER: repr(value)}
    if value is None or type(value) in {bool, int, float, str}:
        return value
    if type(value) in {dict, OrderedDict}:
        return _split_dict(value, path, tensors)  # type: ignore[arg-type]
    if type(value) in {list, tuple}:
        items = [_split(item, f"{path}/{k}".lstrip("/"), tensors) for k, item in enumerate(value)]  # type: ignore[arg-type,var-annotated]
        return items if isinstance(value, list) else {TUPLE: items}
    raise InputError(
        f"a checkpoint cannot hold {path or 'the state'}, a {type(value).__name__}: only numbers, "
        "texts, lists, dicts and tensors are written, so that reading it runs no code"
    )


def _split_dict(
    value: Mapping[object, object], path: str, tensors: dict[str, torch.Tensor]
) -> dict[str, Any]:
    parts = {key: _split(item, f"{path}/{key}".lstrip("/"), tensors) for key, item in value.items()}
    if all(isinstance(key, str) for key in parts) and not _MARKS & parts.keys():
        return {str(key): part for key, part in parts.items()}
    odd = [key for key in parts if type(key) not in {str, int}]
    if odd:
        raise InputError(f"a checkpoint cannot hold the key {odd[0]!r} of {path or 'the state'}")
    return {ITEMS: [[key, part] for key, part in parts.items()]}
