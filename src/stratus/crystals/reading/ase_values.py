"""Values as ASE keeps them beside atoms: in ``info``, in databases, as results of calculators.

Arrays in the JSON and in the binary form of databases are decoded here, without ASE
(``ase.io.jsonio`` and ``ase.db.core.bytes_to_object``); no class that a file names is imported.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from stratus.crystals.entry import Code
from stratus.crystals.reading.constraints import fixed_atoms
from stratus.crystals.reading.frame_values import PLAIN, FrameSource
from stratus.crystals.reading.json_text import loads
from stratus.crystals.reading.quantities import FIXED, quantity
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.stress import ASE

if TYPE_CHECKING:
    from collections.abc import Mapping

RESULTS: Final = ("energy", "free_energy", "stress", "dipole", "magmom")
"""What a calculator of ASE gives for the whole that is read."""

RESULTS_OF_ATOMS: Final = ("forces", "magmoms", "charges", "energies")
"""The same for each atom."""

STORED_OF_ATOMS: Final = ("initial_magmoms", "initial_charges", "tags", "momenta", "masses")
"""What a database of ASE stores of atoms that no calculator gives."""

_ROW: Final = FrameSource(documented={"stress": ASE})
_NUMBERS: Final = frozenset({"float64", "float32", "int64", "int32", "int16", "int8", "bool"})
_NUMBERS_TOO: Final = frozenset({"uint64", "uint32", "uint16", "uint8"})


class RowValues(NamedTuple):
    """What a row of a database says beside its atoms.

    Attributes:
        labels: of the crystal.
        columns: of its atoms.
        notes: what was left out.
        frame: what is known of its stress.
    """

    labels: dict[str, Any]
    columns: dict[str, Any]
    notes: tuple[str, ...]
    frame: FrameSource


def row_values(row: Mapping[str, Any], count: int) -> RowValues:
    """Return what a row says, from its fields as ASE names them.

    Data come first, then key-value pairs, then results; the later wins.

    Args:
        row: decoded fields; those that are missing or ``None`` say nothing.
        count: number of atoms.
    """
    labels: dict[str, Any] = {}
    notes = list[str]()
    for part in (row.get("data"), row.get("key_value_pairs")):
        if isinstance(part, dict):
            add_labels(labels, part, notes)
    add_labels(labels, {name: row.get(name) for name in RESULTS}, notes)
    columns = {
        name: value
        for name in (*RESULTS_OF_ATOMS, *STORED_OF_ATOMS)
        if (value := plain(row.get(name))) is not None
    }
    constraints = row.get("constraints")
    if isinstance(constraints, list) and constraints:
        fixed, said = fixed_atoms([plain(one) for one in constraints], count)
        notes += said
        if fixed is not None:
            columns[FIXED] = fixed
    frame = _ROW if row.get("stress") is not None else PLAIN
    return RowValues(labels, columns, tuple(notes), frame)


def add_labels(labels: dict[str, Any], values: Mapping[Any, Any], notes: list[str]) -> None:
    """Add what can be a label: a number, a text, a vector, a tensor; note what else there is."""
    for key, value in values.items():
        name, own = str(key), plain(value)
        if isinstance(own, list | tuple):
            own = _array(own)
        if isinstance(own, np.ndarray) and not _is_label(name, own):
            own = None
        if isinstance(own, str | int | float | bool | np.ndarray):
            labels[name] = own
        elif value is not None:
            notes.append(f"{name} left out: it is no number, text, vector or tensor")


def plain(value: Any, binary: bytes = b"") -> Any:
    """Return a value with its arrays decoded.

    Args:
        value: what JSON gave, or an object in memory.
        binary: where the arrays of the binary form are.

    Raises:
        Refusal: an array is not what ASE writes.
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list):
        return [plain(one, binary) for one in value] if _holds_mappings(value) else value
    if not isinstance(value, dict):
        return value
    if "__ndarray__" in value:
        return _ndarray(value["__ndarray__"], binary)
    if "array" in value and value.get("__ase_objtype__") is not None:  # such as a cell
        return plain(value["array"], binary)
    return {key: plain(one, binary) for key, one in value.items()}


def data_of(stored: Any) -> Any:
    """Return the data of a row of a SQLite database: JSON, or the binary form since version 9.

    Raises:
        Refusal: it is neither.
    """
    try:
        if isinstance(stored, str):
            return plain(loads(stored))
        if isinstance(stored, bytes) and len(stored) > _OFFSET:
            at = int.from_bytes(stored[:_OFFSET], "little", signed=True)
            return plain(loads(stored[at:]), stored) if at >= _OFFSET else None
    except (ValueError, RecursionError) as error:
        raise Refusal(Code.UNREADABLE, f"the row's data are not what ASE writes: {error}") from None
    return None


_OFFSET: Final = 8


def _holds_mappings(value: list[Any]) -> bool:
    return any(isinstance(one, dict | list) for one in value)


def _ndarray(parts: Any, binary: bytes) -> Any:
    try:
        shape, kind, where = parts
        shape = tuple(int(size) for size in shape)
        if kind not in _NUMBERS | _NUMBERS_TOO:
            return None
        if isinstance(where, int):
            dtype = np.dtype(kind).newbyteorder("<")
            end = where + dtype.itemsize * math.prod(shape)
            if where < 0 or end > len(binary):
                raise ValueError(f"an array ends at byte {end} of {len(binary)}")
            return np.frombuffer(binary[where:end], dtype).reshape(shape)
        return np.array(where, dtype=kind).reshape(shape)
    except (TypeError, ValueError, OverflowError) as error:
        raise Refusal(
            Code.UNREADABLE, f"the row's arrays are not what ASE writes: {error}"
        ) from None


def _array(value: Any) -> Any:
    try:
        array = np.array(value)
    except (ValueError, OverflowError):
        return None
    return array if array.dtype.kind in "biuf" else None


def _is_label(name: str, array: Any) -> bool:
    """Whether an array is a vector, a tensor, or one that will be sorted out by its name."""
    numeric = array.dtype.kind in "biuf"
    return bool(numeric and (array.ndim == 1 or array.shape == (3, 3) or quantity(name)))
