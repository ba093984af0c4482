"""The finished part of a run on disk: whole chunks in numbered files, and a journal of them.

``OUT.parts/journal.json`` holds the fingerprint of the run and the list of the parts with their
sha256. A part counts when the journal names it; the journal is replaced only after its files are
on disk. So at any moment the folder describes some leading chunks of the run, and nothing else.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from stratus.corpora.encoding.fingerprint import require_same
from stratus.corpora.encoding.rows import reject_table
from stratus.errors import InputError, ResumeError
from stratus.files.digest import sha256
from stratus.files.plain import read_plain_text
from stratus.files.whole import whole_file, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stratus.crystals.entry import Reject

JOURNAL = "journal.json"
LOCK = "lock.sqlite"
_BATCH_ROWS = 8192
_MOST_JOURNAL = 256 << 20


class Part(BaseModel):
    """One stored stretch of the run; a file it did not need has no sha256.

    ``cursor`` says where its source goes on after it, for a source that cannot be read again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    first_chunk: int
    chunks: int
    rows: int
    rejects: int
    rows_sha256: str | None
    rejects_sha256: str | None
    cursor: str | None = None


class Journal(BaseModel):
    """What is stored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: dict[str, Any]
    parts: tuple[Part, ...] = ()


class _Chunk(NamedTuple):
    number: int
    batch: pa.RecordBatch
    rejects: list[Reject]
    cursor: str | None


class PartStore:
    """The folder of parts of one output.

    Args:
        folder: where the parts are; made if ``resume`` is false.
        fingerprint: what the run depends on.
        part_rows: rows and rejects held in memory before they are stored.
        part_seconds: longest time before they are stored.
        resume: go on with the parts that are there.

    Raises:
        stratus.errors.InputError: parts are there and ``resume`` is false, or another run is at it.
        stratus.errors.ResumeError: the parts belong to another run or are damaged.
    """

    def __init__(
        self,
        folder: Path,
        fingerprint: dict[str, Any],
        part_rows: int,
        part_seconds: float,
        *,
        resume: bool,
    ) -> None:
        self.folder = folder
        self._part_rows = part_rows
        self._part_seconds = part_seconds
        if resume and folder.is_dir():
            self._lock = _lock(folder)
            try:
                self._journal = _stored(folder, fingerprint)
            except BaseException:
                self._lock.close()
                raise
        else:
            _make(folder)
            self._lock = _lock(folder)
            self._journal = Journal(fingerprint=fingerprint)
            self._write_journal(())
        self._held: list[_Chunk] = []
        self._types: dict[str, pa.DataType] = {}
        self._since = time.monotonic()

    @property
    def parts(self) -> tuple[Part, ...]:
        """The stored parts in order."""
        return self._journal.parts

    @property
    def chunks(self) -> int:
        """Number of leading chunks of the run that are stored."""
        return self.parts[-1].first_chunk + self.parts[-1].chunks if self.parts else 0

    @property
    def rows(self) -> int:
        """Number of rows stored."""
        return sum(p.rows for p in self.parts)

    @property
    def rejects(self) -> int:
        """Number of rejects stored."""
        return sum(p.rejects for p in self.parts)

    @property
    def cursor(self) -> str | None:
        """Where the source goes on after the stored chunks, if they came with cursors."""
        return self.parts[-1].cursor if self.parts else None

    def add(self, batch: pa.RecordBatch, rejects: list[Reject], cursor: str | None = None) -> None:
        """Take the next chunk of the run; store what is held when it is time.

        Args:
            batch: its rows.
            rejects: its rejects.
            cursor: where the source goes on after it.
        """
        if not self._fits(batch.schema):
            self.flush()
        if batch.num_rows:
            self._types.update(
                {f.name: f.type for f in batch.schema if not pa.types.is_null(f.type)}
            )
        number = self._held[-1].number + 1 if self._held else self.chunks
        # one step, so that a signal finds a chunk whole or not
        self._held.append(_Chunk(number, batch, rejects, cursor))
        held = sum(chunk.batch.num_rows + len(chunk.rejects) for chunk in self._held)
        if held >= self._part_rows or time.monotonic() - self._since >= self._part_seconds:
            self.flush()

    def _fits(self, schema: pa.Schema) -> bool:
        """Whether a chunk's columns have the types held; a part depends on its chunks alone."""
        return all(
            pa.types.is_null(f.type) or self._types.get(f.name, f.type) == f.type for f in schema
        )

    def flush(self) -> None:
        """Store what is held in memory.

        It is forgotten only when the journal names it: a signal at any moment leaves a store that
        can be flushed again, and holds no chunk twice.
        """
        self._since = time.monotonic()
        held = [chunk for chunk in self._held if chunk.number >= self.chunks]
        if held:
            self._write_journal((*self.parts, self._write_part(held)))
        self._held, self._types = [], {}

    def schemas(self) -> Iterator[pa.Schema]:
        """Yield the schema of each part that has rows."""
        for part in self.parts:
            if part.rows:
                yield pq.read_schema(self.folder / f"{part.name}.parquet")

    def stored_rows(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the stored rows in order, in small batches."""
        for part in self.parts:
            if part.rows:
                yield from _batches(self.folder / f"{part.name}.parquet", columns)

    def stored_rejects(self) -> Iterator[pa.RecordBatch]:
        """Yield the stored rejects in order, in small batches."""
        for part in self.parts:
            if part.rejects:
                yield from _batches(self.folder / f"{part.name}.rejects.parquet", None)

    def close(self) -> None:
        """Let another run have the folder."""
        self._lock.close()

    def remove(self) -> None:
        """Delete the folder."""
        self.close()
        shutil.rmtree(self.folder)

    def _write_part(self, held: list[_Chunk]) -> Part:
        name = f"part-{len(self.parts):06d}"
        tables = [pa.Table.from_batches([chunk.batch]) for chunk in held if chunk.batch.num_rows]
        rejects = [reject for chunk in held for reject in chunk.rejects]
        rows_sha256 = rejects_sha256 = None
        if tables:
            table = pa.concat_tables(tables, promote_options="default")
            rows_sha256 = self._write(f"{name}.parquet", table)
        if rejects:
            rejects_sha256 = self._write(f"{name}.rejects.parquet", reject_table(rejects))
        return Part(
            name=name,
            first_chunk=self.chunks,
            chunks=len(held),
            rows=sum(table.num_rows for table in tables),
            rejects=len(rejects),
            rows_sha256=rows_sha256,
            rejects_sha256=rejects_sha256,
            cursor=held[-1].cursor,
        )

    def _write(self, name: str, table: pa.Table) -> str:
        path = self.folder / name
        with whole_file(path) as temporary:
            pq.write_table(table, temporary, compression="zstd", row_group_size=_BATCH_ROWS)
        return sha256(path)

    def _write_journal(self, parts: tuple[Part, ...]) -> None:
        journal = Journal(fingerprint=self._journal.fingerprint, parts=parts)
        write_whole(self.folder / JOURNAL, journal.model_dump_json())
        self._journal = journal


def discard(folder: Path) -> None:
    """Delete a folder of parts in whatever state, unless a run is writing it."""
    _lock(folder).close()
    shutil.rmtree(folder)


def _batches(path: Path, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=_BATCH_ROWS, columns=columns, use_threads=False)


def _make(folder: Path) -> None:
    try:
        folder.mkdir()
    except FileExistsError:
        if (folder / LOCK).is_file():
            _lock(folder).close()  # says so where a run is at it
        raise InputError(
            f"{folder} holds the parts of an interrupted run; go on with --resume (resume=True), "
            "or delete it to start anew"
        ) from None
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}") from error


def _lock(folder: Path) -> sqlite3.Connection:
    """Hold the folder for this process; the system frees it however the process ends."""
    connection = sqlite3.connect(
        folder / LOCK, timeout=0, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        connection.close()
        raise InputError(
            f"another run is writing {folder} ({error}); wait until it has ended, or name another "
            "output"
        ) from error
    return connection


def _stored(folder: Path, fingerprint: dict[str, Any]) -> Journal:
    path = folder / JOURNAL
    if not path.exists():  # killed before the journal was begun
        return Journal(fingerprint=fingerprint)
    try:
        journal = Journal.model_validate_json(read_plain_text(path, _MOST_JOURNAL))
    except (ValidationError, InputError) as error:
        raise ResumeError(f"{path} is damaged; delete {folder} and start anew") from error
    require_same(journal.fingerprint, json.loads(json.dumps(fingerprint)), folder)
    for part in journal.parts:
        for name, digest in (
            (f"{part.name}.parquet", part.rows_sha256),
            (f"{part.name}.rejects.parquet", part.rejects_sha256),
        ):
            if digest is not None and (
                not (folder / name).exists() or sha256(folder / name) != digest
            ):
                raise ResumeError(
                    f"{folder / name} is missing or damaged; delete {folder} and start anew"
                )
    return journal
