"""Looking a name up in an explicit table."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, TypeVar

from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")
_SHOWN: Final = 100


def pick(table: Mapping[str, T], name: str, what: str) -> T:
    """Return the entry of a table.

    Args:
        table: what there is, by name.
        name: the name wanted.
        what: what the table holds, for the message: ``"view"``.

    Raises:
        stratus.errors.InputError: no such name; the message gives the close ones, or all.
    """
    if name in table:
        return table[name]
    close = get_close_matches(name, table, n=3)
    choice = f"did you mean {' or '.join(close)}?" if close else f"choose {', '.join(table)}"
    shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
    raise InputError(f"there is no {what} {shown!r}; {choice}")
