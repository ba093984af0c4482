"""A chunk of inputs, and how a worker turns each of its crystals into a row or a reject."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from stratus.corpora.encoding.rows import STRINGS_ALONE, ChunkResult, ChunkRows
from stratus.crystals.entry import Code, Entry, Reject, Stage
from stratus.crystals.reading.table_rows import TableSlice
from stratus.errors import StratusError, SymmetryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from stratus.crystals.facets import Facet
    from stratus.crystals.reading.record import ReadOptions, Record
    from stratus.scope import ScopeOptions

READING, READING_ON, SEARCHING, WRITING = 0, 1, 2, 3
"""What a worker was doing with a crystal; READING_ON: behind the first of a single table row."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some inputs in their order.

    Attributes:
        index: its number among the chunks of the run, from 0.
        items: records to parse, and inputs that were rejected before that.
    """

    index: int
    items: tuple[Record | Reject, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """The functions of a worker and their options; importable by other processes.

    Attributes:
        parse: from a record to its crystals.
        search: from a crystal to its symmetry.
        write: from a crystal and its symmetry to its SCOPE.
        read: how to parse.
        scope: how to search and write.
        keep: the facets of a crystal that are kept; without strings nothing is searched or written.
        says_arrays: whether notes name the arrays of atoms, for which a table has no columns.
    """

    parse: Callable[[Record, ReadOptions], Iterable[Entry | Reject]]
    search: Callable[[Entry, ScopeOptions], Any]
    write: Callable[[Entry, Any, ScopeOptions], Any]
    read: ReadOptions
    scope: ScopeOptions | None
    keep: tuple[Facet, ...] = STRINGS_ALONE
    says_arrays: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """A crystal that must not be tried again.

    Attributes:
        phase: READING, READING_ON, SEARCHING or WRITING, what was going on when it stopped.
        code: timeout or crashed.
        detail: one sentence.
    """

    phase: int
    code: Code
    detail: str


Stops = dict[tuple[int, int], Stop]
"""Stops of one chunk, by index of the item and of its outcome."""


def chunked(items: Iterable[Record | Reject], rows: int, skip: int = 0) -> Iterator[Chunk]:
    """Cut a stream of inputs into chunks of at least ``rows`` crystals.

    Where the cuts fall depends on the stream and ``rows`` alone, so a resumed run cuts alike.

    Args:
        items: the inputs in order.
        rows: crystals a chunk is filled up to; slices of tables are cut to it.
        skip: number of leading chunks that are passed over.
    """
    index, held = 0, 0
    gathered: list[Record | Reject] = []
    for item in items:
        for piece in [item] if isinstance(item, Reject) else cut(item, rows):
            gathered.append(piece)
            held += 1 if isinstance(piece, Reject) else max(1, piece.rows)
            if held >= rows:
                if index >= skip:
                    yield Chunk(index, tuple(gathered))
                index, held, gathered = index + 1, 0, []
    if gathered and index >= skip:
        yield Chunk(index, tuple(gathered))


def encode_chunk(
    chunk: Chunk,
    work: Work,
    stops: Mapping[tuple[int, int], Stop],
    publish: Callable[[int, int, int], None],
) -> ChunkResult:
    """Turn every crystal of a chunk into a row or a reject.

    All are searched before the first is written: the processor is faster when it stays at one task.

    Args:
        chunk: the inputs.
        work: how they are parsed and encoded.
        stops: crystals that are rejected untried, because they hung or crashed before.
        publish: called with item, outcome and phase before each step.
    """
    outcomes: list[Reject | _Found] = []
    per_item: list[int] = []
    for index, item in enumerate(chunk.items):
        before = len(outcomes)
        if isinstance(item, Reject):
            outcomes.append(item)
        else:
            _Item(index, work, stops, publish, outcomes).search(item)
        per_item.append(len(outcomes) - before)
    rows = ChunkRows(work.says_arrays, work.keep)
    for outcome in outcomes:
        if isinstance(outcome, Reject):
            rows.reject(outcome)
            continue
        publish(outcome.item, outcome.outcome, WRITING)
        scope = _tried(outcome.entry, work.write, outcome.entry, outcome.symmetry, work.scope)
        if isinstance(scope, Reject):
            rows.reject(scope)
        else:
            rows.accept(outcome.entry, scope)
    return rows.result(per_item)


class _Found(NamedTuple):
    """A crystal whose symmetry is known, and which outcome of which item it is."""

    item: int
    outcome: int
    entry: Entry
    symmetry: Any


@dataclass(frozen=True, slots=True)
class _Item:
    """One record on its way through :func:`encode_chunk`."""

    index: int
    work: Work
    stops: Mapping[tuple[int, int], Stop]
    publish: Callable[[int, int, int], None]
    outcomes: list[Reject | _Found]

    def search(self, record: Record) -> None:
        """Account for every crystal of the record."""
        first = len(self.outcomes)
        stopped = any(i == self.index and s.phase < SEARCHING for (i, _), s in self.stops.items())
        try:
            if stopped and record.rows > 1:
                self._row_by_row(record)
            else:
                self._stream(record, 0)
        except _CannotReadOnError:
            del self.outcomes[first:]
            self._row_by_row(record)
        seen = len(self.outcomes) - first
        if record.rows == 1 and not seen:
            detail = "The input held no crystal; remove it or check that it is complete."
            reject = Reject(record.id, record.source, Stage.READING, Code.UNREADABLE, detail)
            self.outcomes.append(reject)
        elif seen < record.rows:
            raise StratusError(
                f"{record.source} was announced with {record.rows} crystals but {seen} came out; "
                "this is a fault of stratus: please report it with the input"
            )

    def _row_by_row(self, record: Record) -> None:
        first = len(self.outcomes)
        for single in cut(record, 1):
            self._stream(single, len(self.outcomes) - first, alone=True)

    def _stream(self, record: Record, seen: int, *, alone: bool = False) -> None:
        """Take the outcomes of one record.

        Args:
            record: the record, or one row of it.
            seen: outcomes the record gave before this one of its rows.
            alone: what goes wrong costs what is left of this record.

        Raises:
            _CannotReadOnError: reading failed in the middle of a table slice.
        """
        before = seen
        stream = iter(self.work.parse(record, self.work.read))
        while True:
            stop = self.stops.get((self.index, seen))
            phase = READING_ON if alone and seen > before else READING
            if stop is not None and stop.phase == phase:
                self._give_up(record, seen - before, stop.code, stop.detail)
                return
            self.publish(self.index, seen, phase)
            try:
                outcome = next(stream, None)
            except Exception as error:
                if record.rows > 1 and not alone:
                    raise _CannotReadOnError from error
                self._give_up(record, seen - before, Code.CRASHED, _unexpected("reading", error))
                return
            if outcome is None:
                return
            if isinstance(outcome, Reject):
                self.outcomes.append(outcome)
            elif stop is not None and stop.phase >= SEARCHING:
                reject = _rejected(outcome, stop.code, stop.detail)
                self.outcomes.append(reject)
            else:
                self.publish(self.index, seen, SEARCHING)
                found = _tried(outcome, self.work.search, outcome, self.work.scope)
                if not isinstance(found, Reject):
                    found = _Found(self.index, seen, outcome, found)
                self.outcomes.append(found)
            seen += 1

    def _give_up(self, record: Record, seen: int, code: Code, detail: str) -> None:
        """Reject the crystal that cannot be read, and what is known to stand behind it."""
        several = record.rows > 1 or seen > 0
        for place in range(seen, max(seen + 1, record.rows)):
            behind = (
                f" It stands behind crystal {seen}, where reading stopped." if place > seen else ""
            )
            name = f"{record.id}:{place}" if several else record.id
            source = f"{record.source}, crystal {place}" if several else record.source
            self.outcomes.append(Reject(name, source, Stage.READING, code, detail + behind))


class _CannotReadOnError(Exception):
    """Reading a table slice failed; what it holds can still be read row by row."""


def _tried(entry: Entry, step: Callable[..., Any], *given: Any) -> Any:
    """Return what a step of the encoding gives, or the reject of the crystal where it fails."""
    try:
        return step(*given)
    except SymmetryError as error:
        code, detail = Code.SYMMETRY_FAILED, str(error)
    except Exception as error:  # noqa: BLE001 - becomes a reject with its reason
        code, detail = Code.CRASHED, _unexpected("encoding", error)
    return _rejected(entry, code, detail)


def _rejected(entry: Entry, code: Code, detail: str) -> Reject:
    return Reject(entry.id, entry.source, Stage.SYMMETRY, code, detail, entry.labels)


def _unexpected(doing: str, error: Exception) -> str:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return f"Unexpected error while {doing}: {reason}. Please report it with the input."


def cut(record: Record, rows: int) -> list[Record]:
    """Return a table slice as slices of at most ``rows`` rows; other records as they are."""
    whole = record.payload
    if not isinstance(whole, TableSlice) or record.rows <= rows:
        return [record]
    pieces = []
    for start in range(0, record.rows, rows):
        batch = whole.batch.slice(start, rows)
        first = whole.first_row + start
        last = first + batch.num_rows - 1
        place = f"{whole.table}:{first}" if rows == 1 else f"{whole.table}:{first}-{last}"
        payload = replace(whole, batch=batch, first_row=first)
        pieces.append(replace(record, payload=payload, source=place, rows=batch.num_rows))
    return pieces
