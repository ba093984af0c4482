"""Inputs as a stream of encoded chunks, in their order, in this process or in workers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pyarrow as pa

from stratus.corpora.encoding.chunks import Work, chunked
from stratus.corpora.encoding.workers import WorkerPool, run_here
from stratus.crystals.entry import Code, Reject, Stage
from stratus.errors import StrictError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from stratus.corpora.encoding.options import EncodeOptions
    from stratus.corpora.encoding.rows import ChunkResult
    from stratus.crystals.reading import Record


def default_work(options: EncodeOptions) -> Work:
    """Return the functions every run uses: stratus's reader, and its encoder where it is asked."""
    from stratus.crystals.reading import parse

    if options.scope is None:
        return Work(parse, _nothing, _nothing, options.read, None, options.keep)
    from stratus.scope.encode import search, write

    return Work(parse, search, write, options.read, options.scope, options.keep)


def _nothing(*_: object) -> None:
    """Return nothing, of crystals whose symmetry nobody asks for."""


def encoded(
    found: Iterable[Record | Reject],
    options: EncodeOptions,
    work: Work | None = None,
    skip: int = 0,
) -> Generator[ChunkResult, None, None]:
    """Yield what chunks of inputs came to.

    Args:
        found: the inputs, in order; they are taken as workers ask for them.
        options: how; ``engine`` is not looked at.
        work: other functions for parsing and encoding.
        skip: number of leading chunks that are passed over.

    Raises:
        stratus.errors.StratusError: a worker cannot start.
    """
    work = work or default_work(options)
    chunks = chunked(found, options.chunk_rows, skip)
    workers = options.workers if options.workers is not None else processors()
    if workers == 0:
        yield from run_here(chunks, work)
        return
    with WorkerPool(work, workers, options.timeout_s) as pool:
        yield from pool.run(chunks)


class Ids(Protocol):
    """Which ids are taken."""

    def claim(self, ids: Sequence[str], sources: Sequence[str]) -> Mapping[int, str]:
        """Take ids that are free; return the places of the others, with the sources of those."""


class Accepted(NamedTuple):
    """What is kept of a chunk.

    Attributes:
        batch: its rows, without those whose id is taken.
        rejects: all rejects in order, repeated ids among them.
        outcomes: how many crystals the chunk had.
    """

    batch: pa.RecordBatch
    rejects: list[Reject]
    outcomes: int


def accepted(results: Iterable[ChunkResult], ids: Ids, *, strict: bool) -> Iterator[Accepted]:
    """Yield the rows with a new id, and the rejects.

    Args:
        results: chunks in order.
        ids: those that are taken; those of the rows are added.
        strict: whether the first reject ends the run.

    Raises:
        stratus.errors.StrictError: there is a reject, and ``strict``.
    """
    for result in results:
        batch, rejects = _without_duplicates(result, ids)
        if rejects and strict:
            first = rejects[0]
            raise StrictError(f"{first.source or first.id}: {first.code}: {first.detail}")
        yield Accepted(batch, rejects, result.outcomes)


def _without_duplicates(result: ChunkResult, ids: Ids) -> tuple[pa.RecordBatch, list[Reject]]:
    batch = result.batch()
    rejects = list(result.rejects)
    if batch.num_rows:
        names, sources = batch.column("id").to_pylist(), batch.column("source").to_pylist()
        taken = ids.claim(names, sources)
        if taken:
            positions = batch.column("position").to_pylist()
            for place, owner in taken.items():
                first = owner or "an earlier input"
                detail = f"The id is taken by {first}, which came first; give this one another."
                duplicate = Reject(
                    names[place], sources[place], Stage.COLLECTING, Code.DUPLICATE_ID, detail
                )
                rejects.append((positions[place], duplicate))
            rejects.sort(key=lambda r: r[0])
            batch = batch.filter(pa.array([place not in taken for place in range(batch.num_rows)]))
    return batch.drop_columns(["position"]), [reject for _, reject in rejects]


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
