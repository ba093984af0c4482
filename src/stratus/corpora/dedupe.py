"""One row of each crystal, out of core: ten million rows in a fraction of a gigabyte.

Two passes. The first reads key, energy, volume and id of each row and spreads them over files by
the first bits of the key's digest; each file is then sorted by itself, and the best row of each key
is marked. The second pass copies the marked rows. What is held is one byte a row, and one file.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stratus.corpora.dedupe_files import Spill, best_rows, number_column
from stratus.corpora.digests import digests
from stratus.corpora.keys import Key, keys_of
from stratus.corpora.listing import LISTING_FIELDS, RowWriter, listing_writer
from stratus.corpora.packed.table import ScopeTable, open_table
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt
    import pyarrow as pa

KEYS: Final = (Key.SCOPE, Key.FORMULA_GROUP)
VOLUME: Final = "volume_per_atom"
ROWS_A_FILE: Final = 250_000


class DedupeOptions(BaseModel):
    """Which rows are one crystal, and which of them is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Key = Field(Key.SCOPE, description="scope, or formula-group as in the paper of CLOUD.")
    energy: str | None = Field(
        None, description="Column of energies per atom that can be compared; the lowest is kept."
    )
    volume: str | None = Field(
        VOLUME, description="Column of volumes per atom; the smallest is kept, after the energy."
    )
    rows_a_file: int = Field(
        ROWS_A_FILE, ge=1, description="Rows that are sorted in memory at a time, about."
    )


@dataclass(frozen=True, slots=True)
class DedupeSummary:
    """What became of the rows; ``rows_in`` is always ``rows_out`` and ``removed`` together.

    Attributes:
        output: the table that was written.
        by: the key.
        rows_in: rows of all tables.
        rows_out: different keys, which are the rows kept.
        repeated: keys that more than one row has.
        largest: rows of the key that has most.
        without_energy: rows without an energy; 0 if none was asked for.
        without_volume: rows without a volume; 0 if none was asked for.
        seconds: how long it took.
    """

    output: str
    by: Key
    rows_in: int
    rows_out: int
    repeated: int
    largest: int
    without_energy: int
    without_volume: int
    seconds: float

    @property
    def removed(self) -> int:
        """Rows left out."""
        return self.rows_in - self.rows_out


def dedupe(
    tables: Sequence[Path],
    output: Path,
    options: DedupeOptions | None = None,
    *,
    removed: Path | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> DedupeSummary:
    """Keep one row of each crystal.

    Of the rows with one key the one with the lowest energy is kept, rows without an energy after
    all others; then the one with the smallest volume per atom; then the first by its id; then the
    one that comes first. So which rows are kept does not depend on their order, if ids differ.

    Args:
        tables: Parquets of ``stratus encode``, taken as one below the other.
        output: the Parquet to write: the rows kept, in the order of the input, with all columns.
            It is there whole or not at all.
        options: the key, and the columns that decide.
        removed: a ``.csv`` or ``.parquet`` for the rows left out: id, table, and the id and table
            of the row that was kept instead, in the order of the digests of their keys.
        on_rows: called with the number of rows of a stretch that was read or copied; each row
            counts twice.

    Returns:
        the counts.

    Raises:
        stratus.errors.InputError: a table or an option cannot be used; a key is not there.
    """
    begin = time.monotonic()
    options = options or DedupeOptions()
    check_tables(tables, output, removed)
    if options.by not in KEYS:
        raise InputError(f"rows are made one by {' or '.join(KEYS)}, not by {options.by}")
    told = on_rows or (lambda _: None)
    with ExitStack() as stack:
        opened = [stack.enter_context(open_table(path)) for path in tables]
        rows = sum(map(len, opened))
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.part-")
        )
        spill = stack.enter_context(Spill(Path(folder), rows, options.rows_a_file))
        missing = np.zeros(2, dtype=np.int64)
        for place, table in enumerate(opened):
            missing += _spread(table, place, spill, options, told)
        kept = np.zeros(rows, dtype=np.bool_)
        counts = _mark(spill, kept, tables, removed)
        writer = stack.enter_context(RowWriter(output, [t.schema for t in opened], "dedupe"))
        at = 0
        for table in opened:
            for batch in table.rows():
                writer.write(batch, kept[at : at + len(batch)])
                at += len(batch)
                told(len(batch))
        writer.note(
            {
                "by": options.by.value,
                "energy": options.energy,
                "volume": options.volume,
                "tables": [path.name for path in tables],
                "rows_in": rows,
            }
        )
    return DedupeSummary(
        str(output),
        options.by,
        rows,
        int(kept.sum()),
        repeated=counts[0],
        largest=counts[1],
        without_energy=int(missing[0]),
        without_volume=int(missing[1]),
        seconds=time.monotonic() - begin,
    )


def check_tables(tables: Sequence[Path], output: Path, *others: Path | None) -> None:
    """Refuse what cannot be inputs and outputs together.

    Raises:
        stratus.errors.InputError: no table, one named twice, an output of another kind or one
            that is an input.
    """
    if not tables:
        raise InputError("no table was named; give at least one Parquet of `stratus encode`")
    inputs = [path.resolve() for path in tables]
    if len(set(inputs)) < len(inputs):
        raise InputError(f"a table is named twice among {', '.join(map(str, tables))}")
    if output.suffix != ".parquet":
        raise InputError(f"{output} has to end with .parquet")
    outputs = [path.resolve() for path in (output, *others) if path is not None]
    for path in outputs:
        if path in inputs:
            raise InputError(f"{path} is an input too; name another output")
        if not path.parent.is_dir():
            raise InputError(f"the folder {path.parent} does not exist; make it first")
    if len(set(outputs)) < len(outputs):
        raise InputError(f"{output} is named for two outputs; name another one")


def _spread(
    table: ScopeTable,
    place: int,
    spill: Spill,
    options: DedupeOptions,
    told: Callable[[int], None],
) -> npt.NDArray[np.int64]:
    """Send the rows of a table to their files; return how many have no energy, and no volume."""
    named = [name for name in (options.energy, options.volume) if name is not None]
    for name in named:
        if name not in table.schema.names:
            raise InputError(
                f"{table.path} has no column {name!r}, by which the row to keep is chosen; name "
                "another one, or say that there is none"
            )
    missing = np.zeros(2, dtype=np.int64)
    row = 0
    for batch in table.rows(["id", "scope", *named]):
        ids = ["" if value is None else str(value) for value in batch.column("id").to_pylist()]
        keys = keys_of(options.by, ids, batch.column("scope").to_pylist())
        if None in keys:
            raise InputError(
                f"row {row + keys.index(None)} of {table.path} is a partial crystal, of which the "
                f"{options.by} is not known; remove it"
            )
        numbers: list[npt.NDArray[np.float64]] = []
        for column in (options.energy, options.volume):
            found = number_column(batch, column, table.path)
            missing[len(numbers)] += int(np.isinf(found).sum()) if column is not None else 0
            numbers.append(found)
        spill.add(digests(key.encode() for key in keys if key is not None), ids, place, *numbers)
        row += len(batch)
        told(len(batch))
    return missing


def _mark(
    spill: Spill, kept: npt.NDArray[np.bool_], tables: Sequence[Path], removed: Path | None
) -> tuple[int, int]:
    """Mark the best row of each key; return how many keys are repeated, and the most of one."""
    repeated = largest = 0
    names = np.array([path.name for path in tables], dtype=object)
    with ExitStack() as stack:
        write: Callable[[pa.Array, pa.Array, pa.Array, pa.Array], None] | None = None
        if removed is not None:
            write = stack.enter_context(listing_writer(removed, LISTING_FIELDS))
        for found in spill.sorted_files():
            first, of_group, sizes = best_rows(found)
            kept[found.rows[first]] = True
            repeated += int((sizes > 1).sum())
            largest = max(largest, int(sizes.max(initial=0)))
            if write is not None:
                others = np.flatnonzero(~first)
                winners = np.flatnonzero(first)[of_group[others]]
                write(
                    found.ids.take(others),
                    names[found.tables[others]],
                    found.ids.take(winners),
                    names[found.tables[winners]],
                )
    return repeated, largest
