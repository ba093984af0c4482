"""What a token corpus says about itself."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from stratus.scope.vocabulary import Vocabulary

FORMAT: Final = 1
"""Version of the layout on disk; docs/reference/token-corpora.md."""

INFO_FILE: Final = "corpus.json"

Split = Literal["train", "validation", "test"]
SPLITS: Final[tuple[Split, ...]] = ("train", "validation", "test")


class Shard(BaseModel):
    """One Arrow file of a corpus.

    Attributes:
        file: its name in the folder.
        split: the split whose crystals it holds.
        rows: crystals.
        tokens: tokens of all of them.
        sha256: digest of the file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    split: Split
    rows: int
    tokens: int
    sha256: str


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


class CorpusInfo(BaseModel):
    """Where a corpus came from and what became of each row; ``corpus.json``.

    Attributes:
        format: version of the layout on disk.
        dialect: dialect of the strings; always ``orbit``.
        schema_version: version of the grammar and of the token ids.
        vocabulary_sha256: digest of the vocabulary whose ids these are.
        table: name of the table it was made from; of several, their names with `` + `` between.
        table_sha256: digest of that table; of several, of their digests, one a line.
        fractions: expected shares of train, validation and test.
        salt: what was hashed before each string to choose its split.
        max_tokens: longest string that was kept, in tokens.
        rows_in: rows of the table; always the kept ones, the duplicates and the too long together.
        duplicates: rows whose string an earlier row has.
        too_long: rows whose string has more than ``max_tokens`` tokens.
        rows: crystals in each split.
        shards: the files, in the order of their rows.
        parts: the tables, if there were several; the rows of a split stand in their order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    dialect: str
    schema_version: int
    vocabulary_sha256: str
    table: str
    table_sha256: str
    fractions: tuple[float, float, float]
    salt: str
    max_tokens: int
    rows_in: int
    duplicates: int
    too_long: int
    rows: dict[Split, int]
    shards: tuple[Shard, ...]
    parts: tuple[Part, ...] = ()

    @property
    def kept(self) -> int:
        """Crystals in all splits."""
        return sum(self.rows.values())


def vocabulary_sha256(vocabulary: Vocabulary) -> str:
    """Return a digest of the tokens, their order, their roles and the schema version."""
    table = [vocabulary.schema_version, list(vocabulary.tokens), [*map(str, vocabulary.roles)]]
    return hashlib.sha256(json.dumps(table, ensure_ascii=False).encode()).hexdigest()
