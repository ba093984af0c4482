"""From inputs to what a model is told of each crystal, in order, one row for each crystal."""

from __future__ import annotations

import os
import sys
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from pydantic import BaseModel, ConfigDict, Field

from stratus.corpora.encoding.chunks import chunked
from stratus.corpora.encoding.fingerprint import STANDARD_INPUT
from stratus.corpora.encoding.options import EncodeOptions
from stratus.corpora.encoding.rows import label_name
from stratus.corpora.encoding.stream import default_work, processors
from stratus.corpora.encoding.workers import WorkerPool, run_here
from stratus.crystals.reading import ReadOptions, records
from stratus.crystals.reading.containers import by_content
from stratus.crystals.reading.formats import take_apart
from stratus.crystals.reading.sources import file_names
from stratus.crystals.reading.tables import TABLES
from stratus.crystals.symmetry import DEFAULT_SYMPREC
from stratus.errors import InputError
from stratus.inference.row import Row
from stratus.inference.text_tables import text_table
from stratus.models.given import Given
from stratus.scope import Dialect, ScopeOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from stratus.corpora.encoding.rows import ChunkResult
    from stratus.crystals.reading.file_names import FileNames


class PredictOptions(BaseModel):
    """How crystals are read and encoded before a model sees them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: ReadOptions = Field(default_factory=ReadOptions)
    symprec: float = Field(DEFAULT_SYMPREC, gt=0, description="Symmetry tolerance, in Å.")
    workers: int | None = Field(
        None,
        ge=0,
        le=1024,
        description="Worker processes; 0 works in this one, by default one for each processor.",
    )
    timeout_s: float = Field(60.0, gt=0, description="Longest time for one crystal, in seconds.")
    keep_columns: bool = Field(
        default=False, description="Rows carry the other columns of their tables."
    )


def rows(
    inputs: Sequence[object], dialect: Dialect | str, options: PredictOptions
) -> Iterator[Row]:
    """Yield one row for each crystal of the inputs, in order; rejects are rows too.

    A table that is named itself and has a column ``scope``, or a column ``formula`` or
    ``composition`` and no structures, is taken as it is. All else is encoded by worker processes,
    as ``stratus encode`` does it. An id may come twice.

    Args:
        inputs: what :func:`stratus.read` takes.
        dialect: that of the model.
        options: how crystals are read and encoded.

    Raises:
        stratus.errors.InputError: there is no input, one does not exist or is of no known kind, or
            a table cannot be of the dialect.
        stratus.errors.StratusError: a worker cannot start.
    """
    if not inputs:
        raise InputError("No input was given; name files or folders of crystals")
    records(list(inputs), options.read, _standard_input(inputs))  # says what does not exist
    kind, names = Dialect(dialect), file_names(inputs)
    tables = [_text_table(item, kind, options, names) for item in inputs]
    pairs = zip(inputs, tables, strict=True)
    for is_text, group in groupby(pairs, key=lambda pair: pair[1] is not None):
        if is_text:
            for _, table in group:
                yield from table or ()
        else:
            yield from _encoded([item for item, _ in group], kind, options, names)


def _text_table(
    item: object, dialect: Dialect, options: PredictOptions, names: FileNames
) -> Iterator[Row] | None:
    """Return the rows of a table of strings or formulas; None where it has to be encoded."""
    if not isinstance(item, str | os.PathLike) or item == STANDARD_INPUT:
        return None
    path = Path(item)
    if not path.is_file() or _format(path) not in TABLES:
        return None
    return text_table(path, dialect, options.read, names, keep=options.keep_columns)


def _format(path: Path) -> str | None:
    """Return the format of a file, which its first bytes tell where its name does not."""
    try:
        return by_content(path, take_apart(path.name)).format
    except OSError:  # reading it will say what is wrong
        return None


def _encoded(
    inputs: Sequence[object], dialect: Dialect, options: PredictOptions, names: FileNames
) -> Iterator[Row]:
    encode = EncodeOptions(
        read=options.read,
        scope=ScopeOptions.model_validate({"dialect": dialect, "symprec": options.symprec}),
        workers=options.workers,
        timeout_s=options.timeout_s,
    )
    work, keep = default_work(encode), options.keep_columns
    read = options.read.within(options.timeout_s)
    found = records(list(inputs), read, _standard_input(inputs), names)
    chunks = chunked(found, encode.chunk_rows)
    workers = processors() if options.workers is None else options.workers
    if workers == 0:
        results = run_here(chunks, work)
        yield from chain.from_iterable(_in_order(result, keep=keep) for result in results)
        return
    with WorkerPool(work, workers, options.timeout_s) as pool:
        results = pool.run(chunks)
        yield from chain.from_iterable(_in_order(result, keep=keep) for result in results)


def _standard_input(inputs: Sequence[object]) -> BinaryIO | None:
    return sys.stdin.buffer if STANDARD_INPUT in inputs else None


def _in_order(result: ChunkResult, *, keep: bool) -> Iterator[Row]:
    """Yield the rows and rejects of a chunk where they stood in it."""
    batch = result.batch()
    good = iter(zip(*(batch.column(name).to_pylist() for name in _TAKEN), strict=True))
    own = iter(_own(batch) if keep else [{}] * batch.num_rows)
    bad = dict(result.rejects)
    for place in range(result.outcomes):
        if place in bad:
            one = bad[place]
            labels = {label_name(name): value for name, value in one.labels.items()}
            yield Row(one.id, None, one, one.source, own=labels if keep else {})
        else:
            id, scope, n_atoms, source, formula, group, notes = next(good)  # noqa: A001 - its name
            said = (notes,) if notes else ()
            yield Row(id, Given(scope, n_atoms), None, source, formula, group, said, next(own))


def _own(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return the user's columns of each row."""
    names = [name for name in batch.schema.names if label_name(name) == name]
    if not names:
        return [{}] * batch.num_rows
    columns = [batch.column(name).to_pylist() for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


_TAKEN: Final = ("id", "scope", "n_atoms", "source", "formula", "space_group", "notes")
