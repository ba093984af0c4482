"""A file of crystals with labels, or of SCOPE strings with labels, to a table in memory."""

from __future__ import annotations

import csv
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from stratus.corpora.encoding.job import encode_corpus
from stratus.corpora.encoding.options import EncodeOptions
from stratus.corpora.encoding.rows import label_name
from stratus.corpora.tables.columns import Gathered, Wanted
from stratus.corpora.tables.gathering import gather
from stratus.corpora.tables.layout import find_layout
from stratus.corpora.tables.positions_in_words import row_in_words
from stratus.crystals.entry import Code, Reject, Stage
from stratus.crystals.reading import ReadOptions, Record, records
from stratus.crystals.reading.column_names import close, find_column
from stratus.crystals.reading.table_rows import TableSlice, label_column
from stratus.errors import InputError
from stratus.scope import ScopeOptions

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stratus.corpora.tables.table import Table

_LOG = logging.getLogger(__name__)

_STRETCH, _MOST_NOTES = 8192, 8


def read_labelled(  # noqa: PLR0913 - one for each thing that a command may say
    path: str | os.PathLike[str],
    targets: Sequence[str],
    *,
    kinds: Mapping[str, str] | None = None,
    structure_column: str | None = None,
    id_column: str | None = None,
    fold_column: str | None = None,
    formula_column: str | None = None,
    space_group_column: str | None = None,
    scope_options: ScopeOptions | None = None,
    workers: int | None = None,
    timeout_s: float = 60.0,
) -> Table:
    """Read crystals with their labels.

    A table with a column ``scope`` is taken as strings, such as ``stratus encode`` writes; some of
    them may be partial. A table without structures but with a column ``formula`` or ``composition``
    is taken as formulas, which become partial strings, with the space group if there is a column
    ``space_group``, ``spg_num`` or ``space_group_number``. Anything else that :func:`stratus.read`
    takes holds structures, and these are encoded. Naming a column says which of them it is. Every
    row is a row of the result or a reject.

    Args:
        path: a CSV, Parquet or other file, or a folder.
        targets: the columns that hold the labels.
        kinds: ``regression``, ``binary`` or ``multiclass`` by target; regression if not said.
        structure_column: the column of the structures.
        id_column: the column of the ids.
        fold_column: the column of folds (0, 1, ...) or of splits (train, validation, test).
        formula_column: the column of the formulas.
        space_group_column: the column of the space groups that belong to formulas.
        scope_options: how structures become strings; strings are read in its dialect.
        workers: processes that encode structures; 0 encodes in this one, without a limit of time.
        timeout_s: longest time for one crystal, in s.

    Returns:
        the table; absent labels are NaN, and ``n_atoms`` of partial crystals 0.

    Raises:
        stratus.errors.InputError: the file cannot be read, a column is missing, a label is no
            finite number (names the row and the column), or no row can be used.
    """
    return _read(
        path,
        Wanted.of(targets, kinds, fold_column),
        EncodeOptions(
            read=ReadOptions(structure_column=structure_column, id_column=id_column),
            scope=scope_options or ScopeOptions(),
            workers=workers,
            timeout_s=timeout_s,
        ),
        (formula_column, space_group_column),
    )


def read_crystals(
    path: str | os.PathLike[str],
    *,
    fold_column: str | None = None,
    formula_column: str | None = None,
    space_group_column: str | None = None,
    options: EncodeOptions | None = None,
) -> Table:
    """Read crystals without labels, as :func:`read_labelled` reads them with labels.

    Args:
        path: a CSV, Parquet or other file, or a folder.
        fold_column: a column of whole numbers, texts or dates to keep, as ``splits``.
        formula_column: the column of the formulas.
        space_group_column: the column of the space groups that belong to formulas.
        options: columns of structures and ids, and how structures become strings.

    Returns:
        a table without targets, with the ids that :func:`read_labelled` gives the same rows.

    Raises:
        stratus.errors.InputError: as :func:`read_labelled`.
    """
    return _read(
        path,
        Wanted({}, fold_column),
        options or EncodeOptions(),
        (formula_column, space_group_column),
    )


def _read(
    path: str | os.PathLike[str],
    wanted: Wanted,
    options: EncodeOptions,
    formula_columns: tuple[str | None, str | None],
) -> Table:
    read, dialect = options.read, options.scope.dialect
    layout = find_layout(path, read, wanted.names, *formula_columns, dialect)
    if layout.reader is not None:
        gathered = Gathered(wanted, dialect)
        return gathered.table(gather(path, read, layout.reader, gathered), str(path))
    _look_first(path, read, wanted)
    return _encoded(path, options, wanted)


def _look_first(path: str | os.PathLike[str], read: ReadOptions, wanted: Wanted) -> None:
    """Find a missing column or a mistake in a label before any structure is encoded."""
    checked = Gathered(wanted)
    for record in records([Path(path)], read):
        if not (isinstance(record, Record) and isinstance(record.payload, TableSlice)):
            continue
        batch, of = record.payload.batch, record.payload.columns
        names = [n for n in batch.schema.names if n not in of.used() | {of.id}]
        found = wanted.columns(names, record.payload.table)
        for name in found.values():
            twin = next((n for n in names if n != name and label_name(n) == label_name(name)), None)
            if twin is not None:
                raise InputError(
                    f"{record.payload.table} has the columns {name!r} and {twin!r}, which cannot "
                    "be told from each other beside the columns of an encoded table; rename one"
                )
        columns = {name: label_column(batch, column) for name, column in found.items()}
        checked.look(columns, _in_slice(record.payload))


def _in_slice(payload: TableSlice) -> Callable[[int], str]:
    def where(place: int) -> str:
        row = payload.first_row + place
        of = payload.columns.id
        own = payload.batch.column(of)[place].as_py() if of is not None else row
        return row_in_words(f"{payload.table}:{row}", str(own))

    return where


def _encoded(path: str | os.PathLike[str], options: EncodeOptions, wanted: Wanted) -> Table:
    """Encode to a table on disk, which keeps memory flat, and take what is wanted from it."""
    gathered = Gathered(wanted, options.scope.dialect)
    with tempfile.TemporaryDirectory(prefix="stratus-labelled-") as folder:
        output = Path(folder) / "scopes.parquet"
        summary = encode_corpus([Path(path)], output, options)
        for note, rows in list(summary.notes.items())[:_MOST_NOTES]:
            _LOG.warning("%s: %s (%d rows)", path, note, rows)
        columns = _columns(output, wanted, str(path))
        for batch in _stretches(output, columns):
            ids, sources = batch.column("id").to_pylist(), batch.column("source").to_pylist()
            gathered.add(
                ids,
                batch.column("scope").to_pylist(),
                batch.column("n_atoms").to_pylist(),
                {name: batch.column(column) for name, column in columns.items()},
                lambda place, ids=ids, sources=sources: row_in_words(sources[place], ids[place]),  # type: ignore[misc]
            )
        rejects = list(_rejects(Path(summary.rejects_file)))
    return gathered.table(rejects, str(path))


def _columns(output: Path, wanted: Wanted, source: str) -> dict[str, str]:
    """Return the column of an encoded table that holds each of what is wanted."""
    with pq.ParquetFile(output) as file:
        names = [n for n in file.schema_arrow.names if label_name(n) == n]
        rows = file.metadata.num_rows
    found: dict[str, str] = {}
    for name in wanted.names:
        column = label_name(name) if label_name(name) in names else find_column(name, names, source)
        if column is None and rows:
            raise InputError(
                f"the crystals of {source} have no label {name!r}; {close(name, names)}"
            )
        found[name] = column or name
    return found


def _stretches(output: Path, columns: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(output) as file:
        if file.metadata.num_rows:
            taken = ["id", "source", "scope", "n_atoms", *columns.values()]
            yield from file.iter_batches(_STRETCH, columns=taken)


def _rejects(path: Path) -> Iterator[Reject]:
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            stage, code = Stage(row["stage"]), Code(row["code"])
            yield Reject(row["id"], row["source"], stage, code, row["detail"])
