"""A token corpus, opened: rows are views of memory-mapped files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
from pydantic import ValidationError

from stratus.corpora.documents import read_text
from stratus.corpora.packed.info import FORMAT, INFO_FILE, SPLITS, CorpusInfo, vocabulary_sha256
from stratus.errors import InputError
from stratus.files.plain import require_plain
from stratus.files.sealed import is_sealed
from stratus.files.sealed import verify as verify_sealed
from stratus.scope.vocabulary import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from stratus.corpora.packed.info import Shard

SHARD_SCHEMA: Final = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("tokens", pa.list_(pa.field("item", pa.uint16())), nullable=False),
    ]
)


class PackedCorpus:
    """The crystals of one split.

    Args:
        columns: the columns ``id`` and ``tokens`` of each shard, in order.
        chosen: which of their rows, ``[k]`` int64, in the order wanted; all if None.
    """

    def __init__(
        self,
        columns: Sequence[tuple[pa.StringArray, pa.ListArray]],
        chosen: np.ndarray | None = None,
    ) -> None:
        self._columns = columns
        self._ids = [ids for ids, _ in columns]
        self._values = [tokens.values.to_numpy() for _, tokens in columns]
        self._offsets = [tokens.offsets.to_numpy() for _, tokens in columns]
        self._ends = np.cumsum([len(ids) for ids in self._ids], dtype=np.int64)
        self._chosen = chosen

    def part(self, rows: np.ndarray) -> PackedCorpus:
        """Return a corpus of some of the crystals.

        Args:
            rows: which, ``[k]`` int64, in the order in which the part has them.

        Raises:
            IndexError: there is no such row.
        """
        self.take(rows[:0] if not len(rows) else [rows.min(), rows.max()])
        return PackedCorpus(self._columns, rows if self._chosen is None else self._chosen[rows])

    def __len__(self) -> int:
        """Return the number of crystals."""
        if self._chosen is not None:
            return len(self._chosen)
        return int(self._ends[-1]) if self._ids else 0

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each crystal, ``[rows]`` int32."""
        parts = [np.diff(offsets).astype(np.int32) for offsets in self._offsets]
        whole = np.concatenate([np.empty(0, dtype=np.int32), *parts])
        return whole if self._chosen is None else whole[self._chosen]

    def tokens(self, row: int) -> np.ndarray:
        """Return the token ids of one crystal, ``[n]`` uint16; a read-only view of the file.

        Raises:
            IndexError: there is no such row.
        """
        return self.take([row])[0]

    def take(self, rows: Sequence[int] | np.ndarray) -> list[np.ndarray]:
        """Return the token ids of some crystals, as :meth:`tokens` does."""
        found = []
        for shard, place in self._find(rows):
            offsets = self._offsets[shard]
            found.append(self._values[shard][offsets[place] : offsets[place + 1]])
        return found

    def id(self, row: int) -> str:
        """Return the id that the crystal had in the table; of duplicates that of the first.

        Raises:
            IndexError: there is no such row.
        """
        ((shard, place),) = self._find([row])
        return str(self._ids[shard][place].as_py())

    def _find(self, rows: Sequence[int] | np.ndarray) -> Iterator[tuple[int, int]]:
        """Return the shard of each row and its place there."""
        wanted = np.asarray(rows, dtype=np.int64)
        outside = wanted[(wanted < 0) | (wanted >= len(self))]
        if len(outside):
            raise IndexError(f"row {outside[0]} of a corpus of {len(self)}")
        if self._chosen is not None:
            wanted = self._chosen[wanted]
        shards = np.searchsorted(self._ends, wanted, side="right")
        places = wanted - np.concatenate([[0], self._ends])[shards]
        return zip(shards.tolist(), places.tolist(), strict=True)


@dataclass(frozen=True)
class PackedCorpora:
    """The three splits of a corpus.

    Attributes:
        train: what is learned from.
        validation: what training is watched on.
        test: what is looked at once, at the end.
        info: where the rows came from, and the counts.
    """

    train: PackedCorpus
    validation: PackedCorpus
    test: PackedCorpus
    info: CorpusInfo


def open_tokens(folder: Path, *, verify: bool = True) -> PackedCorpora:
    """Open a token corpus; its files are memory-mapped, not read.

    Args:
        folder: what :func:`stratus.corpora.build_tokens` wrote.
        verify: whether the SHA-256 of each file is compared with the manifest.

    Raises:
        stratus.files.sealed.SealError: a file is missing, changed or was added; the text names it.
        stratus.errors.InputError: the folder is no token corpus, or one of other token ids.
    """
    digests = _verified(folder) if verify else {}
    info = _read_info(folder)
    for shard in info.shards:
        if digests and digests.get(shard.file) != shard.sha256:
            raise InputError(
                f"{folder / shard.file} is not the shard that {INFO_FILE} lists; copy it again"
            )
    splits = {
        name: PackedCorpus(
            [_map(folder, shard, verify=verify) for shard in info.shards if shard.split == name]
        )
        for name in SPLITS
    }
    for name, corpus in splits.items():
        if len(corpus) != info.rows.get(name):
            raise InputError(
                f"{folder / INFO_FILE} says {info.rows.get(name)} rows of {name!r}, the shards "
                f"have {len(corpus)}; build the corpus anew"
            )
    return PackedCorpora(splits["train"], splits["validation"], splits["test"], info)


def _verified(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist or is no folder; check the path")
    return verify_sealed(folder)


def _read_info(folder: Path) -> CorpusInfo:
    path = folder / INFO_FILE
    if not is_sealed(folder) or not path.exists():
        raise InputError(f"{folder} is no whole token corpus; build it from a table")
    try:
        info = CorpusInfo.model_validate_json(read_text(path))
    except ValidationError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} cannot be read ({reason}); build the corpus anew with this version"
        ) from None
    ours = vocabulary()
    for what, theirs, expected in (
        ("format", info.format, FORMAT),
        ("schema version", info.schema_version, ours.schema_version),
        ("vocabulary", info.vocabulary_sha256, vocabulary_sha256(ours)),
    ):
        if theirs != expected:
            raise InputError(
                f"{folder} was written with {what} {theirs}, this version of stratus has "
                f"{expected}; build the corpus anew from its table"
            )
    return info


def _map(folder: Path, shard: Shard, *, verify: bool) -> tuple[pa.StringArray, pa.ListArray]:
    path = folder / shard.file
    try:
        if path.parent != folder:
            raise InputError(f"{folder / INFO_FILE} lists {shard.file!r}, which is no file name")
        require_plain(path)
        with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
            if reader.schema != SHARD_SCHEMA or reader.num_record_batches != 1:
                raise InputError(f"{path} is no shard of a token corpus; build the corpus anew")
            rows = reader.get_batch(0)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read ({reason}); copy the corpus again") from None
    if verify:
        _require_sound(path, rows)
    if len(rows) != shard.rows:
        raise InputError(
            f"{path} has {len(rows)} rows instead of {shard.rows}; copy the corpus again"
        )
    return rows.column("id"), rows.column("tokens")


def _require_sound(path: Path, rows: pa.RecordBatch) -> None:
    """Look at every offset, for one that leads out of the file would end the process."""
    try:
        rows.validate(full=True)
    except pa.ArrowException as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read ({reason}); copy the corpus again") from None
