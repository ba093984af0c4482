"""What a packed corpus says about itself."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from stratus.corpora.packed.column import Column
from stratus.files.digest import sha256

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FORMAT: Final = 2
"""Version of the layout on disk; docs/reference/packed-corpora.md."""

INFO_FILE: Final = "corpus.json"

Split = Literal["train", "validation", "test"]
SPLITS: Final[tuple[Split, ...]] = ("train", "validation", "test")


class Shard(BaseModel):
    """One Arrow file of a corpus.

    Attributes:
        file: its name in the folder.
        split: the split whose crystals it holds.
        rows: crystals.
        sizes: entries of all of them, by the name of the column.
        sha256: digest of the file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    split: Split
    rows: int
    sizes: dict[str, int]
    sha256: str


class PackedInfo(BaseModel):
    """What every corpus says in ``corpus.json``; what a kind of corpus adds is in its own class.

    Attributes:
        format: version of the layout on disk.
        holds: the kind of corpus.
        columns: what each crystal has beside its id.
        rows: crystals in each split.
        shards: the files, in the order of their rows.
        table: name of the table it was made from; of several, their names with `` + `` between;
            empty where that is not known.
        table_sha256: digest of that table; of several, of their digests, one a line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    holds: str
    columns: tuple[Column, ...]
    rows: dict[Split, int]
    shards: tuple[Shard, ...]
    table: str = ""
    table_sha256: str = ""

    @model_validator(mode="after")
    def _columns_differ(self) -> PackedInfo:
        require_different(self.columns)
        return self

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    @property
    def kept(self) -> int:
        """Crystals in all splits."""
        return sum(self.rows.values())

    @classmethod
    def upgraded(cls, content: dict[str, Any]) -> dict[str, Any]:
        """Return what an older version wrote as this one does; here nothing is older."""
        return content


def require_different(columns: Sequence[Column]) -> None:
    """Refuse two columns of one name.

    Raises:
        ValueError: there are such, or one is called ``id``.
    """
    twice = [name for name, n in Counter(["id", *(c.name for c in columns)]).items() if n > 1]
    if twice:
        raise ValueError(f"two columns are called {twice[0]!r}")


def digest_of_tables(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of a table; of several, that of their digests, one a line."""
    digests = [sha256(path) for path in paths]
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
