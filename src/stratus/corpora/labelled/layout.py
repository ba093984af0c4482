"""What a file holds, by its columns: strings, structures, or formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stratus.corpora.labelled.columns import close
from stratus.corpora.labelled.formulas import FORMULA_NAMES, SPACE_GROUP_NAMES, Formulas
from stratus.corpora.labelled.gathering import first_slice, with_column
from stratus.corpora.labelled.strings import SCOPE, Strings
from stratus.errors import InputError
from stratus.scope import Dialect

if TYPE_CHECKING:
    import os
    from collections.abc import Collection

    from stratus.corpora.labelled.gathering import RowReader
    from stratus.crystals.reading import ReadOptions


class Layout(NamedTuple):
    """What a file holds.

    Attributes:
        reader: how its rows become strings; ``None`` where they are structures, to be encoded.
        columns: the names of all columns; ``None`` for a file that is no table.
    """

    reader: RowReader | None
    columns: tuple[str, ...] | None


def find_layout(
    path: str | os.PathLike[str],
    read: ReadOptions,
    labels: Collection[str],
    formula_column: str | None = None,
    space_group_column: str | None = None,
    dialect: Dialect = Dialect.ORBIT,
) -> Layout:
    """Find out what a file holds.

    A column that the caller named decides; else a column ``scope``, then structures, then a
    column of formulas.

    Args:
        path: the file.
        read: the columns of structures and ids, where the caller named them.
        labels: the columns of the labels, which are never taken for space groups.
        formula_column: the column of the formulas, where the caller named it.
        space_group_column: the column of the space groups, where the caller named it.
        dialect: of the strings, and of what formulas become.

    Raises:
        stratus.errors.InputError: a column that was named is missing, the names contradict, or
            formulas can not be written in the dialect.
    """
    if read.structure_column is not None:
        if formula_column is not None or space_group_column is not None:
            raise InputError(
                "a table is read as structures or as formulas, not as both; name a "
                "structure_column, or a formula_column with a space_group_column"
            )
        return Layout(None, _columns(path, read))
    found: tuple[str, ...] | None
    if formula_column is not None:
        names = _columns(path, with_column(read, formula_column)) or ()
        reader = _formulas(path, formula_column, space_group_column, names, labels, dialect)
        return Layout(reader, names)
    if space_group_column is None:
        found = _with(path, read, SCOPE)
        if found is not None:
            return Layout(Strings(dialect), found)
        found = _columns(path, read)
        if found is not None:
            return Layout(None, found)
    for name in FORMULA_NAMES:
        found = _with(path, read, name)
        if found is not None and name not in labels:
            reader = _formulas(path, name, space_group_column, found, labels, dialect)
            return Layout(reader, found)
    if space_group_column is not None:
        raise InputError(
            f"{path} has no column {' or '.join(FORMULA_NAMES)}, to which the space groups in "
            f"{space_group_column!r} would belong; name it with formula_column"
        )
    return Layout(None, None)


def _formulas(
    path: str | os.PathLike[str],
    formula: str,
    space_group: str | None,
    names: tuple[str, ...],
    labels: Collection[str],
    dialect: Dialect,
) -> Formulas:
    if dialect != Dialect.ORBIT:
        raise InputError(
            f"{path} holds formulas, which can be written in the {Dialect.ORBIT} dialect alone, "
            f"and {dialect} is read here"
        )
    if space_group is None:
        free = [n for n in SPACE_GROUP_NAMES if n in names and n not in labels and n != formula]
        space_group = free[0] if free else None
    elif space_group not in names:
        raise InputError(f"{path} has no column {space_group!r}; {close(space_group, names)}")
    for name in (formula, space_group):
        if name in labels:
            raise InputError(
                f"the column {name!r} is both what is known of a crystal and a label; choose one"
            )
    return Formulas(formula, space_group)


def _with(path: str | os.PathLike[str], read: ReadOptions, column: str) -> tuple[str, ...] | None:
    """Return the columns of a table if one of them has a name."""
    try:
        return _columns(path, with_column(read, column))
    except InputError:  # no such column, or a mistake that reading it will name
        return None


def _columns(path: str | os.PathLike[str], read: ReadOptions) -> tuple[str, ...] | None:
    found = first_slice(path, read)
    return None if found is None else tuple(found.batch.schema.names)
