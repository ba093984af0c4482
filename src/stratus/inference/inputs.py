"""From inputs to what a model is told of each crystal, in order, one row for each crystal."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain, count, groupby, islice, repeat
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stratus.corpora.encoding.chunks import chunked, cut
from stratus.corpora.encoding.crystals import crystals_of
from stratus.corpora.encoding.options import EncodeOptions, facet_options
from stratus.corpora.encoding.rows import label_name
from stratus.corpora.encoding.stream import default_work, processors
from stratus.corpora.encoding.workers import WorkerPool, run_here
from stratus.corpora.tables.crystal_texts import crystal_texts
from stratus.crystals.entry import Reject
from stratus.crystals.reading import ReadOptions, Record
from stratus.crystals.reading.file_names import FileNames
from stratus.crystals.reading.sources import file_names
from stratus.crystals.symmetry import DEFAULT_SYMPREC
from stratus.errors import InputError
from stratus.inference.frames import index_labels, is_frame, is_series
from stratus.inference.input_kinds import KINDS, Input, InputReader, ToEncode, is_one
from stratus.inference.row import Row

if TYPE_CHECKING:
    import pyarrow as pa

    from stratus.corpora.encoding.chunks import Chunk
    from stratus.corpora.encoding.rows import ChunkResult
    from stratus.crystals.facets import Facet, ReadFacet


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


def rows(inputs: Any, reads: ReadFacet, options: PredictOptions) -> Iterator[Row]:
    """Yield one row for each crystal of some inputs, in order; rejects are rows too.

    A text is, in this order: the path of something that exists, a SCOPE string, the text of a file
    (CIF, POSCAR, JSON), a formula. A table that is named itself and has a column ``scope``, or a
    column ``formula`` or ``composition`` and no structures, is taken as it is, and so is a
    ``DataFrame``. What has to be encoded is, as ``stratus encode`` does it. An id may come twice.

    Args:
        inputs: one or many, also a stream of any length: paths of files, tables and folders, SCOPE
            strings, formulas, text of files, ``Composition``, ``Structure`` and their mappings,
            ASE ``Atoms``, entries, rejects, scopes; an array or ``Series`` of these; a
            ``DataFrame``.
        reads: what the model reads of them.
        options: how crystals are read and encoded.

    Raises:
        stratus.errors.InputError: the inputs are no crystal and hold none, at the call; a column
            that the options name is missing in a table, or a table does not tell what is read.
        stratus.errors.StratusError: a worker cannot start.
    """
    many = listed(inputs)
    names = file_names(inputs) if isinstance(inputs, list | tuple) else FileNames(tuple)
    reader = InputReader(
        reads=reads,
        read=options.read.within(options.timeout_s),
        names=names,
        stdin=sys.stdin.buffer if hasattr(sys.stdin, "buffer") else None,
        keep_columns=options.keep_columns,
        texts=crystal_texts(reads),
    )
    return _rows(many, reader, options)


def listed(inputs: Any) -> Iterator[Input]:
    """Return an iterator over inputs, one or many.

    Raises:
        stratus.errors.InputError: they are no crystal and hold none.
    """
    if is_frame(inputs):
        return iter([Input(0, inputs, alone=True)])
    if is_series(inputs):
        labels: Iterable[str | None] = index_labels(inputs) or repeat(None, len(inputs))
        pairs = enumerate(zip(labels, inputs, strict=True))
        return (Input(place, value, label) for place, (label, value) in pairs)
    if isinstance(inputs, np.ndarray):
        inputs = _column(inputs)
    if is_one(inputs):  # Structure, Atoms and Composition can be iterated too
        inputs = [inputs]
    if not isinstance(inputs, Iterable):
        raise InputError(
            f"a {type(inputs).__name__} is no crystal and holds none; give {KINDS}, or many of them"
        )
    return (Input(place, value) for place, value in enumerate(inputs))


def _column(array: np.ndarray[Any, Any]) -> Any:
    """Return the crystals of an array: of one dimension, or of one column."""
    if array.ndim == 0:
        return array.item()
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InputError(
            f"an array of shape {list(array.shape)} is no list of crystals; give one dimension"
        )
    return array


def _rows(many: Iterator[Input], reader: InputReader, options: PredictOptions) -> Iterator[Row]:
    found = chain.from_iterable(map(reader.rows, many))
    with _Encoder(reader, options) as encoder:
        for to_encode, run in groupby(found, key=lambda one: isinstance(one, ToEncode)):
            if to_encode:
                yield from encoder.rows(run)  # type: ignore[arg-type]
            else:
                yield from run  # type: ignore[misc]


class _Encoder:
    """Encodes what has to be, in one pool of workers that starts when it is needed."""

    def __init__(self, reader: InputReader, options: PredictOptions) -> None:
        encode = EncodeOptions(
            read=reader.read.model_copy(update={"labels": options.keep_columns}),
            **facet_options(reader.reads, options.symprec),
        )
        self._work = default_work(encode)
        self._keep = options.keep_columns
        self._strings, self._facets = reader.reads.strings, encode.keep
        self._size = encode.chunk_rows
        self._workers = processors() if options.workers is None else options.workers
        self._timeout_s = options.timeout_s
        self._numbers = count()
        self._stack = ExitStack()
        self._pool: WorkerPool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def rows(self, run: Iterator[ToEncode]) -> Iterator[Row]:
        """Yield the rows of some inputs, in order."""
        pieces: deque[_Piece] = deque()
        chunks = chunked(self._found(run, pieces), self._size)
        numbered = (replace(chunk, index=next(self._numbers)) for chunk in chunks)
        for result in self._run(numbered):
            outcomes = _in_order(result, self._strings, self._facets, keep=self._keep)
            for number in result.per_item:
                piece = pieces.popleft()
                for k, row in enumerate(islice(outcomes, number)):
                    notes = (piece.note, *row.notes) if piece.note else row.notes
                    place = piece.place + k if piece.spread else piece.place
                    yield row._replace(place=place, notes=notes)

    def _found(self, run: Iterator[ToEncode], pieces: deque[_Piece]) -> Iterator[Record | Reject]:
        """Yield what inputs hold, and note for each piece of a chunk which input it is of."""
        for one in run:
            first = one.place
            for record in one.records:
                for piece in [record] if isinstance(record, Reject) else cut(record, self._size):
                    pieces.append(_Piece(first, one.note, one.spread))
                    if one.spread and isinstance(piece, Record):
                        first += piece.rows
                yield record

    def _run(self, chunks: Iterator[Chunk]) -> Iterator[ChunkResult]:
        if not self._workers:
            return run_here(chunks, self._work)
        if self._pool is None:
            pool = WorkerPool(self._work, self._workers, self._timeout_s)
            self._pool = self._stack.enter_context(pool)
        return self._pool.run(chunks)


class _Piece(NamedTuple):
    """Which input an item of a chunk is of; see :class:`ToEncode`."""

    place: int
    note: str
    spread: bool


def _in_order(
    result: ChunkResult, strings: str | None, facets: tuple[Facet, ...], *, keep: bool
) -> Iterator[Row]:
    """Yield the rows and rejects of a chunk where they stood in it."""
    batch = result.batch()
    taken = (batch.column(name).to_pylist() for name in _TAKEN)
    good = iter(zip(crystals_of(batch, strings), *taken, strict=True))
    own = iter(_own(batch, facets) if keep else [{}] * batch.num_rows)
    bad = dict(result.rejects)
    for place in range(result.outcomes):
        if place in bad:
            one = bad[place]
            labels = {label_name(name, facets): value for name, value in one.labels.items()}
            yield Row(one.id, None, one, one.source, own=labels if keep else {})
        else:
            crystal, id, source, formula, notes = next(good)  # noqa: A001 - the field's name
            said, group = (notes,) if notes else (), crystal.space_group
            yield Row(id, crystal, None, source, formula, group, said, next(own))


def _own(batch: pa.RecordBatch, facets: tuple[Facet, ...]) -> list[dict[str, Any]]:
    """Return the user's columns of each row."""
    names = [name for name in batch.schema.names if label_name(name, facets) == name]
    if not names:
        return [{}] * batch.num_rows
    columns = [batch.column(name).to_pylist() for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


_TAKEN: Final = ("id", "source", "formula", "notes")
