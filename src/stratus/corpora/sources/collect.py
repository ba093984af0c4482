"""From a source to a table of structures with its card; it can be stopped and gone on with."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, closing
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from stratus.corpora.cards.card import DataSource
from stratus.corpora.cards.files import card_path, describe, write_data_card
from stratus.corpora.encoding.fingerprint import require_same
from stratus.corpora.encoding.ids import IdIndex
from stratus.corpora.encoding.merge import count_codes, stored_metadata, write_rejects
from stratus.corpora.encoding.output_checks import check_place
from stratus.corpora.encoding.parts import PartStore, discard
from stratus.corpora.encoding.summary import Progress
from stratus.corpora.sources.source import SourceError
from stratus.corpora.sources.table import UNITS, stored_batch, write_structures
from stratus.crystals.entry import Code, Entry, Reject, Stage
from stratus.crystals.reading import ReadOptions, parse
from stratus.errors import InputError, StratusError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from stratus.corpora.sources.source import Source
    from stratus.crystals.reading import Record

TABLE: Final = "crystals"


class CollectOptions(BaseModel):
    """How a source is written down."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: ReadOptions = ReadOptions()
    max_rows: int | None = Field(None, ge=1, description="Crystals after which to stop.")
    resume: bool = Field(default=False, description="Go on where an interrupted run stopped.")
    part_rows: int = Field(2000, ge=1, description="Rows held in memory before they are stored.")
    part_seconds: float = Field(10.0, gt=0, description="Longest time before they are stored, s.")


class CollectSummary(BaseModel):
    """What came of a source.

    Attributes:
        table: the table of structures.
        rejects_file: the rejects.
        card: the card of the table.
        rows_in: crystals that the source sent; always ``rows_out`` plus all rejects.
        rows_out: rows of the table.
        rejects: number of rejects by code.
        resumed: how many of ``rows_in`` an earlier, interrupted run had.
        already_complete: the table was there, from a run with the same source and options.
        remarks: what is strange about the source, one sentence each.
        seconds: wall time of this run, in s.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    rejects_file: str
    card: str
    rows_in: int
    rows_out: int
    rejects: dict[str, int]
    resumed: int = 0
    already_complete: bool = False
    remarks: tuple[str, ...] = ()
    seconds: float = 0.0


def collect(
    source: Source,
    folder: str | os.PathLike[str],
    options: CollectOptions | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    made_by: str = "",
    table: str = TABLE,
) -> CollectSummary:
    """Write the crystals of a source to ``FOLDER/crystals.parquet``, in the source's order.

    Nothing is lost silently: each crystal that the source sends is a row of the table or of
    ``crystals.rejects.csv``. A repeated id is a reject, and the first row keeps it. The table
    depends on the source and the options alone: a run that was killed and resumed writes the
    same bytes.

    Args:
        source: where the crystals come from.
        folder: where the table goes; made if it is not there.
        options: how.
        on_progress: called after each page.
        made_by: what the card says about who made it.
        table: another name than ``crystals``, without ``.parquet``.

    Raises:
        stratus.errors.InputError: the folder cannot be used, parts are there already, or a table
            of that name that is from elsewhere.
        stratus.errors.ResumeError: ``resume`` was asked for and something has changed.
        stratus.errors.StratusError: the source or the disk failed; what is done is kept for
            ``resume``.
    """
    options = options or CollectOptions()
    started = time.monotonic()
    job = _Job(source, Path(folder) / f"{table}.parquet", options, made_by)
    finished = job.finished_before() if options.resume else None
    if finished is None:
        try:
            finished = job.run(on_progress or (lambda _: None))
        except SourceError as error:
            raise StratusError(f"{error}. {job.kept()}") from error
        except OSError as error:
            where = error.filename or job.table
            raise StratusError(
                f"The run stopped at {where}: {error.strerror or error}. {job.kept()}"
            ) from error
    return finished.model_copy(update={"seconds": time.monotonic() - started})


class _Job:
    def __init__(self, source: Source, table: Path, options: CollectOptions, made_by: str) -> None:
        self.source = source
        self.options = options
        self.made_by = made_by
        try:
            table.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{table.parent} cannot be made: {error.strerror}") from error
        self.table = table
        self.rejects = table.with_suffix(".rejects.csv")
        self.parts = table.with_name(f"{table.name}.parts")
        check_place(self.table)
        check_place(self.rejects)
        self.fingerprint = json.loads(
            json.dumps(
                {
                    "inputs": [{"kind": "source", "name": source.name, **source.identity()}],
                    "options": {
                        "read": options.read.model_dump(mode="json"),
                        "max_rows": options.max_rows,
                    },
                    "versions": {
                        "stratus": version("stratus-crystals"),
                        "pyarrow": pa.__version__,
                    },
                }
            )
        )

    def kept(self) -> str:
        """Return what to do after a failure."""
        if self.parts.exists():
            return f"What is done is kept in {self.parts}; go on with --resume"
        return "Nothing was done"

    def finished_before(self) -> CollectSummary | None:
        """Return the summary of a table that this very run has finished already."""
        if not self.table.exists():
            return None
        known = stored_metadata(self.table)
        if known is None or "remarks" not in known:
            return None
        if known["fingerprint"] != self.fingerprint and self.parts.exists():
            return None
        require_same(known["fingerprint"], self.fingerprint, self.table)
        if self.parts.exists():
            discard(self.parts)
        counts = {key: known[key] for key in ("rows_in", "rows_out", "rejects", "remarks")}
        return self._summary(**counts, resumed=known["rows_in"], already_complete=True)

    def run(self, on_progress: Callable[[Progress], None]) -> CollectSummary:
        options = self.options
        self._require_own_table()
        store = PartStore(
            self.parts,
            self.fingerprint,
            options.part_rows,
            options.part_seconds,
            resume=options.resume,
        )
        with closing(store), ExitStack() as stack:
            resumed = store.rows + store.rejects
            try:
                rows_in = resumed + self._fill(store, resumed, on_progress)
            except BaseException:
                store.flush()  # stopped with whole pages in hand
                if not store.parts:
                    stack.callback(store.remove)  # there is nothing to go on from
                raise
            return self._finish(store, rows_in, resumed)

    def _require_own_table(self) -> None:
        """Refuse to replace a table that took long to fetch by one of something else."""
        known = stored_metadata(self.table) if self.table.exists() else None
        inputs = known["fingerprint"]["inputs"] if known and "remarks" in known else None
        if self.table.exists() and inputs != self.fingerprint["inputs"]:
            raise InputError(
                f"{self.table} is there already and is from elsewhere; name another folder"
            )

    def _fill(self, store: PartStore, resumed: int, on_progress: Callable[[Progress], None]) -> int:
        """Store the pages that are not stored yet; return the number of their crystals."""
        count, limit = 0, self.options.max_rows
        rows, rejects = store.rows, store.rejects
        with closing(IdIndex(self.parts / "ids.sqlite")) as ids:
            for batch in store.stored_rows(["id", "origin"]):
                ids.claim(batch.column("id").to_pylist(), batch.column("origin").to_pylist())
            if limit is not None and resumed >= limit:
                return 0
            for page in self.source.pages(store.cursor):
                outcomes = list(_parsed(page.records, page.read or self.options.read))
                if limit is not None:
                    outcomes = outcomes[: limit - resumed - count]
                entries = [o for o in outcomes if isinstance(o, Entry)]
                refused = [o for o in outcomes if isinstance(o, Reject)]
                good, repeated = _first_of_each(entries, ids)
                refused += repeated
                store.add(stored_batch(good, page), refused, page.cursor)
                count += len(outcomes)
                rows, rejects = rows + len(good), rejects + len(refused)
                on_progress(
                    Progress(
                        rows_in=resumed + count,
                        rows_out=rows,
                        rejects=rejects,
                        resumed=resumed,
                        total=_less(page.total, limit),
                    )
                )
                if limit is not None and resumed + count >= limit:
                    break
        store.flush()
        return count

    def _finish(self, store: PartStore, rows_in: int, resumed: int) -> CollectSummary:
        codes = dict(sorted(count_codes(store).items()))
        if rows_in != store.rows + store.rejects or store.rejects != sum(codes.values()):
            raise StratusError(
                f"{rows_in} crystals came but {store.rows} rows and {store.rejects} rejects were "
                "stored; this is a fault of stratus: please report it"
            )
        limit = self.options.max_rows
        stopped = limit is not None and rows_in >= limit
        remarks = () if stopped else self.source.remarks(store.cursor)
        counts: dict[str, Any] = {"rows_in": rows_in, "rows_out": store.rows, "rejects": codes}
        write_rejects(store, self.rejects)
        databases = write_structures(
            store,
            self.table,
            {"fingerprint": self.fingerprint, "remarks": list(remarks), **counts},
        )
        sources = [
            DataSource(name=self.source.name, rows=rows, licence=licence, origin=database)
            for (database, licence), rows in databases.items()
        ]
        card = describe(
            [self.table],
            name=self.source.name,
            licence=" AND ".join(dict.fromkeys(s.licence for s in sources)) or "unknown",
            origin=self.source.origin,
            units=UNITS,
            sources=sources,
            made_by=self.made_by,
        )
        notes = (*remarks, *((f"{sum(codes.values())} crystals were rejected",) if codes else ()))
        write_data_card(card_path(self.table), card.model_copy(update={"notes": notes}))
        store.remove()
        return self._summary(**counts, remarks=remarks, resumed=resumed)

    def _summary(self, **counts: Any) -> CollectSummary:
        return CollectSummary(
            table=str(self.table),
            rejects_file=str(self.rejects),
            card=str(card_path(self.table)),
            **counts,
        )


def _parsed(records: Iterable[Record | Reject], options: ReadOptions) -> Iterable[Entry | Reject]:
    for record in records:
        if isinstance(record, Reject):
            yield record
        else:
            yield from parse(record, options)


def _first_of_each(entries: list[Entry], ids: IdIndex) -> tuple[list[Entry], list[Reject]]:
    """Return the entries with a new id, and a reject for each of the others."""
    taken = ids.claim([e.id for e in entries], [e.source for e in entries])
    good = [e for place, e in enumerate(entries) if place not in taken]
    repeated = [
        Reject(
            entries[place].id,
            entries[place].source,
            Stage.COLLECTING,
            Code.DUPLICATE_ID,
            f"The id is taken by {owner or 'an earlier one'}, which came first.",
        )
        for place, owner in taken.items()
    ]
    return good, repeated


def _less(total: int | None, limit: int | None) -> int | None:
    known = [count for count in (total, limit) if count is not None]
    return min(known) if known else None
