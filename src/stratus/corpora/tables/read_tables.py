"""Several files of labelled crystals to one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratus.corpora.encoding.options import EncodeOptions, facet_options
from stratus.corpora.encoding.rows import STRINGS_ALONE
from stratus.corpora.tables.columns import Wanted
from stratus.corpora.tables.crystal_file import CrystalFile
from stratus.corpora.tables.joining import join_tables
from stratus.corpora.tables.layout import tells_atoms
from stratus.corpora.tables.reading import read_crystals, read_file
from stratus.crystals.facets import Facet
from stratus.crystals.reading import ReadOptions
from stratus.crystals.reading.column_names import close, find_column
from stratus.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Mapping, Sequence

    from stratus.corpora.tables.table import Table
    from stratus.crystals.facets import ReadFacet
    from stratus.scope import ScopeOptions


class CrystalFiles:
    """Files of labelled crystals that are open, to be read once.

    Args:
        paths: files as :func:`read_labelled` takes them, strings, structures and formulas mixed.
        structure_column: the column of the structures; like the others, the same in all files.
        id_column: the column of the ids.
        formula_column: the column of the formulas.
        space_group_column: the column of the space groups that belong to formulas.
        material_column: the column that says which material each row is of.
        facets: what is read of crystals, as of :func:`read_labelled`.
        scope_options: how structures become strings; strings are read in its dialect.
        workers: processes that encode structures.
        timeout_s: longest time for one crystal, in s.

    Raises:
        stratus.errors.InputError: a file is not there or named twice, or a column that was named
            is missing.
    """

    def __init__(  # noqa: PLR0913 - one for each thing that a command may say
        self,
        paths: Sequence[str | os.PathLike[str]],
        *,
        structure_column: str | None = None,
        id_column: str | None = None,
        formula_column: str | None = None,
        space_group_column: str | None = None,
        material_column: str | None = None,
        facets: Collection[Facet | str] = STRINGS_ALONE,
        scope_options: ScopeOptions | None = None,
        workers: int | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        self._options = EncodeOptions(
            read=ReadOptions(structure_column=structure_column, id_column=id_column),
            keep=tuple(Facet(facet) for facet in facets),
            scope=scope_options,
            workers=workers,
            timeout_s=timeout_s,
        )
        self._formula_columns = (formula_column, space_group_column)
        self._material_column = material_column
        self._names = file_names(paths)
        read = self._options.read.within(timeout_s)
        self._files = [CrystalFile(path, read) for path in paths]

    @property
    def columns(self) -> frozenset[str] | None:
        """The columns of the files, all together; None where one of them is no table."""
        found: set[str] = set()
        for file in self._files:
            if file.columns is None:
                return None
            found.update(file.columns)
        return frozenset(found)

    @property
    def tell_atoms(self) -> tuple[bool, ...]:
        """Of each file whether its crystals have coordinates."""
        return tuple(
            tells_atoms(file.columns, str(file.path), file.read, self._formula_columns)
            for file in self._files
        )

    def read(
        self,
        targets: Sequence[str],
        *,
        kinds: Mapping[str, str] | None = None,
        fold_column: str | None = None,
        reads: ReadFacet | None = None,
    ) -> Table:
        """Read the files and join them; a file need not have all of the targets.

        Args:
            targets: the columns that hold the labels; each is in one of the files at least, and
                each file has one of them at least.
            kinds: as of :func:`read_labelled`, like ``fold_column``.
            fold_column: the column of folds or splits.
            reads: what is read of crystals, where that was decided when the files were open.

        Raises:
            stratus.errors.InputError: as :func:`read_labelled` and :func:`join_tables`; no file
                has a target, a file has none, or they were read before.
        """
        Wanted.of(targets, kinds, fold_column)
        options = self._options
        if reads is not None:
            asked = EncodeOptions.model_validate(facet_options(reads))
            options = options.model_copy(update={"keep": asked.keep, "scope": asked.scope})
        single = len(self._files) == 1
        here = [list(targets) if single else _targets(file, targets) for file in self._files]
        if not single:
            found = {name for names in here for name in names}
            for name in targets:
                if name not in found:
                    raise InputError(f"no file has the label column {name!r}; {close(name, found)}")
        tables: dict[str, Table] = {}
        for stem, file, own in zip(self._names, self._files, here, strict=True):
            of_own = {n: k for n, k in (kinds or {}).items() if n in own}
            wanted = Wanted.of(own, of_own, fold_column, self._material_column)
            tables[stem] = read_file(file, wanted, options, self._formula_columns)
        return tables[self._names[0]] if single else join_tables(tables)


def read_tables(
    paths: Sequence[str | os.PathLike[str]],
    targets: Sequence[str],
    *,
    kinds: Mapping[str, str] | None = None,
    fold_column: str | None = None,
    **options: Any,
) -> Table:
    """Read several files and join them: :meth:`CrystalFiles.read` of :class:`CrystalFiles`.

    Args:
        paths: files as :func:`read_labelled` takes them, strings, structures and formulas mixed.
        targets: the columns that hold the labels.
        kinds: as of :func:`read_labelled`, like ``fold_column``.
        fold_column: the column of folds or splits.
        options: the other arguments of :func:`read_labelled`, the same for all files.

    Raises:
        stratus.errors.InputError: as :meth:`CrystalFiles.read`.
    """
    Wanted.of(targets, kinds, fold_column)
    return CrystalFiles(paths, **options).read(targets, kinds=kinds, fold_column=fold_column)


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


def _targets(file: CrystalFile, targets: Sequence[str]) -> list[str]:
    """Return the targets that a file has; all of them where that is not known before reading."""
    if file.columns is None:
        return list(targets)
    source = str(file.path)
    named = [name for name in targets if find_column(name, file.columns, source) is not None]
    if not named:
        raise InputError(
            f"{source} has none of the label columns {', '.join(targets)}; "
            f"{close(targets[0], file.columns)}"
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
