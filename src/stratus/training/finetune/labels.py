"""From a table to the rows of a fold: who sees which label is decided here, and nowhere else.

Training rows have their labels, and the normalisers are fitted on them; validation rows have
theirs; test rows have none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from stratus.errors import InputError
from stratus.heads.law import law_of
from stratus.names import pick
from stratus.objectives.supervised import LabelledRows
from stratus.tasks.atom_counts import AtomCounts
from stratus.tasks.normalise import fit_normaliser
from stratus.tasks.task import check_together
from stratus.training.sample_cache import cached_samples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from stratus.corpora.tables.folds import Fold
    from stratus.corpora.tables.table import Table
    from stratus.tasks.normalise import Normaliser
    from stratus.tasks.task import Task
    from stratus.views.view import Sample, View

    Indices = npt.NDArray[np.int64]


_SHOWN: Final = 5


@dataclass(frozen=True, eq=False)
class FoldRows:
    """A fold as training sees it.

    Attributes:
        train: the training rows that have a label of some task.
        validation: the validation rows that have one.
        test: all test rows, without labels.
        normalisers: by task, fitted on the training rows or taken over.
    """

    train: LabelledRows
    validation: LabelledRows
    test: LabelledRows
    normalisers: Mapping[str, Normaliser]


def check_tasks(table: Table, tasks: Sequence[Task]) -> None:
    """Refuse tasks that the table has not.

    Raises:
        stratus.errors.InputError: there is no task, two have one name, tasks have different laws,
            a dataset is no table, a column is not among the targets or of another kind or has
            other classes, or a label is of a cell or formula unit whose atoms are unknown.
    """
    check_together(tasks)
    law_of(tasks)
    kinds = dict(zip(table.targets, table.kinds, strict=True))
    for task in tasks:
        kind = pick(kinds, task.column, "target of the table")
        if kind != task.kind:
            raise InputError(
                f"{task.name} is a {task.kind} task, but the table was read with {task.column} as "
                f"{kind}; read it again with kinds={{{task.column!r}: {task.kind!r}}}"
            )
        classes = tuple(table.classes.get(task.column, ()))
        if task.classes and task.classes != classes:
            raise InputError(
                f"{task.name} has the classes {', '.join(task.classes)}, but the table "
                f"{', '.join(classes)}; give the task those of the table, in their order"
            )
        _check_datasets(table, task)
        if task.atoms is not None:
            _check_atoms(table, task, pick(kinds, task.atoms, "column of the table"))
        elif atoms_of(table, task) is not None:
            own = table.labels.copy()
            own[:, table.targets.index(task.column)] = labels_of(table, task)
            replace(table, labels=own).require_atoms(task.column, task.per)


def labels_of(table: Table, task: Task) -> npt.NDArray[np.float64]:
    """Return the labels of a task, ``[n]``, NaN where absent: those of its datasets alone."""
    labels = table.labels[:, table.targets.index(task.column)]
    return (
        np.where(np.isin(table.sources, task.datasets), labels, np.nan) if task.datasets else labels
    )


def atoms_of(table: Table, task: Task) -> Indices | None:
    """Return how many atoms the labels of a task are of, ``[n]``; None where of no number.

    They are 0 where unknown.
    """
    if task.atoms is None:
        return AtomCounts(table.n_atoms, table.formula_atoms).of(task)
    column = table.labels[:, table.targets.index(task.atoms)]
    return np.where(np.isnan(column), 0, column).astype(np.int64)


def of_rows(atoms: Indices | None, rows: Indices) -> Indices | None:
    """Return the atoms of some rows."""
    return None if atoms is None else atoms[rows]


def with_a_label(table: Table, rows: Indices, tasks: Sequence[Task]) -> Indices:
    """Return the rows that have a label of some task."""
    columns = np.stack([~np.isnan(labels_of(table, task)[rows]) for task in tasks])
    return rows[columns.any(axis=0)]


class Samples(NamedTuple):
    """All rows of a table as a view sees them.

    Attributes:
        of_rows: the sample of each.
        sizes: parts that each has for the encoder, int64 ``[n]``.
    """

    of_rows: Sequence[Sample]
    sizes: Indices


def read_samples(table: Table, view: View, cache: Path | None = None) -> Samples:
    """Return how a view sees each row of a table.

    Args:
        table: all rows.
        view: of the encoder.
        cache: a folder that keeps the samples of a table for later runs; None: none.

    Raises:
        stratus.errors.InputError: a crystal is too long or cannot be read (names its id), or the
            samples of the cache are damaged.
    """
    _check_facet(table, view)

    def make() -> list[Sample]:
        samples = []
        for id_, crystal in zip(table.ids, table.crystals, strict=True):
            try:
                samples.append(view.sample(crystal))
            except InputError as error:
                raise InputError(f"crystal {id_!r}: {error}") from error
        return samples

    samples = make() if cache is None else cached_samples(cache, view, table.crystals, make)
    return Samples(samples, view.sizes(samples))


def _check_facet(table: Table, view: View) -> None:
    """Refuse a table with rows that lack what a view reads; names them."""
    lacking = [
        name
        for name, crystal in zip(table.ids, table.crystals, strict=True)
        if not crystal.has(view.facet)
    ]
    if lacking:
        shown = ", ".join(map(repr, lacking[:_SHOWN])) + (", ..." if len(lacking) > _SHOWN else "")
        raise InputError(
            f"{len(lacking)} of {len(table)} rows lack the {view.facet} of their crystal, which "
            f"the encoder reads: {shown}; give what is missing, leave these rows out, or take an "
            "encoder that reads what is there"
        )


def fold_rows(
    table: Table,
    fold: Fold,
    tasks: Sequence[Task],
    view: View,
    samples: Samples,
    kept: Mapping[str, Normaliser] | None = None,
) -> FoldRows:
    """Return the rows of a fold.

    Args:
        table: all rows.
        fold: which part each is in.
        tasks: what is learned.
        view: how the encoder sees a crystal.
        samples: of :func:`read_samples`.
        kept: normalisers that are not fitted but taken over, by task.

    Raises:
        stratus.errors.InputError: a task has no label to learn from or to choose with.
    """
    kept, normalisers = kept or {}, {}
    for task in tasks:
        here = ~np.isnan(labels_of(table, task))
        if not here[fold.validation].any():
            raise InputError(
                f"{task.name} has no label in the {len(fold.validation)} validation rows of fold "
                f"{fold.name}, which are needed to choose the weights with; give it some"
            )
        normalisers[task.name] = kept.get(task.name) or fit_normaliser(
            task, labels_of(table, task), here, fold.train, atoms_of(table, task)
        )

    def part(rows: Indices, *, labelled: bool) -> LabelledRows:
        targets, present = {}, {}
        for task in tasks if labelled else ():
            labels = labels_of(table, task)[rows]
            here = present[task.name] = ~np.isnan(labels)
            normaliser = normalisers[task.name]
            atoms = atoms_of(table, task)
            targets[task.name] = normaliser.normalise(labels, here, of_rows(atoms, rows))
            _check_finite(task, targets[task.name], table, rows)
        chosen = [samples.of_rows[row] for row in rows]
        return LabelledRows(view, chosen, samples.sizes[rows], targets, present)

    return FoldRows(
        train=part(with_a_label(table, fold.train, tasks), labelled=True),
        validation=part(with_a_label(table, fold.validation, tasks), labelled=True),
        test=part(fold.test, labelled=False),
        normalisers=normalisers,
    )


def _check_datasets(table: Table, task: Task) -> None:
    """Refuse datasets that are no tables of the run."""
    if not task.datasets:
        return
    if not table.sources:
        raise InputError(
            f"{task.name} is to have the labels of {', '.join(task.datasets)} alone, but the rows "
            "are of one table; leave datasets out, or read several tables"
        )
    for name in task.datasets:
        pick(dict.fromkeys(table.sources), name, f"table with labels of {task.name}")
    if np.isnan(labels_of(table, task)).all():
        raise InputError(f"{', '.join(task.datasets)} has no label of {task.name}")


def _check_atoms(table: Table, task: Task, kind: str) -> None:
    """Refuse a column of atoms that does not say how many a label is of."""
    if kind != "regression":
        raise InputError(f"{task.atoms} has the atoms of {task.name}, so it is a column of numbers")
    column = table.labels[:, table.targets.index(str(task.atoms))]
    with np.errstate(invalid="ignore"):
        counts = (column >= 1) & (column == np.floor(column))
    wrong = np.flatnonzero(~np.isnan(labels_of(table, task)) & ~counts)
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"{task.atoms} of {table.ids[row]!r} is {column[row]:g}, which is no number of atoms "
            f"that its {task.name} could be of ({len(wrong)} such rows); mend it, or leave the "
            "labels out"
        )


def _check_finite(
    task: Task, targets: npt.NDArray[np.float64], table: Table, rows: Indices
) -> None:
    wrong = ~np.isfinite(targets)
    if wrong.any():
        first = table.ids[rows[int(np.argmax(wrong))]]
        raise InputError(f"{task.name} of {first!r} is no finite number; mend it or leave it out")
