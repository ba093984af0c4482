"""A file of crystals, opened once: its columns are known before its rows are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stratus.crystals.reading import Record, records
from stratus.crystals.reading.column_names import named_column
from stratus.crystals.reading.table_columns import TableColumns, TableHeader, find_id_column
from stratus.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from stratus.crystals.entry import Reject
    from stratus.crystals.reading import ReadOptions
    from stratus.crystals.reading.file_names import FileNames


class CrystalFile:
    """An open file of crystals.

    Args:
        path: a table, another file of crystals, an archive or a folder.
        read: the columns of structures and ids, where the caller named them.
        names: what files are called, where this is one of many.

    Attributes:
        path: as given.
        read: as given.
        columns: the names of all columns; None for a file that is no table, or is broken.

    Raises:
        stratus.errors.InputError: it is not there, or the column of ids that was named is missing.
    """

    def __init__(
        self, path: str | os.PathLike[str], read: ReadOptions, names: FileNames | None = None
    ) -> None:
        self.path = Path(path)
        self.read = read
        found = records([self.path], read.model_copy(update={"headers": True}), None, names)
        self._first = next(found, None)
        self._rest: Iterator[Record | Reject] | None = found
        header = _header(self._first)
        self.columns = None if header is None else header.names
        if header is not None and read.id_column is not None:
            named_column(read.id_column, header.names, header.table)

    def records(self, column: str | None = None) -> Iterator[Record | Reject]:
        """Yield what it holds, once.

        Args:
            column: the column of its tables that makes a crystal; None where structures do, which
                are found by the names of the columns or are files of their own.

        Raises:
            stratus.errors.InputError: a table in it lacks a column that was named, or it was read
                before.
        """
        if self._rest is None:
            raise InputError(f"{self.path} was read already; open it anew to read it again")
        rest, self._rest = self._rest, None
        return self._records(rest, column)

    def _records(
        self, rest: Iterator[Record | Reject], column: str | None
    ) -> Iterator[Record | Reject]:
        record = self._first
        while record is not None:
            header = _header(record)
            if header is None:
                yield record
            elif column is not None:
                id_column = find_id_column(header.names, header.table, self.read)
                wanted = named_column(column, header.names, header.table)
                header.columns = TableColumns(id_column, wanted)
            record = next(rest, None)


def _header(record: Record | Reject | None) -> TableHeader | None:
    if isinstance(record, Record) and isinstance(record.payload, TableHeader):
        return record.payload
    return None
