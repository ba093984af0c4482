"""ASE's SQLite databases, read without ASE: rows of numbers, cells and positions."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading.ase_values import (
    RESULTS,
    RESULTS_OF_ATOMS,
    STORED_OF_ATOMS,
    data_of,
    row_values,
)
from stratus.crystals.reading.building import build, fractional
from stratus.crystals.reading.json_text import loads
from stratus.crystals.reading.periodicity import periodicity
from stratus.crystals.reading.record import Record
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

    from stratus.crystals.reading.record import ReadOptions

_NEEDED: Final = ("id", "numbers", "cell", "positions", "pbc", "key_value_pairs")
_BLOBS: Final = ("forces", "stress", "dipole", *RESULTS_OF_ATOMS, *STORED_OF_ATOMS)
_FIELDS: Final = dict.fromkeys((*_NEEDED, "data", "constraints", *RESULTS, *_BLOBS))
_MATRIX = 9
_LARGEST = 256 << 20  # bytes of a cell, which a column that is worked out could make without end


def ase_db_records(
    file: Path | bytes, stem: str, source: str, options: ReadOptions
) -> Iterator[Record]:
    """Yield one record for each row of an ASE database, given by path or by content.

    Raises:
        Refusal: it is no ASE database, or is damaged.
    """
    if isinstance(file, bytes):
        connection = sqlite3.connect(":memory:")
    else:
        connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        if isinstance(file, bytes):
            connection.deserialize(file)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST)
        kinds = connection.execute("SELECT type, sql FROM sqlite_master WHERE name = 'systems'")
        if [kind for kind, sql in kinds if "VIRTUAL" not in str(sql).upper()] != ["table"]:
            raise Refusal(
                Code.UNREADABLE, "the file is no ASE database: it has no table of systems"
            )
        there = {column[1] for column in connection.execute("PRAGMA table_info(systems)")}
        fields = [name for name in _FIELDS if name in _NEEDED or name in there]
        query = f"SELECT {', '.join(fields)} FROM systems ORDER BY id"  # noqa: S608 - our names
        for row in connection.execute(query):
            values = dict(zip(fields, row, strict=True))
            own = _own_id(values, options)
            yield Record(
                own or f"{stem}:{values['id']}", f"{source}:{values['id']}", "ase_row", values
            )
    except (sqlite3.Error, UnicodeDecodeError) as error:  # SQLite quotes what is damaged
        reason = " ".join(str(error).split())
        raise Refusal(Code.UNREADABLE, f"the file is no ASE database: {reason}") from error
    finally:
        connection.close()


def parse_ase_row(
    values: dict[str, Any],
    *,
    id: str,  # noqa: A002 - the field's name
    source: str,
    options: ReadOptions,
) -> Entry | Reject:
    """Return the crystal of a database row, with its key-value pairs, data and results.

    Raises:
        Refusal: the row has no cell, or arrays of the wrong length.
    """
    numbers = _array(values["numbers"], "<i4").astype(np.int64)
    row = {name: values.get(name) for name in RESULTS}
    row |= {name: _blob(name, values.get(name), len(numbers)) for name in _BLOBS}
    row["key_value_pairs"] = _json(values["key_value_pairs"])
    row["data"] = data_of(values.get("data"))
    row["constraints"] = _json(values.get("constraints"))
    return crystal_of_row(
        numbers=numbers,
        lattice=_array(values["cell"], "<f8"),
        positions=_array(values["positions"], "<f8"),
        pbc=_axes(values["pbc"]),
        row=row,
        id=id,
        source=source,
        options=options,
    )


def crystal_of_row(
    *,
    numbers: npt.NDArray[np.int64],
    lattice: npt.NDArray[np.float64],
    positions: npt.NDArray[np.float64],
    pbc: Any,
    row: Mapping[str, Any],
    id: str,  # noqa: A002 - the field's name
    source: str,
    options: ReadOptions,
) -> Entry | Reject:
    """Return the crystal of the arrays that ASE stores.

    Args:
        numbers: shape (n,), atomic numbers.
        lattice: nine numbers, in Å; none or zeros for a molecule.
        positions: 3 n Cartesian coordinates, in Å.
        pbc: whether it is periodic along each axis, as ``periodicity`` takes it.
        row: its other fields, as :func:`~stratus.crystals.reading.ase_values.row_values` takes
            them.
        id: the crystal's id.
        source: where the row is.
        options: what counts as a crystal.

    Raises:
        Refusal: there is no cell, an array has the wrong length, or an atom is a dummy.
    """
    if len(lattice) != _MATRIX or not lattice.any():
        raise Refusal(Code.NOT_A_STRUCTURE, "the row has no cell: a molecule is no crystal")
    if len(positions) != 3 * len(numbers):
        raise Refusal(Code.UNREADABLE, f"{len(numbers)} atoms have {len(positions)} coordinates")
    if len(numbers) and not (numbers.min() >= 1 and numbers.max() <= 118):
        raise Refusal(Code.DUMMY_SPECIES, "the row holds an atom of number 0, a dummy")
    matrix = lattice.reshape(3, 3)
    labels, columns, notes, frame = row_values(row, len(numbers))
    return build(
        id=id,
        source=source,
        lattice=matrix,
        numbers=numbers,
        frac_coords=fractional(positions.reshape(-1, 3), matrix),
        options=options,
        labels=labels,
        left_out=notes,
        columns=columns,
        frame=frame,
        periodic=periodicity(pbc),
    )


def _array(blob: Any, kind: str) -> Any:
    if not isinstance(blob, bytes) or len(blob) % np.dtype(kind).itemsize:
        raise Refusal(Code.UNREADABLE, "the row's arrays are not what ASE writes")
    return np.frombuffer(blob, dtype=kind).copy()


def _axes(bits: Any) -> list[bool] | None:
    """Return whether a row is periodic along each axis, of which each has a bit."""
    return [bool(bits & 1 << axis) for axis in range(3)] if isinstance(bits, int) else None


def _blob(name: str, blob: Any, count: int) -> Any:
    """Return an array of floats; whole numbers, as tags are, have half as many bytes."""
    if not isinstance(blob, bytes):
        return None
    size = count if name not in {"forces", "momenta"} else 3 * count
    is_short = name == "tags" and len(blob) == 4 * count
    array = _array(blob, "<i4" if is_short else "<f8")
    return array.reshape(count, 3) if size > count and array.size == size else array


def _json(text: Any) -> Any:
    try:
        return loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def _own_id(values: dict[str, Any], options: ReadOptions) -> str | None:
    pairs = _json(values["key_value_pairs"])
    labels = pairs if isinstance(pairs, dict) else {}
    names = (options.id_column,) if options.id_column else ("material_id", "mp_id", "mbid")
    return next((str(labels[name]) for name in names if labels.get(name)), None)
