"""What a benchmark asks: rows, folds and what they are called; every benchmark becomes one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stratus.crystals.spacegroups import space_group
from stratus.errors import InputError
from stratus.names import pick
from stratus.tasks.targets import with_classes
from stratus.tasks.task import make_task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from stratus.benchmarks.published_rows import Published
    from stratus.benchmarks.record import Asked
    from stratus.corpora.tables.folds import Fold
    from stratus.corpora.tables.table import Table
    from stratus.crystals.facets import Crystal
    from stratus.tasks.task import Task

    Floats = NDArray[np.float64]

_MANY_ELEMENTS: Final = 5


@dataclass(frozen=True)
class Unread:
    """A test row whose crystal could not be used as input.

    Attributes:
        id: of the row.
        fold: in which it is a test row.
        label: its true value.
        reason: why, as a sentence.
        hull: its true energy above the hull, where stable crystals are to be found.
        unique: whether it is a unique prototype.
    """

    id: str
    fold: str
    label: float
    reason: str
    hull: float = math.nan
    unique: bool = False


@dataclass(frozen=True, eq=False)
class Question:
    """What is to be predicted, from what.

    Attributes:
        asked: how it is called.
        table: the crystals; ``asked.target`` is among its targets.
        folds: how they are split, test rows not empty.
        files: sha256 of each file that it was read from, by its name.
        unread: test rows beside those of the table.
        published: numbers of others for the official task.
        hull: ``[n]``, true energies above the hull, where stable crystals are to be found.
        unique: ``[n]``, which rows are unique prototypes, where that is known.
        thresholds: energies above the hull up to which crystals are stable, eV/atom.
        declared: the target as whoever asks declares it, with a loss and a head of its own; None
            leaves these to what is usual.
    """

    asked: Asked
    table: Table
    folds: tuple[Fold, ...]
    files: Mapping[str, str]
    unread: tuple[Unread, ...] = ()
    published: tuple[Published, ...] = ()
    hull: Floats | None = None
    unique: NDArray[np.bool_] | None = None
    thresholds: tuple[float, ...] = (0.0,)
    declared: Task | None = None

    def __post_init__(self) -> None:
        if not self.folds:
            raise InputError(f"{self.asked.name} has no fold; give it one at least")
        labels = self.labels
        for fold in self.folds:
            if not len(fold.test):
                raise InputError(f"fold {fold.name} of {self.asked.name} has no test row")
            absent = fold.test[~np.isfinite(labels[fold.test])]
            if len(absent):
                raise InputError(
                    f"{len(absent)} test rows of fold {fold.name} have no label in "
                    f"{self.asked.target!r}, such as {self.table.ids[absent[0]]!r}; leave them out"
                )
        names = {fold.name for fold in self.folds}
        for row in self.unread:
            if row.fold not in names:
                raise InputError(f"the row {row.id!r} is of fold {row.fold}, which is not there")
        every = np.concatenate([fold.test for fold in self.folds])
        if len(np.unique(every)) < len(every):
            raise InputError("a row is a test row of two folds; each is one of one fold at most")

    @property
    def labels(self) -> Floats:
        """The labels of all rows, ``[n]``, NaN where absent."""
        found: Floats = self.table.labels[:, self.table.targets.index(self.asked.target)]
        return found

    @property
    def task(self) -> Task:
        """The target as a task to learn."""
        if self.declared is not None:
            return with_classes([self.declared], self.table.classes)[0]
        values: dict[str, Any] = {
            "column": self.asked.target,
            "unit": self.asked.unit,
            "kind": self.asked.kind,
            "per": self.asked.per,
        }
        if self.asked.kind != "regression":
            values["classes"] = tuple(self.table.classes.get(self.asked.target, ()))
        return make_task(values)

    def of_folds(self, names: Sequence[str]) -> Question:
        """Return the question of some of the folds, in their order here.

        It is no longer the official one, unless these are all of them.

        Raises:
            stratus.errors.InputError: there is no such fold.
        """
        there = {fold.name: fold for fold in self.folds}
        for name in names:
            pick(there, name, f"fold of {self.asked.name}")
        kept = [name for name in there if name in names]
        if len(kept) == len(there):
            return self
        what = f"fold{'s' if len(kept) > 1 else ''} {', '.join(kept)} of {len(there)}"
        asked = self.asked.model_copy(
            update={
                "name": f"{self.asked.name}-fold-{'-'.join(kept)}",
                "official": False,
                "notes": (*self.asked.notes, what),
            }
        )
        return replace(
            self,
            asked=asked,
            folds=tuple(there[name] for name in kept),
            unread=tuple(row for row in self.unread if row.fold in kept),
            published=(),
        )

    def test_rows(self) -> list[tuple[str, int | None, str, float]]:
        """Return fold, row of the table (None where unread), id and label of each test row."""
        labels = self.labels
        found: list[tuple[str, int | None, str, float]] = []
        for fold in self.folds:
            found += [
                (fold.name, row, self.table.ids[row], float(labels[row]))
                for row in fold.test.tolist()
            ]
            found += [(fold.name, None, u.id, u.label) for u in self.unread if u.fold == fold.name]
        return found

    def stability(self) -> tuple[Floats, Floats, NDArray[np.bool_] | None] | None:
        """Return true energies above the hull and of formation, and unique prototypes.

        Returns:
            ``[test rows]`` each; None where there are no energies above the hull.
        """
        if self.hull is None:
            return None
        aside = {row.id: row for row in self.unread}
        rows = self.test_rows()
        hull = [aside[id_].hull if k is None else self.hull[k] for _, k, id_, _ in rows]
        form = np.array([label for *_, label in rows])
        if self.unique is None:
            return np.array(hull), form, None
        unique = [aside[id_].unique if k is None else self.unique[k] for _, k, id_, _ in rows]
        return np.array(hull), form, np.array(unique, np.bool_)

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return by what errors are shown apart: crystal system and number of elements."""
        rows = [row for _, row, _, _ in self.test_rows()]
        table = self.table
        shares = (table.fractions() > 0).sum(axis=1)
        return {
            "crystal system": tuple(
                "unread" if row is None else _crystal_system(table.crystals[row]) for row in rows
            ),
            "elements": tuple(
                "unread" if row is None else _elements(int(shares[row])) for row in rows
            ),
        }

    def clusters(self) -> tuple[str, ...]:
        """Return the composition of each test row; unread ones stand for themselves."""
        return tuple(
            f"unread {id_}" if row is None else self.table.compositions[row]
            for _, row, id_, _ in self.test_rows()
        )


def _elements(count: int) -> str:
    return f"{_MANY_ELEMENTS} or more" if count >= _MANY_ELEMENTS else str(count)


def _crystal_system(crystal: Crystal) -> str:
    number = crystal.space_group
    return "unknown" if number is None else space_group(number).crystal_system
