"""Which rows train, which choose, and which are only looked at in the end.

Rows of one group (one SCOPE string, one composition) never stand on both sides of a cut. The order
of the groups is that of their BLAKE2b digests with the seed, so a split depends on the seed and the
table's rows, not on their order, nor on the version of any library.

Only blocks follow the order of the table, and no seed: each fold tests one block, and the rows to
choose with are the block behind it (before the first rows are used again), so that of the rows to
learn from at most two are neighbours of others.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.corpora.tables.grouping import RowGroups, row_groups
from stratus.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from stratus.corpora.tables.table import Table

VALIDATION_SHARE: Final = 0.1

_SPLITS: Final = {
    "train": "train",
    "training": "train",
    "train_and_val": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True, eq=False)
class Fold:
    """One way to split the rows of a table.

    Attributes:
        name: the number of the fold, or ``official`` for a split by names.
        train: rows to learn from, ascending.
        validation: rows to choose with (epochs, hyper-parameters), ascending; none of ``train``.
        test: rows to score on, ascending.
    """

    name: str
    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]

    @property
    def parts(self) -> dict[str, npt.NDArray[np.int64]]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def kfold(
    rows: int | Table,
    k: int,
    seed: int,
    *,
    group: str | None = None,
    validation: float = VALIDATION_SHARE,
) -> list[Fold]:
    """Split into k folds of about equal size; each row is a test row of one of them.

    Args:
        rows: the table, or how many rows there are.
        k: number of folds, at least 2.
        seed: which split; the same seed gives the same folds.
        group: rows that stay together: ``scope`` those of one string, ``composition`` those of one
            reduced composition, ``chemical-system`` those of the same elements, ``prototype`` those
            of one arrangement (:mod:`stratus.corpora.keys`), ``blocks`` those that stand next to
            each other, ``none`` none. In a table of atoms ``scope`` stands for its keys, such as
            materials. If not said, as :func:`stratus.corpora.tables.grouping.usual_group` says:
            blocks, with a warning, for frames of few compositions.
        validation: share of the training rows that is taken out of them to choose with.

    Raises:
        stratus.errors.InputError: too few groups for k folds, or an option that cannot be.
    """
    groups = row_groups(rows, group, k)
    _check(k, validation)
    order = groups.order(f"{seed}|folds")
    if len(order) < k:
        raise InputError(
            f"{k} folds need at least {k} groups of rows, but there are {len(order)}; take fewer "
            "folds or another group"
        )
    sizes = Counter(groups.names)
    counts = np.array([sizes[name] for name in order])
    middle = np.cumsum(counts) - counts / 2
    places = np.minimum((middle * k / counts.sum()).astype(np.int64), k - 1)
    fold_of = dict(zip(order, places.tolist(), strict=True))
    of_row = np.array([fold_of[name] for name in groups.names])
    empty = sorted(set(range(k)) - set(places.tolist()))
    if empty:
        raise InputError(
            f"fold {empty[0]} of {k} is empty, because one group holds {max(sizes.values())} of "
            f"{len(groups.names)} rows; take fewer folds or another group"
        )
    return [_fold(of_row == number, str(number), groups, seed, validation) for number in range(k)]


def without_test(
    table: Table,
    seed: int,
    *,
    group: str | None = None,
    validation: float = VALIDATION_SHARE,
) -> Fold:
    """Split into rows to learn from and rows to choose with, when nothing is to be scored.

    Args:
        table: the table.
        seed: which split.
        group: rows that stay together, as in :func:`kfold`.
        validation: share of the rows to choose with.

    Raises:
        stratus.errors.InputError: no row is left to learn from, or an option that cannot be.
    """
    _check_share(validation)
    nowhere = np.zeros(len(table), dtype=np.bool_)
    return _fold(nowhere, "all", row_groups(table, group), seed, validation)


def from_column(
    table: Table,
    *,
    seed: int = 0,
    group: str | None = None,
    validation: float = VALIDATION_SHARE,
) -> list[Fold]:
    """Split as the table's column of folds or splits says (``fold_column`` of the reader).

    Numbers 0 to k - 1 say in which of k folds a row is a test row. Names (``train``, ``validation``
    or ``val``, ``test``) make one fold; rows of ``validation`` are taken as they are. Else the rows
    to choose with are drawn from the training rows, and taken out of them.

    Args:
        table: read with a ``fold_column``.
        seed: which training rows are drawn.
        group: rows that stay together when rows are drawn, as in :func:`kfold`.
        validation: share of the training rows that is drawn.

    Raises:
        stratus.errors.InputError: no column was named, a row has no value, or the values are
            neither of the two.
    """
    splits = _splits(table)
    _check(2, validation)
    found = sorted(set(splits))
    named = [_SPLITS.get(value.lower()) for value in splits]
    if None not in named:
        return [_official(table, np.array(named), group, seed, validation)]
    if not all(value.isascii() and value.isdigit() for value in found):
        raise InputError(
            f"the column of folds holds {', '.join(found[:8])}; it has to be numbers throughout, "
            f"or names among {', '.join(_SPLITS)}"
        )
    numbers = sorted(int(value) for value in found)
    if len(numbers) < 2 or numbers != list(range(len(numbers))):
        raise InputError(
            "folds are numbered from 0 and none is left out, at least two; the column holds "
            f"{', '.join(map(str, numbers[:8]))}"
        )
    of_row = np.array([int(value) for value in splits])
    groups = row_groups(table, group, len(numbers))
    return [_fold(of_row == number, str(number), groups, seed, validation) for number in numbers]


def with_validation_share(
    fold: Fold, table: Table, share: float, seed: int, *, group: str | None = None
) -> Fold:
    """Return a fold whose validation rows are drawn anew from those that are not for testing.

    Args:
        fold: its test rows stay.
        table: its table.
        share: of the rows of training and validation together, to choose with.
        seed: which rows are drawn; with that of :func:`kfold` they are as it draws them.
        group: rows that stay together, as in :func:`kfold`.

    Raises:
        stratus.errors.InputError: no row is left to learn from, or the share cannot be.
    """
    _check_share(share)
    rest = np.union1d(fold.train, fold.validation)
    is_drawn = _draw(rest, fold.test, fold.name, row_groups(table, group), seed, share)
    return Fold(fold.name, rest[~is_drawn], rest[is_drawn], fold.test)


def _splits(table: Table) -> list[str]:
    if table.splits is None:
        raise InputError("the table was read without a column of folds; name it with fold_column")
    for row, value in enumerate(table.splits):
        if value is None:
            raise InputError(
                f"row {row} (id {table.ids[row]!r}) has nothing in the column of folds; "
                "each row needs its fold"
            )
    return [value for value in table.splits if value is not None]


def _official(
    table: Table, named: npt.NDArray[np.str_], group: str | None, seed: int, validation: float
) -> Fold:
    for part in ("train", "test"):
        if part not in named:
            raise InputError(f"the column of splits has no row of {part!r}")
    if "validation" not in named:
        return _fold(named == "test", "official", row_groups(table, group), seed, validation)
    parts = [np.flatnonzero(named == part) for part in ("train", "validation", "test")]
    return Fold("official", *parts)


def _fold(
    is_test: npt.NDArray[np.bool_], name: str, groups: RowGroups, seed: int, validation: float
) -> Fold:
    """Return a fold whose validation rows are drawn from the others."""
    rest, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    is_drawn = _draw(rest, test, name, groups, seed, validation)
    return Fold(name, rest[~is_drawn], rest[is_drawn], test)


def _draw(
    rest: npt.NDArray[np.int64],
    test: npt.NDArray[np.int64],
    name: str,
    groups: RowGroups,
    seed: int,
    validation: float,
) -> npt.NDArray[np.bool_]:
    """Return which rows of the rest of a fold are drawn to choose with."""
    if groups.in_order:
        chosen = _block(rest, test, math.ceil(validation * len(rest)))
        count = int(chosen.sum())
    else:
        of_rest = [groups.names[row] for row in rest.tolist()]
        sizes = Counter(of_rest)
        chosen_groups: set[str] = set()
        count = 0
        for group in RowGroups(of_rest).order(f"{seed}|validation|{name}"):
            if count >= validation * len(rest):
                break
            chosen_groups.add(group)
            count += sizes[group]
        chosen = np.array([group in chosen_groups for group in of_rest], dtype=np.bool_)
    if chosen.all():
        raise InputError(
            f"fold {name} has no training rows left beside its {count} validation rows; take a "
            "smaller share or another group"
        )
    return chosen


def _block(
    rest: npt.NDArray[np.int64], test: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.bool_]:
    """Return which rows are the block behind the test rows; else the first, or the last if none."""
    chosen = np.zeros(len(rest), dtype=np.bool_)
    behind = int(np.searchsorted(rest, test.max())) if len(test) else len(rest) - count
    if behind + count > len(rest):
        behind = 0
    chosen[behind : behind + count] = True
    return chosen


def _check(k: int, validation: float) -> None:
    if k < 2:
        raise InputError(f"{k} folds make no test; take at least 2")
    _check_share(validation)


def _check_share(validation: float) -> None:
    if not 0 <= validation < 1:
        raise InputError(
            f"the share of validation rows is at least 0 and below 1, not {validation}"
        )
