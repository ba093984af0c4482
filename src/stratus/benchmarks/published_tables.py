"""Tables of structures and labels as MatBench and UnconvBench publish them: JSON, read as data.

The form is that of pandas, ``{"index": ..., "columns": [...], "data": [[structure, label], ...]}``,
with structures as pymatgen writes them.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from stratus.crystals.reading.json_records import json_records
from stratus.crystals.reading.record import ReadOptions
from stratus.crystals.reading.refusal import Refusal
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

GEOMETRY: Final = ("lattice", "species", "frac_coords")
"""Columns that :func:`geometry` gives."""


def payloads(file: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a file by column, one in memory at a time.

    Raises:
        stratus.errors.InputError: the file is damaged, or none of this form.
    """
    opened = gzip.open if file.suffix == ".gz" else open
    try:
        with opened(file, "rb") as stream:
            for record in json_records(stream, file.stem, file.name, ReadOptions()):  # type: ignore[arg-type]
                if not isinstance(record.payload, dict):
                    raise InputError(f"{record.source} of {file.name} is no row of a table")
                yield record.payload
    except (Refusal, OSError, EOFError) as error:
        raise InputError(f"{file.name} can not be read ({error}); fetch it again") from None


def geometry(structure: Any, file: Path) -> dict[str, Any]:
    """Return lattice, species and coordinates of a structure as pymatgen writes it.

    What it holds is read as data: no class is looked up, whatever ``@module`` says.

    Raises:
        stratus.errors.InputError: it is no such structure, or a site is shared or partly empty.
    """
    try:
        matrix = np.array(structure["lattice"]["matrix"], np.float64)
        sites = structure["sites"]
        species = [
            part["element"]
            for site in sites
            for part in site["species"]
            if len(site["species"]) == 1 and part["occu"] == 1
        ]
        coords = np.array([site["abc"] for site in sites], np.float64)
        if matrix.shape != (3, 3) or len(species) != len(sites) or coords.shape[1:] != (3,):
            raise ValueError("it is not ordered, or has no three axes")
        symbols = " ".join(str(symbol) for symbol in species)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"a structure of {file.name} is none that pymatgen writes ({error})"
        ) from None
    return {
        "lattice": matrix.ravel().tolist(),
        "species": symbols,
        "frac_coords": coords.ravel().tolist(),
    }


def column(values: Sequence[Any]) -> pa.Array:
    """Return labels as a column; as texts where they are of several kinds, to be refused by row."""
    try:
        return pa.array(values)
    except pa.ArrowException:
        return pa.array([None if value is None else str(value) for value in values])
