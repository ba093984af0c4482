"""What one column of a packed corpus holds, declared as data."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

Dtype = Literal[
    "uint8", "uint16", "int8", "int16", "int32", "int64", "float32", "float64"
]  # names that NumPy and Arrow share
Array = npt.NDArray[Any]

MOST_VALUES: Final = 2**31 - 1
"""Entries of a ragged column in one record batch: offsets of Arrow's lists are int32."""


class Column(BaseModel):
    """A column: one array a crystal, or one entry for each of its parts or edges.

    Attributes:
        name: its name; ``id`` is that of the ids.
        dtype: type of its numbers, the same on disk and in memory.
        shape: of one entry; ``()`` is a number, ``(3, 3)`` a tensor.
        of: what has an entry: the crystal one, each of its parts, or each of its edges.
        optional: whether a crystal may lack it. On disk the mask of Arrow says which crystals lack
            a column of crystals; a ragged one is an empty list there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    dtype: Dtype
    shape: tuple[Annotated[int, Field(ge=1)], ...] = ()
    of: Literal["crystal", "part", "edge"] = "crystal"
    optional: bool = False

    @property
    def ragged(self) -> bool:
        """Whether the entries of a crystal can be any number."""
        return self.of != "crystal"

    @property
    def field(self) -> pa.Field:
        """The column in the schema of a shard."""
        entry = pa.from_numpy_dtype(np.dtype(self.dtype))
        if self.shape:
            entry = pa.list_(entry, math.prod(self.shape))
        if self.ragged:
            return pa.field(self.name, pa.list_(pa.field("item", entry)), nullable=False)
        return pa.field(self.name, entry, nullable=self.optional)

    def pack(self, values: Array, sizes: npt.NDArray[np.integer]) -> pa.Array:
        """Return the Arrow array of some crystals.

        Args:
            values: entries of all of them end to end, ``[sizes.sum(), *shape]``, of the dtype.
            sizes: entries of each, ``[k]``; of a column of crystals 1, or 0 where it is absent.
        """
        flat = np.ascontiguousarray(values, dtype=self.dtype).reshape(-1)
        kind = self.field.type
        if self.ragged:
            offsets = np.zeros(len(sizes) + 1, dtype=np.int32)
            np.cumsum(sizes, out=offsets[1:])
            return pa.ListArray.from_arrays(
                pa.array(offsets), self._entries(flat, kind.value_type), type=kind
            )
        if (present := sizes > 0).all():
            return self._entries(flat, kind)
        width = math.prod(self.shape)
        whole = np.zeros((len(sizes), width), dtype=self.dtype)
        whole[present] = flat.reshape(-1, width)
        mask = pa.py_buffer(np.packbits(present, bitorder="little"))
        return self._entries(whole.reshape(-1), kind, mask)

    def _entries(self, flat: Array, kind: pa.DataType, mask: pa.Buffer | None = None) -> pa.Array:
        """Return an array of one entry after another; the mask says which are there."""
        if not self.shape:
            return pa.Array.from_buffers(kind, len(flat), [mask, pa.py_buffer(flat)])
        numbers = pa.Array.from_buffers(kind.value_type, len(flat), [None, pa.py_buffer(flat)])
        return pa.Array.from_buffers(kind, len(flat) // kind.list_size, [mask], children=[numbers])


class PackedColumn:
    """A column of one record batch, as NumPy views of it.

    Args:
        column: what it holds.
        array: the Arrow array; no slice of another, and of the type that the column has.

    Raises:
        ValueError: the array is a slice.
    """

    __slots__ = ("_absent", "_bits", "_offsets", "_values", "column")

    def __init__(self, column: Column, array: pa.Array) -> None:
        if array.offset:
            raise ValueError(f"the column {column.name!r} is a slice of an Arrow array; copy it")
        self.column = column
        self._offsets = array.offsets.to_numpy() if column.ragged else None
        mask = None if column.ragged else array.buffers()[0]
        self._bits = None if mask is None else np.frombuffer(mask, dtype=np.uint8)
        entries = array.values if column.ragged else array
        numbers = entries.values if column.shape else entries
        buffer, count = numbers.buffers()[1], len(numbers)
        flat = np.frombuffer(buffer or b"", dtype=column.dtype)[:count]
        self._values = flat.reshape(-1, *column.shape)
        self._absent = np.empty((0, *column.shape), dtype=column.dtype)

    def at(self, place: int) -> Array:
        """Return what one crystal has, a view; ``[0, *shape]`` where it lacks the column."""
        if self._offsets is not None:
            return self._values[self._offsets[place] : self._offsets[place + 1]]
        if self._bits is not None and not self._bits[place >> 3] >> (place & 7) & 1:
            return self._absent
        return self._values[place, ...]

    def sizes(self) -> npt.NDArray[np.int32]:
        """Return the entries of each crystal, ``[k]``."""
        if self._offsets is not None:
            sizes: npt.NDArray[np.int32] = np.diff(self._offsets)
            return sizes
        if self._bits is None:
            return np.ones(len(self._values), dtype=np.int32)
        found = np.unpackbits(self._bits, count=len(self._values), bitorder="little")
        return found.astype(np.int32)


def schema_of(columns: tuple[Column, ...]) -> pa.Schema:
    """Return the schema of a shard: the ids and these columns."""
    return pa.schema([pa.field("id", pa.string(), nullable=False), *(c.field for c in columns)])
