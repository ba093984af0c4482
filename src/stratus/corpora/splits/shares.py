"""One split into training, validation and test rows, by lot or by time."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.corpora.packed.info import SPLITS
from stratus.corpora.packed.splitting import check_fractions
from stratus.corpora.tables.folds import Fold
from stratus.corpora.tables.grouping import row_groups
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from stratus.corpora.tables.table import Table

NAME: Final = "official"
"""What a fold is called that a column of names makes."""

Fractions = tuple[float, float, float]


def by_shares(table: Table, fractions: Fractions, seed: int, *, group: str | None = None) -> Fold:
    """Split by lot, whole groups at a time.

    The groups are put in the order of their digests with the seed; each goes to the part in whose
    share of the rows its middle falls.

    Args:
        table: the table.
        fractions: shares of training, validation and test rows.
        seed: which split.
        group: rows that stay together, as in :func:`stratus.corpora.kfold`.

    Raises:
        stratus.errors.InputError: the fractions are none, or a part that should have rows is
            empty, because the groups are too few or too large.
    """
    groups = row_groups(table, group)
    return _cut(groups.order(f"{seed}|shares"), groups.names, fractions)


def by_time(table: Table, fractions: Fractions) -> Fold:
    """Split by time: train on the earliest rows, test on the latest.

    Rows of one time stay together.

    Args:
        table: read with the column of times as its ``fold_column``: whole numbers, such as years,
            or dates such as ``2024-05-31``.
        fractions: shares of training, validation and test rows.

    Raises:
        stratus.errors.InputError: a row has no time or one that is neither, or a part is empty.
    """
    if table.splits is None:
        raise InputError("the table was read without a column of times; name it")
    for row, time in enumerate(table.splits):
        if time is None:
            raise InputError(
                f"row {row} (id {table.ids[row]!r}) has no time; remove the row, or split otherwise"
            )
    times = [time for time in table.splits if time is not None]
    return _cut(_in_time(set(times), table, times), times, fractions)


def _in_time(different: set[str], table: Table, times: Sequence[str]) -> list[str]:
    """Return times in order."""
    if all(text.lstrip("+-").isdigit() for text in different):
        return sorted(different, key=int)
    found: dict[str, datetime] = {}
    for text in different:
        try:
            found[text] = datetime.fromisoformat(text)
        except ValueError:
            row = times.index(text)
            raise InputError(
                f"row {row} (id {table.ids[row]!r}) has the time {text!r}; write whole numbers "
                "throughout, such as years, or dates as 2024-05-31"
            ) from None
    try:
        return sorted(different, key=found.__getitem__)
    except TypeError:
        raise InputError("some times have a time zone and others have none; write all alike") from (
            None
        )


def _cut(order: Sequence[str], names: Sequence[str], fractions: Fractions) -> Fold:
    """Cut groups in order into three parts."""
    check_fractions(fractions)
    sizes = Counter(names)
    counts = np.array([sizes[name] for name in order])
    middle = (np.cumsum(counts) - counts / 2) / counts.sum()
    edges = np.cumsum(fractions)
    places = np.searchsorted(edges[:-1] / edges[-1], middle, side="right")
    place_of = dict(zip(order, places.tolist(), strict=True))
    of_row = np.array([place_of[name] for name in names])
    parts: list[npt.NDArray[np.int64]] = [np.flatnonzero(of_row == k) for k in range(len(SPLITS))]
    for name, fraction, rows in zip(SPLITS, fractions, parts, strict=True):
        if fraction and not len(rows):
            raise InputError(
                f"the {name} part is empty: it has a share of {fraction:g} of {len(names)} rows in "
                f"{len(order)} groups, of which the largest holds {max(sizes.values())}; take "
                "other fractions or another group"
            )
    return Fold(NAME, *parts)
