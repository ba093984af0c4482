"""A declared column is the Arrow type that any reader of Arrow understands."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from stratus.corpora.packed.column import Column, PackedColumn, schema_of

ENERGY = Column(name="energy", dtype="float64", optional=True)
STRESS = Column(name="stress", dtype="float32", shape=(2, 2), optional=True)
NUMBERS = Column(name="numbers", dtype="uint8", of="part")
FORCES = Column(name="forces", dtype="float32", shape=(2,), of="part", optional=True)


def test_columns_are_types_of_arrow():
    columns = (ENERGY, STRESS, NUMBERS, FORCES)
    assert schema_of(columns) == pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("energy", pa.float64()),
            pa.field("stress", pa.list_(pa.float32(), 4)),
            pa.field("numbers", pa.list_(pa.uint8()), nullable=False),
            pa.field("forces", pa.list_(pa.list_(pa.float32(), 2)), nullable=False),
        ]
    )


@pytest.mark.parametrize(
    ("column", "values", "sizes", "rows"),
    [
        (ENERGY, [1.5, 0.0], [1, 0, 1], [1.5, None, 0.0]),
        (ENERGY, [], [0, 0], [None, None]),
        (STRESS, [[[1, 2], [3, 4]]], [0, 1], [None, [1, 2, 3, 4]]),
        (NUMBERS, [1, 2, 3], [1, 0, 2], [[1], [], [2, 3]]),
        (FORCES, [[1, 2], [0, 0]], [0, 2], [[], [[1, 2], [0, 0]]]),
    ],
)
def test_what_is_absent_is_null_or_an_empty_list_and_never_zero(column, values, sizes, rows):
    array = column.pack(np.array(values, dtype=column.dtype), np.array(sizes))
    array.validate(full=True)
    assert array.type == column.field.type
    assert array.to_pylist() == rows
    assert PackedColumn(column, array).sizes().tolist() == sizes


def test_a_mask_of_more_than_eight_crystals_is_read_bit_by_bit():
    sizes = np.random.default_rng(0).integers(0, 2, size=100)
    array = ENERGY.pack(np.arange(float(sizes.sum())), sizes)
    packed = PackedColumn(ENERGY, array)
    found = [packed.at(k) for k in range(100)]
    assert [a.ndim == 0 for a in found] == [bool(size) for size in sizes]
    assert [float(a) for a in found if a.ndim == 0] == list(range(sizes.sum()))


@pytest.mark.parametrize(
    "changes",
    [
        {"dtype": "object"},
        {"dtype": "float16"},
        {"shape": (0,)},
        {"shape": (-1,)},
        {"of": "atom"},
        {"name": ""},
        {"unit": "eV"},
    ],
)
def test_what_is_no_column_is_refused(changes):
    with pytest.raises(ValidationError):
        Column.model_validate({"name": "energy", "dtype": "float64", **changes})
