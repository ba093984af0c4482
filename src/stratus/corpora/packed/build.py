"""A table of SCOPE strings to a token corpus."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from stratus.corpora.packed.corpus import SHARD_SCHEMA, PackedCorpora, open_tokens
from stratus.corpora.packed.info import (
    FORMAT,
    INFO_FILE,
    SPLITS,
    CorpusInfo,
    Part,
    Shard,
    Split,
    vocabulary_sha256,
)
from stratus.corpora.packed.splitting import DUPLICATE, TOO_LONG, check_fractions, fate_of_rows
from stratus.corpora.packed.table import DIALECT, ScopeTables, open_tables
from stratus.errors import InputError, StratusError
from stratus.files.digest import sha256
from stratus.files.sealed import sealing
from stratus.scope.vocabulary import vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence


def build_tokens(
    table: Path | Sequence[Path],
    folder: Path,
    *,
    fractions: tuple[float, float, float] = (0.9, 0.05, 0.05),
    salt: str = "",
    max_tokens: int = 510,
    shard_rows: int = 1_000_000,
) -> PackedCorpora:
    """Turn the Parquet of ``stratus encode`` into a token corpus on disk, and open it.

    Rows with the same string are one crystal: the first is kept. The split of a crystal is decided
    by a hash of salt and string alone. The table is read twice in stretches; what is held is about
    45 bytes a row, and one shard of each split.

    Args:
        table: the Parquet, with the columns ``id``, ``scope`` and ``dialect``; or several, whose
            rows then stand one table after another: a string of several is of the first of them.
        folder: the corpus to be; nothing is there before it is whole.
        fractions: expected shares of train, validation and test; 0 leaves one out.
        salt: any text; another one gives another split.
        max_tokens: strings with more tokens are left out and counted.
        shard_rows: crystals in one file, at most.

    Returns:
        The corpus; its ``info`` has the counts.

    Raises:
        stratus.errors.InputError: the table or an argument cannot be used.
        stratus.files.sealed.SealError: ``folder`` is there already.
        stratus.errors.StratusError: the folder cannot be written; nothing is left behind.
    """
    check_fractions(fractions)
    for name, number in (("max_tokens", max_tokens), ("shard_rows", shard_rows)):
        if number < 1:
            raise InputError(f"{name} is {number}; it must be 1 or more")
    paths = [table] if isinstance(table, Path) else list(table)
    name = " + ".join(path.name for path in paths)
    with open_tables(paths) as rows:
        fates = fate_of_rows(rows, fractions, salt, max_tokens)
        counts = _counts(name, fates, fractions)
        try:
            with sealing(folder) as draft:
                info = CorpusInfo(
                    format=FORMAT,
                    dialect=DIALECT,
                    schema_version=vocabulary().schema_version,
                    vocabulary_sha256=vocabulary_sha256(vocabulary()),
                    table=name,
                    table_sha256=digest_of_tables(paths),
                    fractions=fractions,
                    salt=salt,
                    max_tokens=max_tokens,
                    rows_in=len(fates),
                    duplicates=int(np.sum(fates == DUPLICATE)),
                    too_long=int(np.sum(fates == TOO_LONG)),
                    rows=counts,
                    shards=_write_shards(rows, fates, draft, shard_rows),
                    parts=_parts(rows, fates) if len(paths) > 1 else (),
                )
                text = info.model_dump_json(indent=1) + "\n"
                (draft / INFO_FILE).write_text(text, encoding="utf-8")
        except OSError as error:
            reason = error.strerror or " ".join(str(error).split())
            raise StratusError(
                f"{folder} cannot be written: {reason}; nothing of it is left, mend the cause "
                "and repeat the command"
            ) from error
    return open_tokens(folder, verify=False)


def digest_of_tables(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of a table; of several, that of their digests, one a line."""
    digests = [sha256(path) for path in paths]
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _parts(rows: ScopeTables, fates: np.ndarray) -> tuple[Part, ...]:
    """Count what each table has for training.

    Raises:
        InputError: one has nothing.
    """
    ends = np.cumsum([len(table) for table in rows.tables])
    parts = []
    for table, end in zip(rows.tables, ends.tolist(), strict=True):
        train = int(np.sum(fates[end - len(table) : end] == SPLITS.index("train")))
        if not train:
            raise InputError(
                f"{table.path} has no crystal for training that the tables before it lack; "
                "leave it out"
            )
        part = Part(
            table=table.path.name,
            table_sha256=sha256(table.path),
            rows_in=len(table),
            train=train,
        )
        parts.append(part)
    return tuple(parts)


def _counts(
    table: str, fates: np.ndarray, fractions: tuple[float, float, float]
) -> dict[Split, int]:
    """Count the crystals of each split.

    Raises:
        InputError: a split that should have some has none.
    """
    counts = {name: int(np.sum(fates == k)) for k, name in enumerate(SPLITS)}
    for name, fraction in zip(SPLITS, fractions, strict=True):
        if fraction and not counts[name]:
            raise InputError(
                f"the split {name!r} of {table} is empty: it has a share of {fraction:g} of "
                f"{sum(counts.values())} different crystals; give more crystals, "
                "other fractions or another salt"
            )
    return counts


def _write_shards(
    table: ScopeTables, fates: np.ndarray, folder: Path, shard_rows: int
) -> tuple[Shard, ...]:
    writers = [_ShardWriter(folder, name, shard_rows) for name in SPLITS]
    at = 0
    for ids, tokens in table.tokens(vocabulary()):
        rows = pa.record_batch([ids, tokens], schema=SHARD_SCHEMA)
        here = fates[at : at + len(rows)]
        for k, writer in enumerate(writers):
            writer.add(rows.filter(pa.array(here == k)))
        at += len(rows)
    return tuple(shard for writer in writers for shard in writer.finish())


class _ShardWriter:
    """Collects the rows of one split and writes them as Arrow files of one record batch each."""

    def __init__(self, folder: Path, split: Split, shard_rows: int) -> None:
        self._folder = folder
        self._split = split
        self._shard_rows = shard_rows
        self._held: list[pa.RecordBatch] = []
        self._count = 0
        self._shards: list[Shard] = []

    def add(self, rows: pa.RecordBatch) -> None:
        while self._count + len(rows) >= self._shard_rows:
            room = self._shard_rows - self._count
            self._held.append(rows.slice(0, room))
            self._write()
            rows = rows.slice(room)
        if len(rows):
            self._held.append(rows)
            self._count += len(rows)

    def finish(self) -> list[Shard]:
        if self._count:
            self._write()
        return self._shards

    def _write(self) -> None:
        rows = pa.Table.from_batches(self._held).combine_chunks()
        path = self._folder / f"{self._split}-{len(self._shards):05d}.arrow"
        with pa.ipc.new_file(path, SHARD_SCHEMA) as writer:  # uncompressed: it is memory-mapped
            writer.write_table(rows)
        self._shards.append(
            Shard(
                file=path.name,
                split=self._split,
                rows=len(rows),
                tokens=len(rows.column("tokens").chunk(0).flatten()),
                sha256=sha256(path),
            )
        )
        self._held, self._count = [], 0
