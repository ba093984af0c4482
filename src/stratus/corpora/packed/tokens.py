"""A packed corpus of token ids, made from a table of SCOPE strings."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from stratus.corpora.packed.column import schema_of
from stratus.corpora.packed.corpus import PackedCorpora, open_packed
from stratus.corpora.packed.info import (
    FORMAT,
    SPLITS,
    PackedInfo,
    Split,
    digest_of_tables,
)
from stratus.corpora.packed.shards import packing, write_info, write_shards
from stratus.corpora.packed.splitting import DUPLICATE, TOO_LONG, check_fractions, fate_of_rows
from stratus.corpora.packed.table import DIALECT, open_tables
from stratus.corpora.packed.token_column import TOKEN_COLUMN, TOKENS
from stratus.errors import InputError
from stratus.files.digest import sha256
from stratus.scope.vocabulary import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from stratus.corpora.packed.table import ScopeTables
    from stratus.scope.vocabulary import Vocabulary


class Part(BaseModel):
    """One of several tables that a corpus was made from.

    Attributes:
        table: its name.
        table_sha256: its digest.
        rows_in: its rows.
        train: crystals of the training split that it was the first to have.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    table_sha256: str
    rows_in: int
    train: int


class TokenInfo(PackedInfo):
    """Where a corpus of tokens came from and what became of each row.

    Attributes:
        dialect: dialect of the strings; always ``orbit``.
        schema_version: version of the grammar and of the token ids.
        vocabulary_sha256: digest of the vocabulary whose ids these are.
        fractions: expected shares of train, validation and test.
        salt: what was hashed before each string to choose its split.
        max_tokens: longest string that was kept, in tokens.
        rows_in: rows of the table; always the kept ones, the duplicates and the too long together.
        duplicates: rows whose string an earlier row has.
        too_long: rows whose string has more than ``max_tokens`` tokens.
        parts: the tables, if there were several; the rows of a split stand in their order.
    """

    holds: Literal["tokens"] = "tokens"
    dialect: str
    schema_version: int
    vocabulary_sha256: str
    fractions: tuple[float, float, float]
    salt: str
    max_tokens: int
    rows_in: int
    duplicates: int
    too_long: int
    parts: tuple[Part, ...] = ()

    @classmethod
    def upgraded(cls, content: dict[str, Any]) -> dict[str, Any]:
        """Return the content of format 1, which had tokens alone, as format 2 has it."""
        if content.get("format") != 1 or "columns" in content:
            return content
        shards = [
            {**{k: v for k, v in shard.items() if k != TOKENS}, "sizes": {TOKENS: shard[TOKENS]}}
            for shard in content.get("shards", [])
            if isinstance(shard, dict) and TOKENS in shard
        ]
        columns = [TOKEN_COLUMN.model_dump(mode="json")]
        return {**content, "format": 2, "holds": "tokens", "columns": columns, "shards": shards}


def build_tokens(
    table: Path | Sequence[Path],
    folder: Path,
    *,
    fractions: tuple[float, float, float] = (0.9, 0.05, 0.05),
    salt: str = "",
    max_tokens: int = 510,
    shard_rows: int = 1_000_000,
) -> PackedCorpora[TokenInfo]:
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
        with packing(folder) as draft:
            info = TokenInfo(
                format=FORMAT,
                columns=(TOKEN_COLUMN,),
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
                shards=write_shards(
                    _batches(rows, fates), (TOKEN_COLUMN,), draft, most_rows=shard_rows
                ),
                parts=_parts(rows, fates) if len(paths) > 1 else (),
            )
            write_info(draft, info)
    return open_tokens(folder, verify=False)


def open_tokens(folder: Path, *, verify: bool = True) -> PackedCorpora[TokenInfo]:
    """Open a corpus of tokens; its files are memory-mapped, not read.

    Args:
        folder: what :func:`build_tokens` wrote.
        verify: whether the SHA-256 of each file is compared with the manifest.

    Raises:
        stratus.files.sealed.SealError: a file is missing, changed or was added; the text names it.
        stratus.errors.InputError: the folder is no token corpus, or one of other token ids.
    """
    corpora = open_packed(folder, TokenInfo, verify=verify)
    ours, info = vocabulary(), corpora.info
    for what, theirs, expected in (
        ("columns", info.columns, (TOKEN_COLUMN,)),
        ("schema version", info.schema_version, ours.schema_version),
        ("vocabulary", info.vocabulary_sha256, vocabulary_sha256(ours)),
    ):
        if theirs != expected:
            raise InputError(
                f"{folder} was written with {what} {theirs}, this version of stratus has "
                f"{expected}; build the corpus anew from its table"
            )
    return corpora


def vocabulary_sha256(vocabulary: Vocabulary) -> str:
    """Return a digest of the tokens, their order, their roles and the schema version."""
    table = [vocabulary.schema_version, list(vocabulary.tokens), [*map(str, vocabulary.roles)]]
    return hashlib.sha256(json.dumps(table, ensure_ascii=False).encode()).hexdigest()


def digest_of_words() -> str:
    """Return the SHA-256 of the words whose ids a corpus that is made now holds."""
    return vocabulary().sha256


def _batches(
    table: ScopeTables, fates: npt.NDArray[np.int8]
) -> Iterator[tuple[pa.RecordBatch, npt.NDArray[np.int8]]]:
    schema = schema_of((TOKEN_COLUMN,))
    at = 0
    for ids, tokens in table.tokens(vocabulary()):
        yield pa.record_batch([ids, tokens], schema=schema), fates[at : at + len(ids)]
        at += len(ids)


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
