"""Which material each row of a table is of, so that rows of one are not split.

Frames of one material, such as those of a relaxation, are neither one string nor always one
composition; a column says which belong together. It is the one that the caller named. In a table
of atoms it is else ``material_id`` or ``mp_id``, if some of its values repeat (where none does it
only names the rows), or the column ``scope``.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from stratus.corpora.tables.text_rows import SCOPE
from stratus.corpora.tables.values import as_classes
from stratus.crystals.reading.column_names import close, find_column, plain_name
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

_LOG = logging.getLogger(__name__)

MATERIAL_NAMES: Final = ("material_id", "mp_id")
"""Columns that say it by their name."""


class RowMaterials(NamedTuple):
    """Which material each row is of.

    Attributes:
        column: the column that says it; None where none does.
        names: of the material of each row; empty where no column says it.
    """

    column: str | None = None
    names: tuple[str, ...] = ()


class Materials:
    """Gathers the materials of rows.

    Args:
        named: the column that the caller named.
        by_name: whether a column is looked for by its name where none was named.
    """

    def __init__(self, named: str | None, *, by_name: bool = False) -> None:
        found = (*MATERIAL_NAMES, SCOPE) if by_name else ()
        self._named = named
        self._columns = found if named is None else (named,)
        self._may_repeat = {plain_name(name) for name in (*self._columns, *found)} - {SCOPE}
        self._values: dict[str, list[str | None]] = {name: [] for name in self._columns}
        self._id_column: str | None = None
        self._ids: dict[str, None] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that could say it, by name."""
        return self._columns

    def found_in(self, names: Sequence[str]) -> list[str]:
        """Return those of some columns that could say it."""
        plain = {plain_name(name) for name in self._columns}
        return [name for name in names if plain_name(name) in plain]

    @property
    def are_ids(self) -> bool:
        """Whether the column of the ids may name materials, so that an id may repeat."""
        return self._id_column is not None

    def look(
        self, names: Sequence[str], id_column: str | None, source: str, *, asked: bool = False
    ) -> None:
        """Look at the columns of a table.

        Args:
            names: all of them.
            id_column: that of the ids.
            source: the table, for messages.
            asked: whether the caller named the column of the ids.

        Raises:
            stratus.errors.InputError: it lacks the column that the caller named.
        """
        if self._named is not None and find_column(self._named, names, source) is None:
            raise InputError(
                f"{source} has no column {self._named!r}, which is to say the material of each "
                f"row; {close(self._named, names)}"
            )
        if id_column is not None and (self._named is not None or not asked):
            plain = plain_name(id_column)
            if plain in self._may_repeat:
                self._id_column = plain

    def row_ids(self, ids: Sequence[str], sources: Sequence[str]) -> list[str]:
        """Return ids of rows, each once: a material that repeats gets the number of its row.

        Args:
            ids: as the table has them.
            sources: the table and the number of the row in it, ``t.csv:7``.
        """
        if not self.are_ids:
            return list(ids)
        found = []
        for id_, source in zip(ids, sources, strict=True):
            name = id_
            if name in self._ids:
                name = f"{id_}:{source.rpartition(':')[2]}"
            if name in self._ids:
                name = f"{id_}:{source}"
            self._ids[name] = None
            found.append(name)
        return found

    def add(
        self, ids: Sequence[str], columns: Mapping[str, pa.Array], where: Callable[[int], str]
    ) -> None:
        """Take the materials of some rows.

        Args:
            ids: of the rows, as the table has them.
            columns: other columns of the rows, by name.
            where: which row stands at a place, for messages.

        Raises:
            stratus.errors.InputError: a cell of such a column is no name.
        """
        for name, values in self._values.items():
            column = find_column(name, list(columns), "the table")
            if column is not None:
                values.extend(as_classes(columns[column], column, where))
            else:
                values.extend(ids if plain_name(name) == self._id_column else [None] * len(ids))

    def of_rows(self, ids: Sequence[str], source: str) -> RowMaterials:
        """Return which material each row is of.

        Args:
            ids: of the rows.
            source: the table, for messages.

        Raises:
            stratus.errors.InputError: of the column that the caller named a cell is empty.
        """
        for name, values in self._values.items():
            known = [value for value in values if value is not None]
            if len(known) < len(ids):
                self._say_lacking(name, values, ids, source)
            elif self._named is not None or name == SCOPE or len(set(known)) < len(known):
                return RowMaterials(name, tuple(known))
        return RowMaterials()

    def _say_lacking(
        self, name: str, values: Sequence[str | None], ids: Sequence[str], source: str
    ) -> None:
        row = list(values).index(None)
        lacking = (
            f"row {row} (id {ids[row]!r}) of {source} has nothing in {name!r}, which says the "
            f"material of each row ({values.count(None)} such rows)"
        )
        if self._named is not None:
            raise InputError(f"{lacking}; fill it in, or leave these rows out")
        if any(value is not None for value in values):
            _LOG.warning("%s; it is not used to keep rows of one material together", lacking)
