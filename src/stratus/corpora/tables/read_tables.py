"""Several files of labelled crystals to one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratus.corpora.tables.columns import Wanted
from stratus.corpora.tables.joining import join_tables
from stratus.corpora.tables.layout import find_layout
from stratus.corpora.tables.reading import read_crystals, read_labelled
from stratus.crystals.reading import ReadOptions
from stratus.crystals.reading.column_names import close, find_column
from stratus.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from stratus.corpora.tables.table import Table


def read_tables(
    paths: Sequence[str | os.PathLike[str]],
    targets: Sequence[str],
    *,
    kinds: Mapping[str, str] | None = None,
    **options: Any,
) -> Table:
    """Read several files and join them; a file need not have all of the targets.

    Args:
        paths: files as :func:`read_labelled` takes them, strings, structures and formulas mixed.
        targets: the columns that hold the labels; each is in one of the files at least, and each
            file has one of them at least.
        kinds: as of :func:`read_labelled`.
        options: the other arguments of :func:`read_labelled`, the same for all files.

    Raises:
        stratus.errors.InputError: as :func:`read_labelled` and :func:`join_tables`; no file has a
            target, or a file has none.
    """
    Wanted.of(targets, kinds, options.get("fold_column"))
    if len(paths) == 1:
        return read_labelled(paths[0], targets, kinds=kinds, **options)
    stems = file_names(paths)
    here = {str(path): _targets(path, targets, options) for path in paths}
    found = {name for names in here.values() for name in names}
    for name in targets:
        if name not in found:
            raise InputError(f"no file has the label column {name!r}; {close(name, found)}")
    tables = {
        name: read_labelled(
            path,
            here[str(path)],
            kinds={n: kind for n, kind in (kinds or {}).items() if n in here[str(path)]},
            **options,
        )
        for name, path in zip(stems, paths, strict=True)
    }
    return join_tables(tables)


def read_all_crystals(paths: Sequence[str | os.PathLike[str]], **options: Any) -> Table:
    """Read several files without labels, and join them.

    Args:
        paths: files as :func:`read_labelled` takes them.
        options: the other arguments of :func:`read_crystals`, the same for all files.

    Returns:
        a table with the ids that :func:`read_tables` gives the same rows.

    Raises:
        stratus.errors.InputError: as :func:`read_crystals` and :func:`join_tables`.
    """
    if len(paths) == 1:
        return read_crystals(paths[0], **options)
    names = file_names(paths)
    return join_tables(
        {name: read_crystals(path, **options) for name, path in zip(names, paths, strict=True)}
    )


def column_names(
    paths: Sequence[str | os.PathLike[str]],
    targets: Sequence[str],
    *,
    structure_column: str | None = None,
    id_column: str | None = None,
    formula_column: str | None = None,
    space_group_column: str | None = None,
    **_: Any,
) -> frozenset[str] | None:
    """Return the columns of some files, all together; None where one of them is no table.

    Args:
        paths: files as :func:`read_labelled` takes them.
        targets: the columns of labels that are wished for; they need not be there.
        structure_column: as of :func:`read_labelled`, like the others; what is of no use is
            passed over.
        id_column: the column of the ids.
        formula_column: the column of the formulas.
        space_group_column: the column of the space groups that belong to formulas.

    Raises:
        stratus.errors.InputError: a column that was named is missing.
    """
    read = ReadOptions(structure_column=structure_column, id_column=id_column)
    found: set[str] = set()
    for path in paths:
        columns = find_layout(path, read, targets, formula_column, space_group_column).columns
        if columns is None:
            return None
        found.update(columns)
    return frozenset(found)


def _targets(
    path: str | os.PathLike[str], targets: Sequence[str], options: Mapping[str, Any]
) -> list[str]:
    """Return the targets that a file has; all of them where that is not known before reading."""
    read = ReadOptions(
        structure_column=options.get("structure_column"), id_column=options.get("id_column")
    )
    columns = find_layout(
        path,
        read,
        targets,
        options.get("formula_column"),
        options.get("space_group_column"),
    ).columns
    if columns is None:
        return list(targets)
    named = [name for name in targets if find_column(name, columns, str(path)) is not None]
    if not named:
        raise InputError(
            f"{path} has none of the label columns {', '.join(targets)}; "
            f"{close(targets[0], columns)}"
        )
    return named


def file_names(paths: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Return a name for each file: its stem, or all of its path where two stems are alike.

    Raises:
        stratus.errors.InputError: a file is named twice.
    """
    if len({str(path) for path in paths}) < len(paths):
        raise InputError(f"a file is named twice among {', '.join(map(str, paths))}")
    stems = [Path(path).stem for path in paths]
    return stems if len(set(stems)) == len(stems) else [str(path) for path in paths]
