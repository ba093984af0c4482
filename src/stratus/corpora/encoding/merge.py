"""The stored parts to the finished files, streaming."""

from __future__ import annotations

import csv
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from stratus.corpora.encoding.distinct import DistinctCounter
from stratus.corpora.encoding.rows import (
    POSITION,
    REJECT_FIELDS,
    as_text,
    run_fields,
    safe_text,
    worker_fields,
)
from stratus.crystals.facets import Facet
from stratus.errors import StratusError
from stratus.files.whole import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from stratus.corpora.encoding.parts import PartStore

ROW_GROUP_ROWS = 65_536
METADATA_KEY = b"stratus"


def output_schema(schemas: Iterator[pa.Schema], keep: tuple[Facet, ...]) -> pa.Schema:
    """Return the columns of the finished table: ours, then the labels in order of appearance.

    A label that has several types becomes a float column if all are numbers, else a text column.
    """
    ours = {f.name for f in (POSITION, *worker_fields(keep))}
    seen: dict[str, list[pa.DataType]] = {}
    for schema in schemas:
        for f in schema:
            if f.name not in ours:
                types = seen.setdefault(f.name, [])
                if f.type not in types and not pa.types.is_null(f.type):
                    types.append(f.type)
    labels = [pa.field(name, _one_type(types)) for name, types in seen.items()]
    return pa.schema([*worker_fields(keep), *run_fields(keep), *labels])


def _one_type(types: list[pa.DataType]) -> pa.DataType:
    if not types:
        return pa.null()
    if len(types) == 1:
        return types[0]
    if all(pa.types.is_integer(t) or pa.types.is_floating(t) for t in types):
        return pa.float64()
    return pa.string()


def finished_rows(
    store: PartStore, schema: pa.Schema, run: Mapping[str, Any]
) -> Iterator[pa.Table]:
    """Yield the rows of the finished table in row groups; which rows share a group is fixed."""
    held: list[pa.Table] = []
    count = 0
    for batch in store.stored_rows():
        held.append(_dress(batch, schema, run))
        count += batch.num_rows
        while count >= ROW_GROUP_ROWS:
            table = pa.concat_tables(held)
            yield table.slice(0, ROW_GROUP_ROWS).combine_chunks()
            held = [table.slice(ROW_GROUP_ROWS)]
            count -= ROW_GROUP_ROWS
    if count:
        yield pa.concat_tables(held).combine_chunks()


def _dress(batch: pa.RecordBatch, schema: pa.Schema, run: Mapping[str, Any]) -> pa.Table:
    columns = []
    for f in schema:
        if f.name in run:
            columns.append(pa.repeat(pa.scalar(run[f.name], type=f.type), batch.num_rows))
        elif f.name in batch.schema.names:
            columns.append(_cast(batch.column(f.name), f.type))
        else:
            columns.append(pa.nulls(batch.num_rows, type=f.type))
    return pa.Table.from_arrays(columns, schema=schema)


def _cast(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    if column.type == wanted:
        return column
    if pa.types.is_string(wanted):
        return pa.array([as_text(v) for v in column.to_pylist()], type=pa.string())
    return column.cast(wanted)


def write_table(
    store: PartStore,
    output: Path,
    run: Mapping[str, Any],
    metadata: dict[str, Any],
    *,
    keep: tuple[Facet, ...],
    safe: bool = False,
) -> int:
    """Write the finished table; return how many different strings it holds.

    Args:
        store: the stored parts.
        output: a ``.parquet`` or ``.csv`` path.
        run: the values of the run's columns.
        metadata: what the file says about itself; the number of distinct strings is added.
        keep: the facets of a crystal that it has.
        safe: whether texts of a CSV that a spreadsheet takes for formulas get a ``'`` in front.

    Raises:
        stratus.errors.StratusError: the file does not hold the rows that were stored.
    """
    schema = output_schema(store.schemas(), keep)
    written = 0
    with DistinctCounter(store.folder / "distinct.bin") as strings, whole_file(output) as temporary:
        with _writer(temporary, schema, csv=output.suffix == ".csv") as writer:
            for table in finished_rows(store, schema, run):
                for batch in table.column("scope").chunks if Facet.SCOPE in keep else ():
                    strings.add(batch.to_pylist())
                is_csv = output.suffix == ".csv"
                writer.write_table(_flat(table, safe=safe) if is_csv else table)
                written += table.num_rows
            distinct = strings.count()
            if isinstance(writer, pq.ParquetWriter):
                document = json.dumps({**metadata, "distinct": distinct}, sort_keys=True)
                writer.add_key_value_metadata({METADATA_KEY: document.encode()})
        if written != store.rows:
            raise StratusError(
                f"{store.rows} rows were stored in {store.folder} but {written} were merged"
            )
    return distinct


def _writer(path: Path, schema: pa.Schema, *, csv: bool) -> pq.ParquetWriter | pa_csv.CSVWriter:
    if csv:
        fields = [pa.field(f.name, f.type if _fits_csv(f.type) else pa.string()) for f in schema]
        return pa_csv.CSVWriter(path, pa.schema(fields))
    return pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=True)


def _fits_csv(kind: pa.DataType) -> bool:
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    return not (pa.types.is_nested(kind) or binary or pa.types.is_fixed_size_binary(kind))


def _flat(table: pa.Table, *, safe: bool) -> pa.Table:
    for place, f in enumerate(table.schema):
        is_text = pa.types.is_string(f.type) or pa.types.is_large_string(f.type)
        if not _fits_csv(f.type) or (safe and is_text):
            texts = [as_text(v) for v in table.column(place).to_pylist()]
            if safe:
                texts = [None if text is None else safe_text(text) for text in texts]
            column = pa.array(texts, type=pa.string())
            table = table.set_column(place, pa.field(f.name, pa.string()), column)
    return table


def write_rejects(store: PartStore, path: Path, *, safe: bool = False) -> None:
    """Write the rejects as CSV, with its header also when there are none.

    Args:
        store: the stored parts.
        path: the CSV.
        safe: whether texts that a spreadsheet takes for formulas get a ``'`` in front.
    """
    written = 0
    with whole_file(path) as temporary:
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(REJECT_FIELDS)
            for batch in store.stored_rejects():
                rows = zip(*(c.to_pylist() for c in batch.columns), strict=True)
                writer.writerows(map(safe_text, row) if safe else row for row in rows)
                written += batch.num_rows
        if written != store.rejects:
            raise StratusError(
                f"{store.rejects} rejects were stored in {store.folder} but {written} were merged"
            )


def count_codes(store: PartStore) -> Counter[str]:
    """Return the number of stored rejects by code."""
    codes: Counter[str] = Counter()
    for batch in store.stored_rejects():
        for pair in pc.value_counts(batch.column("code")).to_pylist():
            codes[pair["values"]] += pair["counts"]
    return codes


def stored_metadata(output: Path) -> dict[str, Any] | None:
    """Return what a finished Parquet table says about itself, if stratus wrote it."""
    try:
        found = (pq.read_metadata(output).metadata or {}).get(METADATA_KEY)
        return json.loads(found) if found else None
    except (pa.ArrowInvalid, json.JSONDecodeError):
        return None
