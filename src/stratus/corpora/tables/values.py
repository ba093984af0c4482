"""What stands in a label column: a number, a class, nothing, or a mistake that is named.

Absent are: null, NaN in a column of numbers, an empty cell, and the texts ``nan`` and ``NaN``,
which is what Python, NumPy and pandas write for a number that is not there. Any other text that is
no number is a mistake in a column of numbers, ``null``, ``NA`` and ``inf`` included: whoever wrote
it meant something, and only they know what.
"""

from __future__ import annotations

import math
import re
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

ABSENT = frozenset({"", "nan", "NaN"})
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def as_numbers(column: pa.Array, name: str, where: Callable[[int], str]) -> npt.NDArray[np.float64]:
    """Return a column of labels as numbers, NaN where there is none.

    Args:
        column: some rows of it.
        name: its name, for messages.
        where: which row stands at a place, for messages.

    Raises:
        InputError: a cell holds something else, an infinite number included; names row and column.
    """
    column = _plain(column)
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        wide = column.cast(pa.float64(), safe=False)
        numbers = np.array(wide.to_numpy(zero_copy_only=False), dtype=np.float64)
        for place in np.flatnonzero(np.isinf(numbers))[:1]:
            raise _mistake(float(numbers[place]), name, where(int(place)))
        return numbers
    found = np.empty(len(column))
    for place, value in enumerate(column.to_pylist()):
        number = _number(value)
        if number is None:
            raise _mistake(value, name, where(place))
        found[place] = number
    return found


def as_classes(column: pa.Array, name: str, where: Callable[[int], str]) -> list[str | None]:
    """Return a column of classes or folds as texts, ``None`` where there is none.

    A whole number is the same class however it is written: ``1``, ``1.0`` and ``01``. A date is
    written as ``2024-05-31``.

    Args:
        column: some rows of it.
        name: its name, for messages.
        where: which row stands at a place, for messages.

    Raises:
        InputError: a cell holds a number that is not whole, or no text, number or truth value.
    """
    found: list[str | None] = []
    for place, value in enumerate(_plain(column).to_pylist()):
        if isinstance(value, date):  # a datetime is one too
            found.append(value.isoformat())
            continue
        if not (value is None or isinstance(value, (str, bool, int, float))):
            raise InputError(
                f"{where(place)} has {value!r} in {name!r}: a class or fold is a text, a whole "
                "number or a truth value"
            )
        text = _class(value)
        if text is not None and _NUMBER.fullmatch(text) and not text.lstrip("+-").isdigit():
            raise InputError(
                f"{where(place)} has {value!r} in {name!r}, where a class or fold was expected; "
                "a number there must be whole"
            )
        found.append(text)
    return found


def class_order(names: set[str]) -> tuple[str, ...]:
    """Return classes in order: numbers by size if all are numbers, else by their letters."""
    if all(_NUMBER.fullmatch(name) for name in names):
        return tuple(sorted(names, key=int))
    return tuple(sorted(names))


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _number(value: Any) -> float | None:
    """Return the number a cell holds, NaN where it is empty, ``None`` where it is a mistake."""
    if value is None:
        return math.nan
    if isinstance(value, str):
        text = value.strip()
        if text in ABSENT:
            return math.nan
        number = float(text) if _NUMBER.fullmatch(text) else math.inf
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
    else:
        return None
    return None if math.isinf(number) else number


def _class(value: str | float | None) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    text = str(value).strip()
    if text in ABSENT:
        return None
    if _NUMBER.fullmatch(text):
        if text.lstrip("+-").isdigit():
            return str(int(text))
        number = float(text)
        return str(int(number)) if number.is_integer() else text
    return text


def _mistake(value: object, name: str, where: str) -> InputError:
    hint = "leave the cell empty where there is no label"
    if isinstance(value, (str, bool)) and not (
        isinstance(value, str) and value.strip()[:1].isdigit()
    ):
        hint += ", or declare the target as classes (kinds)"
    return InputError(f"{where} has {value!r} in {name!r}, which is no finite number; {hint}")
