"""From the rows of a table that need no encoding to a labelled table."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pyarrow as pa

from stratus.corpora.tables.positions_in_words import row_in_words
from stratus.crystals.entry import Code, Reject, Stage
from stratus.crystals.reading.table_rows import TableSlice, label_column, row_ids
from stratus.scope.partial import Known

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stratus.corpora.tables.columns import Gathered
    from stratus.corpora.tables.crystal_file import CrystalFile
    from stratus.crystals.reading import ReadOptions

    Where = Callable[[int], str]

_LOG = logging.getLogger(__name__)


class Row(NamedTuple):
    """What a row came to.

    Attributes:
        text: its string; where there is a ``code``, why there is none.
        n_atoms: atoms in the primitive cell; 0 where they are unknown.
        known: how much the string tells.
        code: why it is a reject, if it is one.
        notes: what was decided on the way, one sentence each.
    """

    text: str
    n_atoms: int = 0
    known: Known = Known.WHOLE
    code: Code | None = None
    notes: tuple[str, ...] = ()


class RowReader(Protocol):
    """How rows become strings."""

    @property
    def column(self) -> str:
        """The column that makes a table one of this kind."""

    @property
    def own(self) -> frozenset[str]:
        """The columns that are no labels."""

    def rows(self, batch: pa.RecordBatch, where: Where) -> Sequence[Row]:
        """Return what each row came to; ``where`` says in words where the row at a place is."""


def gather(file: CrystalFile, of: RowReader, gathered: Gathered) -> list[Reject]:
    """Take the rows of a table; return the rejects.

    Args:
        file: the table.
        of: how rows become strings.
        gathered: where the rows go.

    Raises:
        stratus.errors.InputError: a column is missing, or a label is a mistake.
    """
    rejects: list[Reject] = []
    taken: dict[str, str] = {}
    for record in file.records(of.column):
        if isinstance(record, Reject):
            rejects.append(record)
        elif isinstance(record.payload, TableSlice):
            _gather(record.payload, record.id, of, gathered, rejects, taken)
    return rejects


def with_column(read: ReadOptions, column: str) -> ReadOptions:
    """Return options that take a column for what makes a crystal."""
    return read.model_copy(update={"structure_column": column})


def _gather(
    payload: TableSlice,
    stem: str,
    of: RowReader,
    gathered: Gathered,
    rejects: list[Reject],
    taken: dict[str, str],
) -> None:
    """Take a slice.

    Args:
        payload: some rows.
        stem: what the id of a row without one begins with.
        of: how rows become strings.
        gathered: where the rows go.
        rejects: where the others go.
        taken: the source of each id so far.
    """
    batch = payload.batch
    own = {*of.own, payload.columns.id}
    found_at = gathered.wanted.columns(
        [n for n in batch.schema.names if n not in own], payload.table
    )
    rows = range(payload.first_row, payload.first_row + batch.num_rows)
    sources = [f"{payload.table}:{row}" for row in rows]
    ids = [name for name, _ in row_ids(payload, stem)]
    columns = {name: label_column(batch, column) for name, column in found_at.items()}

    def where(place: int) -> str:
        return row_in_words(sources[place], ids[place])

    gathered.look(columns, where)
    found = of.rows(batch, where)
    good: list[int] = []
    for place, (name, source, row) in enumerate(zip(ids, sources, found, strict=True)):
        if row.code is not None:
            rejects.append(Reject(name, source, Stage.READING, row.code, row.text))
        elif name in taken:
            detail = f"The id is taken by {taken[name]}, which came first; give this one another."
            rejects.append(Reject(name, source, Stage.COLLECTING, Code.DUPLICATE_ID, detail))
        else:
            taken[name] = source
            good.append(place)
    noted = [place for place in good if found[place].notes]
    if noted:
        first = noted[0]
        said = " ".join(found[first].notes)
        _LOG.warning("%s: %s (1 of %d such rows here)", sources[first], said, len(noted))
    gathered.add(
        [ids[place] for place in good],
        [found[place].text for place in good],
        [found[place].n_atoms for place in good],
        {name: column.take(pa.array(good, pa.int64())) for name, column in columns.items()},
        lambda place: where(good[place]),
    )
