"""From structures to the rows of a labelled table: encoded on the way, in one pass."""

from __future__ import annotations

import logging
from collections import Counter, deque
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa

from stratus.corpora.encoding.crystals import crystals_of
from stratus.corpora.encoding.ids import IdsInMemory
from stratus.corpora.encoding.notes import MOST_NOTES, note_kinds
from stratus.corpora.encoding.rows import label_name
from stratus.corpora.encoding.stream import accepted, default_work, encoded
from stratus.corpora.tables.columns import Gathered
from stratus.corpora.tables.positions_in_words import row_in_words
from stratus.crystals.entry import Reject
from stratus.crystals.reading.column_names import close, find_column, plain_name
from stratus.crystals.reading.table_rows import TableSlice, label_column
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from stratus.corpora.encoding.options import EncodeOptions
    from stratus.corpora.tables.columns import Wanted
    from stratus.corpora.tables.crystal_file import CrystalFile
    from stratus.corpora.tables.materials import Materials
    from stratus.crystals.facets import Facet
    from stratus.crystals.reading import Record

_LOG = logging.getLogger(__name__)
_MOST_NOTES = 8

LOOK_AHEAD: Final = 256 << 20
"""Bytes of a table that are read, and their labels checked, before the first crystal is encoded."""


class _Rows(NamedTuple):
    """Encoded rows with those of their labels that may be wanted."""

    ids: list[str]
    sources: list[str]
    labels: dict[str, pa.Array]


def gather_structures(
    file: CrystalFile, options: EncodeOptions, gathered: Gathered
) -> list[Reject]:
    """Encode the crystals of a file and take their labels; return the rejects.

    A missing column or a mistake in a label of a table is found before its row is encoded, and
    before any row is, in the first :data:`LOOK_AHEAD` bytes.

    Args:
        file: the file.
        options: how structures become strings.
        gathered: where the rows go.

    Raises:
        stratus.errors.InputError: a column is missing, or a label is a mistake.
        stratus.errors.StrictError: there is a reject, and the options say ``strict``.
    """
    wanted, source, materials = gathered.wanted, str(file.path), gathered.materials
    rejects: list[Reject] = []
    found: list[_Rows] = []
    names: dict[str, None] = {}
    notes, first_of = Counter[str](), dict[str, str]()
    work = replace(default_work(options), says_arrays=True)
    checked = _looked_ahead(_checked(file, gathered, options.keep))
    with closing(encoded(checked, options, work)) as results:
        for batch, refused, _ in accepted(results, _Ids(materials), strict=options.strict):
            rejects += refused
            names.update(
                dict.fromkeys(n for n in batch.schema.names if label_name(n, options.keep) == n)
            )
            if batch.num_rows:
                found.append(_take(batch, gathered, options.keep))
                _note(batch, notes, first_of)
    for note, count in notes.most_common(_MOST_NOTES):
        _LOG.warning("%s: %s (1 of %d such rows)", first_of[note], note, count)
    columns = _columns(list(names), wanted, source, options.keep) if found else {}
    for rows in found:
        nothing = pa.nulls(len(rows.ids))
        gathered.look(
            {name: rows.labels.get(column, nothing) for name, column in columns.items()},
            lambda place, rows=rows: row_in_words(rows.sources[place], rows.ids[place]),  # type: ignore[misc]
            keep=True,
        )
    return rejects


class _Ids(IdsInMemory):
    """The ids so far; where they may be those of materials, none is refused."""

    def __init__(self, materials: Materials) -> None:
        super().__init__()
        self._materials = materials

    def claim(self, ids: Sequence[str], sources: Sequence[str]) -> dict[int, str]:
        return {} if self._materials.are_ids else super().claim(ids, sources)


def _note(batch: pa.RecordBatch, notes: Counter[str], first_of: dict[str, str]) -> None:
    """Count the notes of rows, and remember the row that had each first, where it stands."""
    said = zip(*(batch.column(name).to_pylist() for name in ("source", "notes")), strict=True)
    for source, text in said:
        for kind in note_kinds(text):
            if kind in notes or len(notes) < MOST_NOTES:
                notes[kind] += 1
                first_of.setdefault(kind, source)


def _checked(
    file: CrystalFile, gathered: Gathered, keep: tuple[Facet, ...]
) -> Iterator[Record | Reject]:
    """Pass records on, whose labels are looked at where they stand in a table."""
    wanted, asked = gathered.wanted, file.read.id_column is not None
    checked, table = Gathered(wanted), None
    for record in file.records():
        payload = getattr(record, "payload", None)
        if isinstance(payload, TableSlice):
            names = _label_names(payload)
            found = wanted.columns(names, payload.table)
            if payload.table != table:
                table = payload.table
                _check_names(found.values(), names, table, keep)
                of, every = payload.columns.id, payload.batch.schema.names
                gathered.materials.look(every, of, table, asked=asked)
            batch = payload.batch
            columns = {name: label_column(batch, column) for name, column in found.items()}
            checked.look(columns, _in_slice(payload))
        yield record


def _label_names(payload: TableSlice) -> list[str]:
    of = payload.columns
    return [name for name in payload.batch.schema.names if name not in of.used() | {of.id}]


def _check_names(
    found: Iterable[str], names: list[str], table: str, keep: tuple[Facet, ...]
) -> None:
    """Refuse two columns that could not be told apart among those of an encoded table."""
    for name in found:
        twin = next(
            (n for n in names if n != name and label_name(n, keep) == label_name(name, keep)), None
        )
        if twin is not None:
            raise InputError(
                f"{table} has the columns {name!r} and {twin!r}, which cannot be told from each "
                "other beside the columns of an encoded table; rename one"
            )


def _in_slice(payload: TableSlice) -> Callable[[int], str]:
    def where(place: int) -> str:
        row = payload.first_row + place
        of = payload.columns.id
        own = payload.batch.column(of)[place].as_py() if of is not None else row
        return row_in_words(f"{payload.table}:{row}", str(own))

    return where


def _looked_ahead(records: Iterable[Record | Reject]) -> Iterator[Record | Reject]:
    """Pass records on in their order; slices of tables when enough of those behind were read."""
    held: deque[Record | Reject] = deque()
    ahead = 0
    for record in records:
        held.append(record)
        ahead += _bytes(record)
        others = not isinstance(record, Reject) and not _bytes(record)
        while held and (others or ahead > LOOK_AHEAD):
            one = held.popleft()
            ahead -= _bytes(one)
            yield one
    yield from held


def _bytes(record: Record | Reject) -> int:
    """Return how much memory a slice of a table takes; 0 for anything else."""
    payload = getattr(record, "payload", None)
    return payload.batch.nbytes + 1 if isinstance(payload, TableSlice) else 0


def _take(batch: pa.RecordBatch, gathered: Gathered, keep: tuple[Facet, ...]) -> _Rows:
    """Take the crystals of a batch, and copies of the labels that could be those wanted."""
    own_ids, sources = batch.column("id").to_pylist(), batch.column("source").to_pylist()
    materials = gathered.materials
    ids = materials.row_ids(own_ids, sources)
    gathered.add_crystals(ids, crystals_of(batch, gathered.strings))
    of_materials = {}
    for name in materials.columns:
        column = find_column(label_name(name, keep), batch.schema.names, "the table")
        if column is not None:
            of_materials[name] = batch.column(column)
    materials.add(own_ids, of_materials, lambda place: row_in_words(sources[place], ids[place]))
    keys = {plain_name(name) for name in gathered.wanted.names}
    own = {label_name(name, keep) for name in gathered.wanted.names}
    labels = {
        name: _copy(batch.column(name))
        for name in batch.schema.names
        if label_name(name, keep) == name and (name in own or plain_name(name) in keys)
    }
    return _Rows(ids, sources, labels)


def _copy(column: pa.Array) -> pa.Array:
    """Return a column that does not keep the others of its batch in memory."""
    return column.take(pa.array(np.arange(len(column))))


def _columns(
    names: list[str], wanted: Wanted, source: str, keep: tuple[Facet, ...]
) -> dict[str, str]:
    """Return the column of the encoded rows that holds each of what is wanted."""
    found: dict[str, str] = {}
    for name in wanted.names:
        own = label_name(name, keep)
        column = own if own in names else find_column(name, names, source)
        if column is None:
            raise InputError(
                f"the crystals of {source} have no label {name!r}; {close(name, names)}"
            )
        found[name] = column
    return found
