"""Columns found by name, without regard to case and blanks: ``Formula`` and `` ID `` are found."""

from __future__ import annotations

import difflib
from collections import Counter
from typing import TYPE_CHECKING

from stratus.crystals.entry import Code
from stratus.crystals.reading.refusal import Refusal
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class MissingColumnError(InputError):
    """A column that the caller named is not there.

    Args:
        source: the table.
        wanted: the column.
        names: the columns that are there.
    """

    def __init__(self, source: str, wanted: str, names: Iterable[str]) -> None:
        self.wanted = wanted
        self.names = tuple(names)
        super().__init__(f"{source} has no column {wanted!r}; {close(wanted, self.names)}")


def find_column(wanted: str, names: Sequence[str], source: str) -> str | None:
    """Return the column that is called so; None where none is.

    A column of exactly this name wins; else case does not count, nor blanks around the name, and
    a blank in it is an underscore: ``Space Group`` is ``space_group``.

    Args:
        wanted: the name.
        names: the columns of the table.
        source: the table, for messages.

    Raises:
        stratus.errors.InputError: several columns differ from the name in case and blanks alone.
    """
    if wanted in names:
        return wanted
    key = plain_name(wanted)
    alike = [name for name in names if plain_name(name) == key]
    if len(alike) > 1:
        raise InputError(
            f"{source} has the columns {' and '.join(map(repr, alike))}, and each could be "
            f"{wanted}; rename all but one"
        )
    return alike[0] if alike else None


def first_column(wanted: Iterable[str], names: Sequence[str], source: str) -> str | None:
    """Return the first of some columns that a table has; None where it has none of them.

    Raises:
        stratus.errors.InputError: as of :func:`find_column`.
    """
    return next((n for one in wanted if (n := find_column(one, names, source)) is not None), None)


def named_column(wanted: str, names: Sequence[str], source: str) -> str:
    """Return the column that the caller named.

    Raises:
        MissingColumnError: it is missing; gives the close matches.
        stratus.errors.InputError: as of :func:`find_column`.
    """
    found = find_column(wanted, names, source)
    if found is None:
        raise MissingColumnError(source, wanted, names)
    return found


def close(name: str, names: Iterable[str]) -> str:
    """Return a hint: the close matches among some names, or all of them."""
    names = list(names)
    matches = difflib.get_close_matches(name, names, n=3)
    if matches:
        return f"did you mean {' or '.join(matches)}?"
    return f"there is {', '.join(names)}" if names else "there are none"


def usable_names(names: Sequence[str]) -> list[str]:
    """Return the names of a header, each once; a column without a name is called by its place.

    Raises:
        Refusal: two columns have one name.
    """
    found = [n if n.strip() else f"column {place}" for place, n in enumerate(names, start=1)]
    name, count = Counter(found).most_common(1)[0] if found else ("", 0)
    if count > 1:
        raise Refusal(
            Code.UNREADABLE, f"the table has {count} columns called {name!r}; rename all but one"
        )
    return found


def plain_name(name: str) -> str:
    """Return the name of a column as it is compared: ``Space Group`` is ``space_group``."""
    return "_".join(name.strip("\ufeff").casefold().split())
