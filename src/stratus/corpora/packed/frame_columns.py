"""The columns of frames, and the entries of a stretch as the rows of them.

A frame is an entry with what a calculation says of it. A label that a frame lacks is absent, never
zero: a mask for labels of the crystal, an empty list for those of its atoms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from stratus.corpora.packed.column import Column, schema_of
from stratus.crystals.facets import AtomArrays
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from stratus.corpora.packed.column import Array
    from stratus.crystals.entry import Entry

NUMBERS: Final = Column(name="numbers", dtype="uint8", of="part")
"""Atomic numbers."""

FRAC: Final = Column(name="frac", dtype="float32", shape=(3,), of="part")
"""Fractional coordinates, not wrapped."""

LATTICE: Final = Column(name="lattice", dtype="float64", shape=(3, 3))
"""Lattice vectors as rows, in Å."""

LABELS: Final = (
    Column(name="energy", dtype="float64", optional=True),
    Column(name="stress", dtype="float64", shape=(3, 3), optional=True),
    Column(name="forces", dtype="float32", shape=(3,), of="part", optional=True),
)
"""Energy of the cell in eV, stress in eV/Å³ (positive under tension), forces in eV/Å."""

_HEAVIEST: Final = 118


def atoms_of(sample: Mapping[str, Array]) -> AtomArrays:
    """Return the atoms of a frame, from its columns ``numbers``, ``frac`` and ``lattice``."""
    return AtomArrays(
        sample[LATTICE.name].astype(np.float64, copy=False),
        sample[NUMBERS.name].astype(np.int64),
        sample[FRAC.name].astype(np.float64),
    )


def frame_batch(entries: Sequence[Entry], columns: Sequence[Column]) -> pa.RecordBatch:
    """Return some frames as the rows of a shard.

    Args:
        entries: the frames.
        columns: :data:`NUMBERS`, :data:`FRAC`, :data:`LATTICE` and those of labels. A column of
            crystals is read from ``labels`` of the entries, one of atoms from ``arrays``.

    Raises:
        InputError: a frame has no atoms, lacks a column that is not optional, or has numbers of
            another shape or numbers that are not finite; the text names it.
    """
    for entry in entries:
        _check_atoms(entry)
    sizes = np.array([len(entry.numbers) for entry in entries], dtype=np.int64)
    ones = np.ones(len(entries), dtype=np.int64)
    arrays: list[pa.Array] = [pa.array([entry.id for entry in entries], type=pa.string())]
    for column in columns:
        if column.name == NUMBERS.name:
            numbers = np.concatenate([entry.numbers for entry in entries])
            _check_numbers(entries, sizes, numbers)
            arrays.append(column.pack(numbers, sizes))
        elif column.name == FRAC.name:
            frac = np.concatenate([entry.frac_coords for entry in entries])
            arrays.append(_packed(entries, column, frac, sizes))
        elif column.name == LATTICE.name:
            lattices = np.concatenate([entry.lattice for entry in entries])
            arrays.append(_packed(entries, column, lattices, ones))
        else:
            found = [_label(entry, column) for entry in entries]
            present = np.array([value is not None for value in found], dtype=np.int64)
            here = present * sizes if column.ragged else present
            values = [value for value in found if value is not None]
            whole = np.array(values) if not column.ragged else _joined(values)
            arrays.append(_packed(entries, column, whole, here))
    return pa.record_batch(arrays, schema=schema_of(tuple(columns)))


def _joined(values: list[Any]) -> npt.NDArray[np.float64]:
    return np.concatenate(values) if values else np.empty(0)


def _check_atoms(entry: Entry) -> None:
    count = len(entry.numbers)
    if not count:
        raise InputError(f"{_frame(entry)} has no atoms; leave it out")
    if entry.frac_coords.shape != (count, 3):
        raise InputError(
            f"{_frame(entry)} has coordinates of shape {entry.frac_coords.shape} for {count} "
            "atoms; give three for each"
        )
    if entry.lattice.shape != (3, 3):
        raise InputError(
            f"{_frame(entry)} has a lattice of shape {entry.lattice.shape}; give three vectors"
        )


def _check_numbers(
    entries: Sequence[Entry], sizes: npt.NDArray[np.int64], numbers: npt.NDArray[np.int64]
) -> None:
    if numbers.min() >= 1 and numbers.max() <= _HEAVIEST:
        return
    first = int(np.flatnonzero((numbers < 1) | (numbers > _HEAVIEST))[0])
    entry = entries[int(np.searchsorted(np.cumsum(sizes), first, side="right"))]
    raise InputError(f"{_frame(entry)} has the atomic number {numbers[first]}; no element has it")


def _label(entry: Entry, column: Column) -> Any:
    """Return what a frame says of itself, or None where it says nothing.

    A number is returned as it is; what has a shape is ``[*shape]``, or ``[n, *shape]`` of atoms.
    """
    value = (entry.arrays if column.ragged else entry.labels).get(column.name)
    if value is None:
        if not column.optional:
            raise InputError(f"{_frame(entry)} has no {column.name!r}; leave it out")
        return None
    if type(value) is float and not column.shape:
        return value
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"{_frame(entry)} has {column.name!r} that are no numbers: {str(value)[:60]!r}"
        ) from None
    expected = (len(entry.numbers), *column.shape) if column.ragged else column.shape
    if array.shape != expected:
        atoms = f" for {len(entry.numbers)} atoms" if column.ragged else ""
        raise InputError(
            f"{_frame(entry)} has {column.name!r} of shape {array.shape}{atoms}; "
            f"it must be {expected}"
        )
    return array


def _packed(
    entries: Sequence[Entry],
    column: Column,
    values: npt.NDArray[np.float64],
    sizes: npt.NDArray[np.int64],
) -> pa.Array:
    """Return a column of floating-point numbers, all of them finite as they are written."""
    with np.errstate(over="ignore"):
        cast = values.astype(column.dtype)
    finite = np.isfinite(cast)
    if not finite.all():
        first = int(np.flatnonzero(~finite)[0]) * int(sizes.sum()) // cast.size
        entry = entries[int(np.searchsorted(np.cumsum(sizes), first, side="right"))]
        what = values.reshape(-1)[np.flatnonzero(~finite)[0]]
        raise InputError(
            f"{_frame(entry)} has {what} in {column.name!r}, which {column.dtype} cannot hold as a "
            "finite number; leave the frame out, or the label"
        )
    return column.pack(cast, sizes)


def _frame(entry: Entry) -> str:
    return f"frame {entry.id!r}" + (f" of {entry.source}" if entry.source else "")
