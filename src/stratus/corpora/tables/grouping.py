"""Which rows of a table stay together when it is split."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from stratus.corpora.keys import Key, keys_of
from stratus.corpora.tables.table import Table
from stratus.crystals.reading.column_names import close
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Group(StrEnum):
    """Which rows stay together.

    A crystal may stand in a table whole and as its formula; these are not one string, but they are
    one composition.
    """

    NONE = "none"
    SCOPE = "scope"
    COMPOSITION = "composition"
    CHEMICAL_SYSTEM = "chemical-system"
    PROTOTYPE = "prototype"


_KEYS: Final = {Group.CHEMICAL_SYSTEM: Key.CHEMICAL_SYSTEM, Group.PROTOTYPE: Key.PROTOTYPE}


def group_names(rows: int | Table, group: str | None) -> Sequence[str]:
    """Return the name of each row's group.

    Args:
        rows: the table, or how many rows there are.
        group: one of :class:`Group`; if not said: ``composition`` for a table with partial
            crystals, ``scope`` for any other, ``none`` for a number.

    Raises:
        stratus.errors.InputError: no such group, a group of a number of rows, prototypes of
            partial crystals, or keys of strings of the ``paper`` dialect.
    """
    if group is None:
        group = _default_group(rows)
    known = [kind.value for kind in Group]
    if group not in known:
        raise InputError(f"{group!r} is no group of rows; {close(group, known)}")
    if not isinstance(rows, Table):
        if group != Group.NONE:
            raise InputError(
                f"rows can be kept together by {group} in a table, not in a number of rows"
            )
        return [str(row) for row in range(rows)]
    if group == Group.NONE:
        return rows.ids
    if group == Group.SCOPE:  # a partial string is a group too
        return rows.keys
    if group == Group.COMPOSITION:
        return rows.compositions
    if rows.strings != "orbit":
        raise InputError(
            f"rows can be kept together by {group} in tables of the orbit dialect alone, "
            f"and this is one of the {rows.strings} dialect; keep them together by scope or "
            "composition"
        )
    names = keys_of(_KEYS[Group(group)], rows.ids, rows.scopes)
    if None in names:
        row = names.index(None)
        raise InputError(
            f"row {row} (id {rows.ids[row]!r}) is a partial crystal, of which no {group} is known "
            f"({names.count(None)} such rows); split by composition or chemical system"
        )
    return [name for name in names if name is not None]


def _default_group(rows: int | Table) -> Group:
    if not isinstance(rows, Table):
        return Group.NONE
    return Group.COMPOSITION if rows.is_partial else Group.SCOPE
