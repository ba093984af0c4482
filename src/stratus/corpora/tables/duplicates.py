"""Rows that are one crystal to a model, as one row."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from stratus.corpora.tables.table import Kind
from stratus.errors import InputError

if TYPE_CHECKING:
    from stratus.corpora.tables.table import Table


def merge_twins(table: Table) -> Table:
    """Keep one row of each string; its label is the mean of the labels there are.

    Polymorphs that differ in their coordinates alone, or in what is unknown of partial crystals,
    have one string, so no model can tell them apart.

    Args:
        table: regressions only.

    Returns:
        the rows in the order in which their strings came first, each with the id it had there.

    Raises:
        stratus.errors.InputError: a target is no regression: classes have no mean.
    """
    for name, kind in zip(table.targets, table.kinds, strict=True):
        if kind != Kind.REGRESSION:
            raise InputError(f"labels of {name!r} are classes, which have no mean; leave it out")
    place: dict[str, int] = {}
    texts = table.keys if table.strings is None else table.scopes
    row_to = np.array([place.setdefault(text, len(place)) for text in texts], dtype=np.intp)
    first = np.unique(row_to, return_index=True)[1]
    here = np.isfinite(table.labels)
    shape = len(place), len(table.targets)
    counts, sums = np.zeros(shape), np.zeros(shape)
    np.add.at(counts, row_to, here)
    np.add.at(sums, row_to, np.where(here, table.labels, 0.0))
    with np.errstate(invalid="ignore"):
        labels = sums / counts  # 0 / 0 is NaN: no label
    return replace(table.take(first), labels=labels, splits=None)
