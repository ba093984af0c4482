"""What a run has learned from: kept in its bundle, so that a model knows what it has not seen.

Rows to learn from are those of all folds together, for the nets of all folds answer together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stratus.models.seen import SeenFormulas
from stratus.tasks.domain import Domain, Learned
from stratus.tasks.task import of_a_law
from stratus.training.finetune.labels import labels_of, with_a_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from stratus.corpora.tables.folds import Fold
    from stratus.corpora.tables.table import Table
    from stratus.tasks.task import Task
    from stratus.training.finetune.start import Start

    Indices = npt.NDArray[np.int64]


def learned_by(table: Table, folds: Sequence[Fold], tasks: Sequence[Task], start: Start) -> Domain:
    """Return what the heads of a run learned from; a head that is taken over has learned before.

    Args:
        table: all rows.
        folds: who is in which part.
        tasks: what was learned.
        start: where it started.
    """
    train = _all_of([fold.train for fold in folds])
    shares = table.fractions()
    before = start.domain or Domain()
    of_law = of_a_law(tasks)
    targets: dict[str, Learned] = {}
    for task in tasks:
        rows = with_a_label(table, train, [task])
        in_range = task.kind == "regression" and not task.is_extensive and task not in of_law
        found = Learned.of(shares[rows], labels_of(table, task)[rows] if in_range else None)
        known = before.targets.get(task.name)
        keeps = task.name in start.kept or (task in of_law and start.keeps_law)
        targets[task.name] = found if known is None or not keeps else found.with_those_of(known)
    law = Learned.of(shares[with_a_label(table, train, of_law)]) if of_law else None
    if law is not None and before.law is not None and start.keeps_law:
        law = law.with_those_of(before.law)
    return Domain(
        targets=targets,
        law=law,
        modes_end_per_cm=before.modes_end_per_cm if start.keeps_law else None,
        widening=before.widening,
        before=_together(before.all_learned),
    )


def seen_by(table: Table, folds: Sequence[Fold], start: Start) -> SeenFormulas | None:
    """Return the formulas that the weights of a run have seen: to learn from or to choose with.

    Returns:
        None where nobody knows what the model has seen that it started from.
    """
    if start.members and start.seen is None:
        return None
    rows = _all_of([part for fold in folds for part in (fold.train, fold.validation)])
    return SeenFormulas.of(table.compositions[row] for row in rows.tolist()).with_those_of(
        start.seen
    )


def count_formulas(table: Table, start: Start) -> dict[str, int | None]:
    """Return how many formulas a table has, and how many the weights have seen it started from.

    Returns:
        ``table`` and ``seen``, which is 0 for fresh weights, and None where nobody knows.
    """
    formulas = set(table.compositions)
    known = 0 if not start.members else None
    return {
        "table": len(formulas),
        "seen": known if start.seen is None else start.seen.count(formulas),
    }


def _together(learned: Sequence[Learned]) -> Learned | None:
    """Return the elements of what several heads learned from; None where there is none."""
    found: Learned | None = None
    for each in learned:
        found = each if found is None else found.with_those_of(each)
    return None if found is None else found.model_copy(update={"lowest": None, "highest": None})


def _all_of(parts: Sequence[Indices]) -> Indices:
    found: Indices = np.unique(np.concatenate(parts))
    return found
