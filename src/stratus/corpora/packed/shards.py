"""The files of a packed corpus: Arrow IPC, uncompressed, of one record batch each."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from stratus.corpora.packed.column import MOST_VALUES, PackedColumn, schema_of
from stratus.corpora.packed.info import INFO_FILE, SPLITS, Shard
from stratus.errors import InputError, StratusError
from stratus.files.digest import sha256
from stratus.files.plain import require_plain
from stratus.files.sealed import sealing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from stratus.corpora.packed.column import Column
    from stratus.corpora.packed.info import PackedInfo, Split


@contextmanager
def packing(folder: Path) -> Iterator[Path]:
    """Give a folder to write shards into; it becomes the corpus when the block ends well.

    Raises:
        stratus.files.sealed.SealError: ``folder`` is there already.
        StratusError: the folder cannot be written; nothing is left behind.
    """
    try:
        with sealing(folder) as draft:
            yield draft
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise StratusError(
            f"{folder} cannot be written: {reason}; nothing of it is left, mend the cause "
            "and repeat the command"
        ) from error


def write_info(draft: Path, info: PackedInfo) -> None:
    """Write what a corpus says about itself.

    Raises:
        OSError: the disk is full, or may not be written.
    """
    (draft / INFO_FILE).write_text(info.model_dump_json(indent=1) + "\n", encoding="utf-8")


def write_shards(
    batches: Iterable[tuple[pa.RecordBatch, npt.NDArray[np.integer]]],
    columns: tuple[Column, ...],
    folder: Path,
    *,
    most_rows: int,
    most_bytes: int | None = None,
) -> tuple[Shard, ...]:
    """Write rows as the shards of three splits.

    Args:
        batches: rows in stretches, with the number of the split of each; a row of another number
            is left out.
        columns: what they hold.
        folder: the draft of the corpus.
        most_rows: crystals in one file, at most.
        most_bytes: a file ends with the stretch that makes it as large as this; None: never.

    Returns:
        The shards, split after split.

    Raises:
        OSError: the disk is full, or may not be written.
    """
    writers = [_Writer(folder, name, columns, most_rows, most_bytes) for name in SPLITS]
    for rows, splits in batches:
        for k, writer in enumerate(writers):
            here = splits == k
            writer.add(rows if here.all() else rows.filter(pa.array(here)))
    return tuple(shard for writer in writers for shard in writer.finish())


class _Writer:
    """Collects the rows of one split and writes them."""

    def __init__(
        self,
        folder: Path,
        split: Split,
        columns: tuple[Column, ...],
        most_rows: int,
        most_bytes: int | None,
    ) -> None:
        self._folder = folder
        self._split = split
        self._columns = columns
        self._schema = schema_of(columns)
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self._held: list[pa.RecordBatch] = []
        self._count = 0
        self._bytes = 0
        self._shards: list[Shard] = []

    def add(self, rows: pa.RecordBatch) -> None:
        while self._count + len(rows) >= self._most_rows:
            room = self._most_rows - self._count
            self._held.append(rows.slice(0, room))
            self._write()
            rows = rows.slice(room)
        if len(rows):
            self._held.append(rows)
            self._count += len(rows)
            self._bytes += rows.nbytes
        if self._most_bytes is not None and self._bytes >= self._most_bytes:
            self._write()

    def finish(self) -> list[Shard]:
        if self._count:
            self._write()
        return self._shards

    def _write(self) -> None:
        rows = pa.Table.from_batches(self._held).combine_chunks()
        path = self._folder / f"{self._split}-{len(self._shards):05d}.arrow"
        with pa.ipc.new_file(path, self._schema) as writer:  # uncompressed: it is memory-mapped
            writer.write_table(rows)
        self._shards.append(
            Shard(
                file=path.name,
                split=self._split,
                rows=len(rows),
                sizes={c.name: _entries(rows.column(c.name), c) for c in self._columns},
                sha256=sha256(path),
            )
        )
        self._held, self._count, self._bytes = [], 0, 0


def _entries(array: pa.ChunkedArray, column: Column) -> int:
    if not column.ragged:
        return int(len(array) - array.null_count)
    found: int = sum(int(chunk.offsets[-1].as_py()) for chunk in array.chunks)
    if found > MOST_VALUES:
        raise InputError(f"a shard has {found} entries of {column.name!r}; let shards be smaller")
    return found


def map_shard(
    folder: Path, shard: Shard, columns: tuple[Column, ...], *, verify: bool
) -> pa.RecordBatch:
    """Return the rows of a shard; the file is memory-mapped, not read.

    Args:
        folder: the corpus.
        shard: the shard.
        columns: what it holds.
        verify: whether every offset is looked at; one that leads out of the file would end the
            process.

    Raises:
        InputError: the file is no such shard, or it is damaged; the text names it.
    """
    path = folder / shard.file
    try:
        if path.parent != folder:
            raise InputError(f"{folder / INFO_FILE} lists {shard.file!r}, which is no file name")
        require_plain(path)
        with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
            if reader.schema != schema_of(columns) or reader.num_record_batches != 1:
                raise InputError(f"{path} is no shard of this corpus; build the corpus anew")
            rows = reader.get_batch(0)
        if verify:
            rows.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read ({reason}); copy the corpus again") from None
    if len(rows) != shard.rows:
        raise InputError(
            f"{path} has {len(rows)} rows instead of {shard.rows}; copy the corpus again"
        )
    if verify:
        _require_whole(path, rows, columns)
    return rows


def _require_whole(path: Path, rows: pa.RecordBatch, columns: tuple[Column, ...]) -> None:
    """Refuse a crystal that lacks a column, or whose columns have different numbers of parts."""
    for column in columns:
        array = rows.column(column.name)
        missing = array.values.null_count if column.ragged else 0
        if missing or (array.null_count and (column.ragged or not column.optional)):
            raise InputError(f"{path} lacks numbers of {column.name!r}; build the corpus anew")
    for of in ("part", "edge"):
        ragged = [column for column in columns if column.of == of]
        sizes = [PackedColumn(column, rows.column(column.name)).sizes() for column in ragged]
        most = np.max(sizes, axis=0, initial=0) if sizes else None
        for column, here in zip(ragged, sizes, strict=True):
            wrong = np.flatnonzero((here != most) & ((here > 0) | (not column.optional)))
            if len(wrong):
                raise InputError(
                    f"{path} has {here[wrong[0]]} entries of {column.name!r} for a crystal with "
                    f"another number of {of}s (row {wrong[0]}); build the corpus anew"
                )
