"""A file of crystals with labels, or of SCOPE strings with labels, to a table in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratus.corpora.encoding.options import EncodeOptions
from stratus.corpora.encoding.rows import STRINGS_ALONE
from stratus.corpora.tables.columns import Gathered, Wanted
from stratus.corpora.tables.crystal_file import CrystalFile
from stratus.corpora.tables.gathering import gather
from stratus.corpora.tables.layout import file_layout, tells_atoms
from stratus.corpora.tables.structures import gather_structures
from stratus.crystals.facets import Facet, ReadFacet
from stratus.crystals.reading import ReadOptions

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Mapping, Sequence

    from stratus.corpora.tables.table import Table
    from stratus.scope import ScopeOptions


def read_labelled(  # noqa: PLR0913 - one for each thing that a command may say
    path: str | os.PathLike[str],
    targets: Sequence[str],
    *,
    kinds: Mapping[str, str] | None = None,
    structure_column: str | None = None,
    id_column: str | None = None,
    fold_column: str | None = None,
    formula_column: str | None = None,
    space_group_column: str | None = None,
    material_column: str | None = None,
    facets: Collection[Facet | str] | None = STRINGS_ALONE,
    scope_options: ScopeOptions | None = None,
    workers: int | None = None,
    timeout_s: float = 60.0,
) -> Table:
    """Read crystals with their labels.

    A table with a column ``scope`` is taken as strings, such as ``stratus encode`` writes; some of
    them may be partial. A table without structures but with a column ``formula`` or ``composition``
    is taken as formulas, which become partial strings, with the space group if there is a column
    ``space_group``, ``spg_num`` or ``space_group_number``. Anything else that :func:`stratus.read`
    takes holds structures, and these are encoded. Naming a column says which of them it is. Every
    row is a row of the result or a reject.

    Args:
        path: a CSV, Parquet or other file, or a folder.
        targets: the columns that hold the labels.
        kinds: ``regression``, ``binary`` or ``multiclass`` by target; regression if not said.
        structure_column: the column of the structures.
        id_column: the column of the ids.
        fold_column: the column of folds (0, 1, ...) or of splits (train, validation, test).
        formula_column: the column of the formulas.
        space_group_column: the column of the space groups that belong to formulas.
        material_column: the column that says which material each row is of; rows of one are kept
            together. In a table of atoms it need not be named where it is called so; see
            :mod:`stratus.corpora.tables.materials`.
        facets: what is read of crystals: ``scope``, their strings, or ``atoms``, for which nothing
            is searched and the crystals have to be structures; or both. None reads strings, and
            atoms too where the crystals have coordinates.
        scope_options: how structures become strings; strings are read in its dialect.
        workers: processes that encode structures; 0 encodes in this one, without a limit of time.
        timeout_s: longest time for one crystal, in s.

    Returns:
        the table; absent labels are NaN, and ``n_atoms`` of partial crystals 0.

    Raises:
        stratus.errors.InputError: the file cannot be read, a column is missing, a label is no
            finite number (names the row and the column), or no row can be used.
    """
    wanted = Wanted.of(targets, kinds, fold_column, material_column)
    formula_columns = (formula_column, space_group_column)
    read = ReadOptions(structure_column=structure_column, id_column=id_column)
    file = CrystalFile(path, read.within(timeout_s))
    if facets is None:
        has_atoms = tells_atoms(file.columns, str(file.path), read, formula_columns)
        facets = (Facet.SCOPE, Facet.ATOMS) if has_atoms else STRINGS_ALONE
    options = EncodeOptions(
        read=read,
        keep=tuple(Facet(facet) for facet in facets),
        scope=scope_options,
        workers=workers,
        timeout_s=timeout_s,
    )
    return read_file(file, wanted, options, formula_columns)


def read_crystals(
    path: str | os.PathLike[str],
    *,
    fold_column: str | None = None,
    formula_column: str | None = None,
    space_group_column: str | None = None,
    material_column: str | None = None,
    options: EncodeOptions | None = None,
) -> Table:
    """Read crystals without labels, as :func:`read_labelled` reads them with labels.

    Args:
        path: a CSV, Parquet or other file, or a folder.
        fold_column: a column of whole numbers, texts or dates to keep, as ``splits``.
        formula_column: the column of the formulas.
        space_group_column: the column of the space groups that belong to formulas.
        material_column: the column that says which material each row is of.
        options: columns of structures and ids, and how structures become strings.

    Returns:
        a table without targets, with the ids that :func:`read_labelled` gives the same rows.

    Raises:
        stratus.errors.InputError: as :func:`read_labelled`.
    """
    options = options or EncodeOptions()
    return read_file(
        CrystalFile(path, options.read.within(options.timeout_s)),
        Wanted({}, fold_column, material_column),
        options,
        (formula_column, space_group_column),
    )


def read_file(
    file: CrystalFile,
    wanted: Wanted,
    options: EncodeOptions,
    formula_columns: tuple[str | None, str | None] = (None, None),
) -> Table:
    """Read a file of crystals that is open, in one pass.

    Args:
        file: the file; it can be read once.
        wanted: the columns of labels and folds.
        options: how structures become strings.
        formula_columns: the columns of formulas and of their space groups, where they were named.

    Raises:
        stratus.errors.InputError: as :func:`read_labelled`.
    """
    strings = None if options.scope is None else str(options.scope.dialect)
    facet = Facet.ATOMS if Facet.ATOMS in options.keep else Facet.SCOPE
    layout = file_layout(file, wanted.names, formula_columns, ReadFacet(facet, strings))
    gathered = Gathered(wanted, strings)
    if layout.reader is None:
        rejects = gather_structures(file, options, gathered)
    else:
        rejects = gather(file, layout.reader, gathered)
    return gathered.table(rejects, str(file.path))
