"""Looking a name up in an explicit table."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeVar

from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

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


class Deferred(Mapping[str, T]):
    """A table of things by name, each imported when it is asked for.

    So whoever needs one of them does not import what the others need. The places are constants of
    the code; none ever comes out of a file.

    Args:
        places: ``module:name`` of each.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        self._found: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        """Return one of them."""
        if name not in self._found:
            module, _, attribute = self._places[name].partition(":")
            self._found[name] = getattr(import_module(module), attribute)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        """Give the names."""
        return iter(dict.fromkeys([*self._places, *self._found]))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._places | self._found)

    def add(self, name: str, value: T) -> None:
        """Add one more.

        Raises:
            stratus.errors.InputError: the name is taken.
        """
        if name in self:
            raise InputError(f"there is a {name!r} already; choose another name")
        self._found[name] = value
