"""The columns of the output table, and how the outcomes of one chunk become Arrow columns."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from stratus.corpora.encoding.crystals import ATOM_FIELDS, atom_columns
from stratus.crystals.composition import reduce_composition, reduced_formula
from stratus.crystals.elements import SYMBOLS
from stratus.crystals.entry import Reject
from stratus.crystals.facets import Facet
from stratus.crystals.reading.table_rows import typed
from stratus.files.text import writable, writable_value

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from stratus.crystals.entry import Entry

_ID = pa.field("id", pa.string(), nullable=False)
_FORMULA = pa.field("formula", pa.string(), nullable=False)
_N_ATOMS = pa.field("n_atoms", pa.int32(), nullable=False)
_VOLUME = pa.field("volume_per_atom", pa.float64(), nullable=False)
_SAID = (
    pa.field("source", pa.string(), nullable=False),
    pa.field("notes", pa.string(), nullable=False),
)
_STRING = (
    pa.field("scope", pa.string(), nullable=False),
    pa.field("space_group", pa.int16(), nullable=False),
)
_N_ORBITS = pa.field("n_orbits", pa.int32(), nullable=False)

RUN_FIELDS = (
    pa.field("dialect", pa.string(), nullable=False),
    pa.field("backend", pa.string(), nullable=False),
    pa.field("backend_version", pa.string(), nullable=False),
    pa.field("symprec", pa.float64(), nullable=False),
    pa.field("angle_tolerance", pa.float64()),
)
"""What is the same for every row of a run."""

POSITION = pa.field("position", pa.int32(), nullable=False)
"""Place of a row among the outcomes of its chunk; only workers and the collector see it."""

REJECT_FIELDS = ("id", "source", "stage", "code", "detail")
REJECT_SCHEMA = pa.schema([pa.field(name, pa.string(), nullable=False) for name in REJECT_FIELDS])

STRINGS_ALONE: Final = (Facet.SCOPE,)
"""What is kept where nothing says otherwise."""


def worker_fields(keep: Collection[Facet]) -> tuple[pa.Field, ...]:
    """Return what a worker computes for each crystal.

    ``n_atoms`` counts the primitive cell, or, without strings, the cell as given;
    ``volume_per_atom`` is in Å³.

    Args:
        keep: the facets of a crystal that are kept.
    """
    with_string = Facet.SCOPE in keep
    return (
        _ID,
        *(_STRING if with_string else ()),
        _FORMULA,
        _N_ATOMS,
        *((_N_ORBITS,) if with_string else ()),
        _VOLUME,
        *(ATOM_FIELDS if Facet.ATOMS in keep else ()),
        *_SAID,
    )


def run_fields(keep: Collection[Facet]) -> tuple[pa.Field, ...]:
    """Return what is the same for every row of a run."""
    return RUN_FIELDS if Facet.SCOPE in keep else ()


@cache
def _own_names(keep: tuple[Facet, ...]) -> frozenset[str]:
    return frozenset(f.name for f in (*worker_fields(keep), *run_fields(keep), POSITION))


LABEL_PREFIX = "label_"

BETWEEN_NOTES = " | "
"""What stands between the notes of a row."""


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """What became of one chunk; small, and safe to send between processes.

    Attributes:
        rows: an Arrow IPC stream with one record batch: position, worker fields, labels.
        rejects: the position of each reject among the chunk's outcomes, and the reject.
        outcomes: rows and rejects together.
        per_item: how many outcomes each item of the chunk has.
    """

    rows: bytes
    rejects: tuple[tuple[int, Reject], ...]
    outcomes: int
    per_item: tuple[int, ...] = ()

    def batch(self) -> pa.RecordBatch:
        """Return the rows as a record batch."""
        with pa.ipc.open_stream(pa.py_buffer(self.rows)) as reader:
            return reader.read_next_batch()


def safe_text(text: str) -> str:
    """Return a text with a ``'`` in front, where a spreadsheet would take it for a formula."""
    looks = text.startswith(("=", "+", "-", "@", "\t", "\r")) and isinstance(typed(text), str)
    return f"'{text}" if looks else text


def label_name(name: str, keep: tuple[Facet, ...] = STRINGS_ALONE) -> str:
    """Return the column of a label: its own name, prefixed where that is one of ours.

    Args:
        name: of the label.
        keep: the facets of a crystal that the table keeps.
    """
    name = writable(name)
    while name in _own_names(keep):
        name = LABEL_PREFIX + name
    return name


@dataclass(slots=True)
class ChunkRows:
    """Collects the outcomes of one chunk in order.

    Attributes:
        says_arrays: whether a note names the arrays of atoms, for which the rows have no columns.
        keep: the facets of a crystal that the rows have.
    """

    says_arrays: bool = False
    keep: tuple[Facet, ...] = STRINGS_ALONE
    outcomes: int = 0
    rejects: list[tuple[int, Reject]] = field(default_factory=list)
    _rows: list[tuple[Any, ...]] = field(default_factory=list)
    _entries: list[Entry] = field(default_factory=list)

    def accept(self, entry: Entry, scope: Any) -> None:
        """Add a crystal.

        Args:
            entry: the crystal.
            scope: its SCOPE; None where no strings are kept.
        """
        notes = entry.notes
        if self.says_arrays and entry.arrays:
            names = ", ".join(sorted(entry.arrays))
            notes = (*notes, f"values of each atom are not in the table: {names}")
        said = writable(entry.source), writable(BETWEEN_NOTES.join(notes))
        own, volume = (self.outcomes, writable(entry.id)), entry.volume_per_atom
        if scope is None:
            amounts = Counter(entry.numbers.tolist())
            composition = {SYMBOLS[number]: count for number, count in amounts.items()}
            formula = reduced_formula(reduce_composition(composition))
            self._rows.append((*own, formula, len(entry), volume, *said))
        else:
            string = str(scope), scope.space_group, scope.formula, scope.n_atoms, scope.n_orbits
            self._rows.append((*own, *string, volume, *said))
        self._entries.append(entry)
        self.outcomes += 1

    def reject(self, reject: Reject) -> None:
        """Add a reject."""
        texts = (writable(reject.id), writable(reject.source))
        detail = writable(reject.detail)
        safe = Reject(*texts, reject.stage, reject.code, detail, reject.labels)
        self.rejects.append((self.outcomes, safe))
        self.outcomes += 1

    def result(self, per_item: Sequence[int] = ()) -> ChunkResult:
        """Return everything collected.

        Args:
            per_item: how many outcomes each item of the chunk has.
        """
        fields = (POSITION, *worker_fields(self.keep))
        plain = [f for f in fields if f not in ATOM_FIELDS]
        columns = zip(*self._rows, strict=True) if self._rows else [()] * len(plain)
        arrays = [pa.array(c, type=f.type) for f, c in zip(plain, columns, strict=True)]
        if Facet.ATOMS in self.keep:
            arrays[-len(_SAID) : -len(_SAID)] = atom_columns(self._entries)
        labels = _label_columns([entry.labels for entry in self._entries], self.keep)
        schema = pa.schema([*fields, *(pa.field(n, a.type) for n, a in labels.items())])
        batch = pa.RecordBatch.from_arrays([*arrays, *labels.values()], schema=schema)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_batch(batch)
        rows = sink.getvalue().to_pybytes()
        return ChunkResult(rows, tuple(self.rejects), self.outcomes, tuple(per_item))


def _label_columns(
    labels: Sequence[Mapping[str, Any]], keep: tuple[Facet, ...]
) -> dict[str, pa.Array]:
    names: dict[str, None] = {}
    for row in labels:
        names.update(dict.fromkeys(row))
    columns: dict[str, pa.Array] = {}
    for name in names:
        column = label_name(name, keep)
        while column in columns:
            column = LABEL_PREFIX + column
        columns[column] = label_array([row.get(name) for row in labels])
    return columns


def label_array(values: list[Any]) -> pa.Array:
    """Return a column of labels: numbers, texts and lists as they are, the rest as JSON text."""
    try:
        array = _array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return pa.array([as_text(v) for v in values], type=pa.string())
    if pa.types.is_struct(array.type) or pa.types.is_map(array.type) or _has_nothing(array.type):
        return pa.array([as_text(v) for v in values], type=pa.string())
    return array


def _has_nothing(kind: pa.DataType) -> bool:
    """Whether a mapping without a key is somewhere inside, which Parquet cannot hold."""
    if pa.types.is_struct(kind) and not kind.num_fields:
        return True
    return any(_has_nothing(kind.field(k).type) for k in range(kind.num_fields))


def _array(values: list[Any]) -> pa.Array:
    if any(isinstance(value, np.ndarray) for value in values):
        values = [value.tolist() if isinstance(value, np.ndarray) else value for value in values]
    try:
        return pa.array(values)
    except UnicodeEncodeError:
        return pa.array(writable_value(values))


def as_text(value: Any) -> str | None:
    """Return a label as text: itself, bytes as hexadecimal digits, the rest as JSON."""
    if value is None:
        return None
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "tolist"):
        value = value.tolist()
    return json.dumps(value, default=str)


def reject_table(rejects: Sequence[Reject]) -> pa.Table:
    """Return rejects as an Arrow table."""
    columns = {name: [str(getattr(r, name)) for r in rejects] for name in REJECT_FIELDS}
    return pa.table(columns, schema=REJECT_SCHEMA)
