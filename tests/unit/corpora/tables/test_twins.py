"""Equal strings become one row, and no label is lost or made up."""

from __future__ import annotations

import numpy as np
import pytest

from stratus.corpora.tables.duplicates import merge_twins
from stratus.corpora.tables.table import Kind, Table
from stratus.errors import InputError
from stratus.scope.dialects import Dialect

A, B = "i0 | H 1a | H 1 | 1", "i0 | Na 1a | Na 1 | 1"


def table(labels: list[list[float]], kind: Kind = Kind.REGRESSION) -> Table:
    return Table(
        ids=("one", "two", "three"),
        crystals=Dialect.ORBIT.crystals((A, B, A), np.array([1, 1, 1])),
        targets=("x", "y"),
        kinds=(kind, Kind.REGRESSION),
        labels=np.array(labels),
    )


def test_labels_of_a_string_are_averaged_over_those_there_are() -> None:
    merged = merge_twins(table([[1.0, np.nan], [5.0, np.nan], [3.0, 7.0]]))
    assert merged.ids == ("one", "two")
    assert merged.scopes == (A, B)
    assert merged.n_atoms.tolist() == [1, 1]
    np.testing.assert_array_equal(merged.labels, [[2.0, 7.0], [5.0, np.nan]])


def test_classes_have_no_mean() -> None:
    with pytest.raises(InputError, match="'x' are classes"):
        merge_twins(table([[0.0, 1.0]] * 3, Kind.BINARY))
