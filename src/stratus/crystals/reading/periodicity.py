"""What is not periodic along every axis, a slab or a molecule in a box, is said in a note."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_AXES: Final = "abc"
_TRUE: Final = frozenset({"t", "true", "1", "1.0", "yes", "y"})
_FALSE: Final = frozenset({"f", "false", "0", "0.0", "no", "n"})
_ABSENT: Final = frozenset({"", "nan"})
_GLUED = re.compile(r"[tf01]{3}", re.IGNORECASE)
_READ: Final = "read as a crystal in all three directions"


def periodic_notes(given: Any) -> tuple[str, ...]:
    """Return a note on a crystal that is not periodic along every axis; none where it is.

    Args:
        given: what an input says of the three axes: truth values, numbers, words or one text such
            as ``T T F``; one value stands for all three, ``None`` and an empty cell say nothing.
    """
    if isinstance(given, np.ndarray):
        given = given.reshape(-1).tolist()
    if given is None or _is_everywhere(given) or str(given).strip() in _ABSENT:
        return ()
    flags = _flags(given)
    if flags is None:
        return (f"{str(given)[:40]!r} does not say along which axes it is periodic; {_READ}",)
    if all(flags):
        return ()
    along = [axis for axis, flag in zip(_AXES, flags, strict=True) if flag]
    where = f"periodic along {' and '.join(along)} alone" if along else "periodic along no axis"
    return (f"{where}; {_READ}",)


def _is_everywhere(given: Any) -> bool:
    """Whether it is the usual answer, for which no text has to be made."""
    return (
        isinstance(given, list | tuple)
        and len(given) == len(_AXES)
        and all(isinstance(flag, int | float) and flag == 1 for flag in given)
    )


def dimension_notes(count: Any) -> tuple[str, ...]:
    """Return a note on a crystal of which only the number of periodic axes is told."""
    if not isinstance(count, int | float) or count not in range(len(_AXES)):
        return ()
    axes = "axis" if count == 1 else "axes"
    return (f"periodic along {count:g} {axes}; {_READ}",)


def _flags(given: Any) -> Sequence[bool] | None:
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
    return [bool(flag) for flag in found * (len(_AXES) // len(found))]


def _flag(word: Any) -> bool | None:
    text = str(word).strip().strip("\"'.[](){}").lower()
    if text in _TRUE:
        return True
    return False if text in _FALSE else None
