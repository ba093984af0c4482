"""Entries as rows, and stored rows as the finished table of structures."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from stratus.corpora.encoding.merge import METADATA_KEY
from stratus.corpora.encoding.rows import BETWEEN_NOTES, as_text
from stratus.crystals.elements import SYMBOLS
from stratus.crystals.reading.quantities import Quantity, quantity
from stratus.crystals.stress import COLUMN_KEY
from stratus.errors import StratusError
from stratus.files.text import writable
from stratus.files.whole import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from stratus.corpora.encoding.parts import PartStore
    from stratus.corpora.sources.source import Page
    from stratus.crystals.entry import Entry

FIELDS: Final = (
    pa.field("id", pa.string(), nullable=False),
    pa.field("lattice", pa.list_(pa.float64()), nullable=False),
    pa.field("species", pa.list_(pa.string()), nullable=False),
    pa.field("frac_coords", pa.list_(pa.float64()), nullable=False),
    pa.field("database", pa.string(), nullable=False),
    pa.field("origin", pa.string(), nullable=False),
    pa.field("licence", pa.string(), nullable=False),
    pa.field("notes", pa.string(), nullable=False),
)
"""The columns of every table; labels follow."""

UNITS: Final = {"lattice": "Å", "frac_coords": ""}

_LABELS: Final = pa.field("labels", pa.string(), nullable=False)
"""The labels of a stored row as JSON; their types are known when all rows are there."""

_TAKEN: Final = frozenset({f.name for f in FIELDS} | {"cif", "structure", "poscar", "cartesian"})
"""Names under which a reader would look for something else than a label."""

ROW_GROUP_ROWS: Final = 16_384


class Kind(NamedTuple):
    """What all values of a label have in common.

    Attributes:
        name: ``null``, ``bool``, ``int``, ``float``, ``text``, ``list`` or ``json``.
        inside: of a list, what its items have in common.
    """

    name: str
    inside: Kind | None = None

    def arrow(self) -> pa.DataType:
        """Return the type of the column."""
        if self.name == "list" and self.inside is not None:
            return pa.list_(self.inside.arrow())
        return _ARROW[self.name]


_ARROW = {
    "null": pa.null(),
    "bool": pa.bool_(),
    "int": pa.int64(),
    "float": pa.float64(),
    "text": pa.string(),
    "json": pa.string(),
}
_NULL, _JSON = Kind("null"), Kind("json")


def stored_batch(entries: Sequence[Entry], page: Page) -> pa.RecordBatch:
    """Return entries as a batch of the store: the columns, and the labels as one JSON text."""
    columns: list[Any] = [
        [writable(e.id) for e in entries],
        [e.lattice.reshape(-1) for e in entries],
        [_species(e) for e in entries],
        [e.frac_coords.reshape(-1) for e in entries],
        [page.database] * len(entries),
        [writable(e.source) for e in entries],
        [page.licence] * len(entries),
        [writable(BETWEEN_NOTES.join(e.notes)) for e in entries],
        [json.dumps({**e.labels, **e.arrays}, default=_plain) for e in entries],
    ]
    fields = (*FIELDS, _LABELS)
    arrays = [pa.array(c, type=f.type) for c, f in zip(columns, fields, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def write_structures(store: PartStore, output: Path, metadata: Mapping[str, Any]) -> Databases:
    """Write the finished table; it depends on the stored rows alone, not on the parts.

    Args:
        store: the stored parts, of batches of :func:`stored_batch`.
        output: a ``.parquet`` path.
        metadata: what the file says about itself.

    Returns:
        the number of rows of each database under each licence.

    Raises:
        stratus.errors.StratusError: the file does not hold the rows that were stored.
    """
    kinds = _kinds(store)
    columns = _label_columns(kinds)
    schema = pa.schema([*FIELDS, *(_label_field(columns[n], k) for n, k in kinds.items())])
    counts: Databases = Counter()
    with whole_file(output) as temporary:
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            for rows in _groups(store):
                counts.update(
                    zip(rows["database"].to_pylist(), rows["licence"].to_pylist(), strict=True)
                )
                writer.write_table(_finished(rows, kinds, schema))
            document = json.dumps(metadata, sort_keys=True)
            writer.add_key_value_metadata({METADATA_KEY: document.encode()})
        if counts.total() != store.rows:
            raise StratusError(
                f"{store.rows} rows were stored in {store.folder} but {counts.total()} were merged"
            )
    return counts


Databases = Counter[tuple[str, str]]
"""Rows by database and licence."""


def _label_field(name: str, kind: Kind) -> pa.Field:
    """Return a column of labels; one of stress tensors says how they are written."""
    is_tensor = kind == Kind("list", Kind("list", Kind("float")))
    says = is_tensor and quantity(name) is Quantity.STRESS
    return pa.field(name, kind.arrow(), metadata={COLUMN_KEY: b"ase"} if says else None)


def _species(entry: Entry) -> list[str]:
    if entry.species is not None:
        return list(entry.species)
    return [SYMBOLS[number] for number in entry.numbers.tolist()]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _kinds(store: PartStore) -> dict[str, Kind]:
    """Return the labels in order of appearance, and what the values of each have in common."""
    kinds: dict[str, Kind] = {}
    for batch in store.stored_rows([_LABELS.name]):
        for text in batch.column(0).to_pylist():
            for name, value in json.loads(text).items():
                kinds[name] = _joined(kinds.get(name, _NULL), _kind(value))
    return kinds


def _kind(value: Any) -> Kind:
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return Kind("bool")
    if isinstance(value, int):
        return Kind("int") if -(2**63) <= value < 2**63 else _JSON
    if isinstance(value, float):
        return Kind("float")
    if isinstance(value, str):
        return Kind("text")
    if isinstance(value, list):
        inside = _NULL
        for item in value:
            inside = _joined(inside, _kind(item))
        return _JSON if inside == _JSON else Kind("list", inside)
    return _JSON


def _joined(one: Kind, other: Kind) -> Kind:
    if other in {one, _NULL}:
        return one
    if one == _NULL:
        return other
    if {one.name, other.name} == {"int", "float"}:
        return Kind("float")
    if one.name == other.name == "list" and one.inside is not None and other.inside is not None:
        inside = _joined(one.inside, other.inside)
        return _JSON if inside == _JSON else Kind("list", inside)
    return _JSON


def _label_columns(kinds: Mapping[str, Kind]) -> dict[str, str]:
    """Return the column of each label: its own name, prefixed where that means something else."""
    columns: dict[str, str] = {}
    for name in kinds:
        column = writable(name)
        while column.lower() in _TAKEN or column in columns.values():
            column = f"label_{column}"
        columns[name] = column
    return columns


def _groups(store: PartStore) -> Iterator[pa.Table]:
    """Yield the stored rows in row groups; which rows share a group is fixed."""
    held: list[pa.Table] = []
    count = 0
    for batch in store.stored_rows():
        held.append(pa.Table.from_batches([batch]))
        count += batch.num_rows
        while count >= ROW_GROUP_ROWS:
            table = pa.concat_tables(held)
            yield table.slice(0, ROW_GROUP_ROWS)
            held = [table.slice(ROW_GROUP_ROWS)]
            count -= ROW_GROUP_ROWS
    if count:
        yield pa.concat_tables(held)


def _finished(rows: pa.Table, kinds: Mapping[str, Kind], schema: pa.Schema) -> pa.Table:
    labels = [json.loads(text) for text in rows[_LABELS.name].to_pylist()]
    columns = [rows[f.name].combine_chunks() for f in FIELDS]
    for name, kind in kinds.items():
        values = [row.get(name) for row in labels]
        if kind == _JSON:
            values = [as_text(value) for value in values]
        columns.append(pa.array(values, type=kind.arrow()))
    return pa.Table.from_arrays(columns, schema=schema)
