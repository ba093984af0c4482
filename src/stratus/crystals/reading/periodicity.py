"""What is not periodic along every axis, a slab or a molecule in a box, is said in a note."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import numpy as np

_AXES: Final = "abc"
_TRUE: Final = frozenset({"t", "true", "1", "1.0", "yes", "y"})
_FALSE: Final = frozenset({"f", "false", "0", "0.0", "no", "n"})
_ABSENT: Final = frozenset({"", "nan"})
_GLUED = re.compile(r"[tf01]{3}", re.IGNORECASE)
_READ: Final = "read as a crystal in all three directions"


class Periodicity(NamedTuple):
    """Along which axes an input is periodic.

    Attributes:
        axes: one truth value for each lattice vector; ``None`` where the number alone is known.
        notes: one sentence, if it is not periodic along all of them or this is not understood.
    """

    axes: tuple[bool, bool, bool] | None
    notes: tuple[str, ...] = ()


PERIODIC: Final = Periodicity((True, True, True))
"""What is periodic along all three axes, and whatever says nothing about it."""


def periodicity(given: Any) -> Periodicity:
    """Return along which axes an input is periodic, with a note where these are not all three.

    Args:
        given: what an input says of the three axes: truth values, numbers, words or one text such
            as ``T T F``; one value stands for all three, ``None`` and an empty cell say nothing.
    """
    if isinstance(given, np.ndarray):
        given = given.reshape(-1).tolist()
    if given is None or _is_everywhere(given) or str(given).strip() in _ABSENT:
        return PERIODIC
    flags = _flags(given)
    if flags is None:
        note = f"{str(given)[:40]!r} does not say along which axes it is periodic; {_READ}"
        return Periodicity(PERIODIC.axes, (note,))
    if all(flags):
        return PERIODIC
    along = [axis for axis, flag in zip(_AXES, flags, strict=True) if flag]
    where = f"periodic along {' and '.join(along)} alone" if along else "periodic along no axis"
    return Periodicity(flags, (f"{where}; {_READ}",))


def periodicity_of_count(count: Any) -> Periodicity:
    """Return the same where an input says only along how many axes it is periodic."""
    if not isinstance(count, int | float) or count not in range(len(_AXES)):
        return PERIODIC
    axes = "axis" if count == 1 else "axes"
    none_at_all = (False, False, False) if count == 0 else None
    return Periodicity(none_at_all, (f"periodic along {count:g} {axes}; {_READ}",))


def _is_everywhere(given: Any) -> bool:
    """Whether it is the usual answer, for which no text has to be made."""
    return (
        isinstance(given, list | tuple)
        and len(given) == len(_AXES)
        and all(isinstance(flag, int | float) and flag == 1 for flag in given)
    )


def _flags(given: Any) -> tuple[bool, bool, bool] | None:
    """Return whether it is periodic along each axis; ``None`` where that is not understood."""
    words: list[Any]
    if isinstance(given, str | int):
        text = str(given).strip().strip("[](){}\"'")
        words = list(text) if _GLUED.fullmatch(text) else re.split(r"[\s,;]+", text)
    else:
        words = np.array(given, dtype=object).reshape(-1).tolist()
    found = [_flag(word) for word in words]
    if None in found or len(found) not in {1, len(_AXES)}:
        return None
    a, b, c = (bool(flag) for flag in found * (len(_AXES) // len(found)))
    return a, b, c


def _flag(word: Any) -> bool | None:
    text = str(word).strip().strip("\"'.[](){}").lower()
    if text in _TRUE:
        return True
    return False if text in _FALSE else None
