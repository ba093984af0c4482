"""Structures that a table only names, from the files that hold them under ids of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from stratus.crystals.elements import SYMBOLS
from stratus.crystals.entry import Entry
from stratus.crystals.reading.parse import read
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stratus.benchmarks.matbench import PoolFile

SOURCE: Final = "structure_source"
OWN_ID: Final = "mp_id_inferred"


def from_pool(
    table: pa.Table, pool: Mapping[str, PoolFile], folder: Path
) -> tuple[pa.Table, list[int]]:
    """Return the structures that a table names.

    Args:
        table: with the columns ``structure_source`` and ``mp_id_inferred``.
        pool: the files by source.
        folder: where they lie.

    Returns:
        a table with ``lattice``, ``species`` and ``frac_coords``, and the rows of ``table`` that
        these are of, ascending; a row whose file or structure is not at hand is not among them.

    Raises:
        stratus.errors.InputError: no structure is at hand.
    """
    wanted: dict[str, dict[str, list[int]]] = {source: {} for source in pool}
    columns = table.column(SOURCE).to_pylist(), table.column(OWN_ID).to_pylist()
    for row, (source, id_) in enumerate(zip(*columns, strict=True)):
        if source in wanted:
            wanted[source].setdefault(id_, []).append(row)
    found: dict[int, Entry] = {}
    for source, part in pool.items():
        path = folder / part.file
        if not path.is_file():
            continue
        for entry in read(path, id_column=part.id, structure_column=part.structure):
            if isinstance(entry, Entry):
                found |= dict.fromkeys(wanted[source].get(entry.id, ()), entry)
    if not found:
        files = ", ".join(part.file for part in pool.values())
        raise InputError(f"{folder} holds none of the structures that are named; {files} have them")
    rows = sorted(found)
    entries = [found[row] for row in rows]
    return pa.table(
        {
            "lattice": [entry.lattice.ravel().tolist() for entry in entries],
            "species": [" ".join(SYMBOLS[z] for z in entry.numbers) for entry in entries],
            "frac_coords": [entry.frac_coords.ravel().tolist() for entry in entries],
        }
    ), rows
