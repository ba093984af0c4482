"""Writing a choice of the rows of some tables, and lists of the rows that were left out."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from stratus.corpora.encoding.merge import METADATA_KEY, ROW_GROUP_ROWS
from stratus.errors import InputError
from stratus.files.whole import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

LISTING_FIELDS: Final = ("id", "table", "kept_id", "kept_table")


class RowWriter:
    """Writes rows of several tables to one Parquet, which is there whole or not at all.

    Args:
        output: the Parquet.
        schemas: columns of the tables; those of all together are written, in order of appearance.
        verb: what is done, by which the file calls what it says about itself.

    Raises:
        stratus.errors.InputError: a column has types in two tables that do not go together.
    """

    def __init__(self, output: Path, schemas: Sequence[pa.Schema], verb: str) -> None:
        try:
            one = pa.unify_schemas(
                [schema.remove_metadata() for schema in schemas], promote_options="permissive"
            )
        except pa.ArrowException as error:
            raise InputError(
                f"the tables do not go together ({error}); give the column one type in all"
            ) from None
        self._schema = pa.schema([f.with_nullable(nullable=True) for f in one])
        self._verb = verb
        self._output = output
        self._stack = ExitStack()
        self._held: list[pa.RecordBatch] = []
        self._count = 0
        self._writer: pq.ParquetWriter

    def __enter__(self) -> Self:
        """Open a temporary file."""
        temporary = self._stack.enter_context(whole_file(self._output))
        writer = pq.ParquetWriter(temporary, self._schema, compression="zstd", use_dictionary=True)
        self._writer = self._stack.enter_context(writer)
        return self

    def __exit__(self, *error: object) -> None:
        """Write what is held, and rename the file if all went well."""
        try:
            if error[0] is None:
                self._flush(1)
        finally:
            self._stack.__exit__(*error)  # type: ignore[arg-type]

    def write(self, batch: pa.RecordBatch, wanted: npt.NDArray[np.bool_]) -> None:
        """Write some of the rows of a batch.

        Args:
            batch: rows of one of the tables.
            wanted: shape (n,), which of them.
        """
        some = batch.filter(pa.array(wanted))
        if not len(some):
            return
        names = set(some.schema.names)
        columns = [
            some.column(f.name).cast(f.type) if f.name in names else pa.nulls(len(some), f.type)
            for f in self._schema
        ]
        self._held.append(pa.record_batch(columns, schema=self._schema))
        self._count += len(some)
        self._flush(ROW_GROUP_ROWS)

    def note(self, values: Mapping[str, Any]) -> None:
        """Let the file say how it was made."""
        document = json.dumps({self._verb: values}, sort_keys=True)
        self._writer.add_key_value_metadata({METADATA_KEY: document.encode()})

    def _flush(self, least: int) -> None:
        while self._count >= least:
            rows = pa.Table.from_batches(self._held, schema=self._schema)
            self._writer.write_table(rows.slice(0, ROW_GROUP_ROWS))
            rest = rows.slice(ROW_GROUP_ROWS)
            self._held, self._count = rest.to_batches(), len(rest)


@contextmanager
def listing_writer(path: Path, fields: Sequence[str]) -> Iterator[Callable[..., None]]:
    """Give a function that adds rows of texts to a ``.csv`` or ``.parquet``.

    Args:
        path: the file; it is there whole or not at all.
        fields: names of the columns; the function takes one array of texts for each.

    Raises:
        stratus.errors.InputError: a name that ends otherwise.
    """
    if path.suffix not in {".csv", ".parquet"}:
        raise InputError(f"{path} has to end with .csv or .parquet")
    schema = pa.schema([(name, pa.string()) for name in fields])
    with whole_file(path) as temporary:
        writer = pa_csv.CSVWriter if path.suffix == ".csv" else pq.ParquetWriter
        with writer(temporary, schema) as file:

            def write(*columns: Any) -> None:
                texts = [pa.array(column, pa.string()) for column in columns]
                if len(texts[0]):
                    file.write_table(pa.table(texts, schema=schema))

            yield write
