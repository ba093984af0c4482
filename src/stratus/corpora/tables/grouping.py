"""Which rows of a table stay together when it is split."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from stratus.corpora.digests import drawn
from stratus.corpora.tables.table import Table
from stratus.crystals.reading.column_names import close
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Group(StrEnum):
    """Which rows stay together.

    A crystal may stand in a table whole and as its formula; these are not one string, but they are
    one composition. Blocks are rows that stand next to each other, such as the frames of one
    trajectory, of which neighbours are almost alike.
    """

    NONE = "none"
    SCOPE = "scope"
    COMPOSITION = "composition"
    CHEMICAL_SYSTEM = "chemical-system"
    PROTOTYPE = "prototype"
    BLOCKS = "blocks"


IN_WORDS: Final = {
    Group.NONE: "each row is by itself",
    Group.COMPOSITION: "rows of one composition stay together",
    Group.CHEMICAL_SYSTEM: "rows of the same elements stay together",
    Group.PROTOTYPE: "rows of one prototype stay together",
    Group.BLOCKS: "the table is cut into blocks, in its order; only at their ends are rows of two "
    "parts neighbours",
}
"""What each of them does; of ``scope`` see :attr:`Table.key_name`."""

_LOG = logging.getLogger(__name__)
_FEWEST: Final = 3  # groups: one to learn from, one to choose with, one to test


class RowGroups(NamedTuple):
    """Which rows stay together.

    Attributes:
        names: of the group of each row.
        in_order: whether groups are dealt out in the order of the rows, and not by lot.
    """

    names: Sequence[str]
    in_order: bool = False

    def order(self, salt: str) -> list[str]:
        """Return the groups in the order in which they are dealt out, each once.

        Args:
            salt: decides, where they are drawn by lot.
        """
        different = dict.fromkeys(self.names)
        return list(different) if self.in_order else drawn(sorted(different), salt)


def usual_group(rows: int | Table, folds: int = _FEWEST) -> Group:
    """Return which rows stay together where nothing is said.

    Args:
        rows: the table, or how many rows there are.
        folds: how many are to be made.

    Returns:
        ``none`` for a number, ``composition`` for a table with partial crystals, ``scope`` for any
        other with strings or with materials. For one of atoms alone ``composition``, or
        ``blocks`` where its compositions are too few for the folds.
    """
    if not isinstance(rows, Table):
        return Group.NONE
    if rows.strings is not None or rows.materials:
        return Group.COMPOSITION if rows.is_partial else Group.SCOPE
    few = len(set(rows.compositions)) < max(folds, _FEWEST)
    return Group.BLOCKS if few else Group.COMPOSITION


def row_groups(rows: int | Table, group: str | None, folds: int = _FEWEST) -> RowGroups:
    """Return which rows stay together.

    Args:
        rows: the table, or how many rows there are.
        group: one of :class:`Group`; if not said, as of :func:`usual_group`. That it is blocks is
            then logged as a warning.
        folds: how many are to be made.

    Raises:
        stratus.errors.InputError: as of :func:`group_names`.
    """
    if group is None:
        group = usual_group(rows, folds)
        if group == Group.BLOCKS and isinstance(rows, Table):
            _LOG.warning(
                "%d rows have %d compositions and no column says of which material they are, so "
                "%s; name the material_column, or another group (none: by lot)",
                len(rows),
                len(set(rows.compositions)),
                IN_WORDS[Group.BLOCKS],
            )
    return RowGroups(group_names(rows, group), in_order=group == Group.BLOCKS)


def group_names(rows: int | Table, group: str | None) -> Sequence[str]:
    """Return the name of each row's group.

    Args:
        rows: the table, or how many rows there are.
        group: one of :class:`Group`; if not said, as of :func:`usual_group`.

    Raises:
        stratus.errors.InputError: no such group, a group of a number of rows, prototypes of
            partial crystals, or keys of strings of the ``paper`` dialect.
    """
    if group is None:
        group = usual_group(rows)
    known = [kind.value for kind in Group]
    if group not in known:
        raise InputError(f"{group!r} is no group of rows; {close(group, known)}")
    if not isinstance(rows, Table):
        if group not in {Group.NONE, Group.BLOCKS}:
            raise InputError(
                f"rows can be kept together by {group} in a table, not in a number of rows"
            )
        return [str(row) for row in range(rows)]
    if group in {Group.NONE, Group.BLOCKS}:
        return rows.ids
    if group == Group.SCOPE:  # a partial string is a group too; so is a material
        return rows.keys
    if group == Group.COMPOSITION:
        return rows.compositions
    if rows.strings != "orbit":
        raise InputError(
            f"rows can be kept together by {group} in tables of the orbit dialect alone, "
            f"and this is one {_strings(rows)}; keep them together by scope or composition"
        )
    from stratus.corpora.keys import Key, keys_of

    names = keys_of(Key(group), rows.ids, rows.scopes)
    if None in names:
        row = names.index(None)
        raise InputError(
            f"row {row} (id {rows.ids[row]!r}) is a partial crystal, of which no {group} is known "
            f"({names.count(None)} such rows); split by composition or chemical system"
        )
    return [name for name in names if name is not None]


def _strings(table: Table) -> str:
    return "without strings" if table.strings is None else f"of the {table.strings} dialect"
