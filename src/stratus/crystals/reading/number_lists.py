"""Columns of a table whose cells are lists of numbers, nested or not, or such lists as texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    Floats = npt.NDArray[np.float64]

BRACKETS: Final = str.maketrans("[](),;", "      ")
"""What stands between the numbers of a list that is written as a text."""


def has_number_lists(kind: pa.DataType) -> bool:
    """Return whether a type of a column is one of lists of numbers or truth values."""
    import pyarrow as pa

    inner = kind
    while _is_list(inner):
        inner = inner.value_type
    numeric = pa.types.is_floating(inner) or pa.types.is_integer(inner)
    return inner is not kind and (numeric or pa.types.is_boolean(inner))


def number_lists(batch: pa.RecordBatch, name: str) -> list[Floats | None]:
    """Return the numbers of each row of a column, end to end; a null among them is NaN.

    Args:
        batch: some rows.
        name: of the column.

    Returns:
        One array of one axis for each row; ``None`` where there is no list of numbers.
    """
    import pyarrow as pa

    column = batch.column(name)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return [_numbers_in(text) for text in column.to_pylist()]
    if not has_number_lists(column.type):
        return [_flat(value) for value in column.to_pylist()]
    numbers, lengths = _flattened(column)
    ends = np.cumsum(lengths).tolist()
    missing = column.is_null().to_pylist() if column.null_count else [False] * len(column)
    return [
        None if gone else numbers[end - length : end]
        for gone, end, length in zip(missing, ends, lengths.tolist(), strict=True)
    ]


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _flattened(column: pa.Array) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return the numbers of all rows, and how many each row has."""
    import pyarrow.compute as pc

    if not _is_list(column.type):
        numbers = column.to_numpy(zero_copy_only=False).astype(np.float64)
        return numbers, np.ones(len(numbers), dtype=np.int64)
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    numbers, inner = _flattened(column.flatten())
    at = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    total = np.concatenate([[0], np.cumsum(inner)])
    return numbers, total[at[1:]] - total[at[:-1]]


def _flat(value: object) -> Floats | None:
    if not isinstance(value, list):
        return None
    try:
        return np.array(value, dtype=np.float64).reshape(-1)
    except (ValueError, TypeError):
        return None


def _numbers_in(text: str | None) -> Floats | None:
    if text is None:
        return None
    try:
        return np.array([float(word) for word in text.translate(BRACKETS).split()])
    except ValueError:
        return None
