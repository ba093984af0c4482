"""Files with labels, read for the tasks that are to be learned from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratus.corpora.tables.read_tables import CrystalFiles
from stratus.tasks.targets import in_columns, with_classes
from stratus.tasks.task import check_together

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from stratus.corpora.tables.table import Table
    from stratus.crystals.facets import ReadFacet
    from stratus.tasks.task import Task


def read_for(
    tasks: Sequence[Task],
    paths: Sequence[str | os.PathLike[str]] | CrystalFiles,
    *,
    fold_column: str | None = None,
    reads: ReadFacet | None = None,
    **columns: Any,
) -> tuple[Table, tuple[Task, ...]]:
    """Read the labels of tasks, and return the tasks with the columns and classes of the table.

    Args:
        tasks: what is to be learned; those of classes need not name them, and a quantity at a
            temperature (``cv@300K``) may be in a column ``cv``.
        paths: files as :func:`stratus.corpora.read_labelled` takes them, each read once, joined as
            one table; or such files that are open.
        fold_column: the column of folds or splits.
        reads: what is read of crystals, where that was decided when the files were open.
        columns: the other arguments of :class:`stratus.corpora.tables.read_tables.CrystalFiles`:
            ``id_column``, ``structure_column``, ``formula_column``, ``space_group_column``,
            ``scope_options``.

    Raises:
        stratus.errors.InputError: the tasks cannot be learned in one run, or the files cannot be
            read.
    """
    check_together(tasks)
    files = paths if isinstance(paths, CrystalFiles) else CrystalFiles(paths, **columns)
    tasks = in_columns(tasks, files.columns)
    atoms = sorted({task.atoms for task in tasks if task.atoms is not None})
    kinds = {task.column: task.kind for task in tasks if task.kind != "regression"}
    wanted = list(dict.fromkeys([*(task.column for task in tasks), *atoms]))
    table = files.read(wanted, kinds=kinds, fold_column=fold_column, reads=reads)
    return table, with_classes(tasks, table.classes)
