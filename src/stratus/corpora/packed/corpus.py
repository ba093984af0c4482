"""A packed corpus, opened: what a crystal has are views of memory-mapped files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from pydantic import ValidationError

from stratus.corpora.documents import read_text
from stratus.corpora.packed.column import PackedColumn
from stratus.corpora.packed.info import FORMAT, INFO_FILE, SPLITS, PackedInfo
from stratus.corpora.packed.shards import map_shard
from stratus.errors import InputError
from stratus.files.sealed import is_sealed
from stratus.files.sealed import verify as verify_sealed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt
    import pyarrow as pa

    from stratus.corpora.packed.column import Array, Column

Info = TypeVar("Info", bound=PackedInfo)


class PackedCorpus:
    """The crystals of one split.

    Args:
        columns: what each crystal has beside its id.
        batches: the rows, with the column ``id`` and these; no slices of other batches.
        chosen: which of the rows, ``[k]`` int64, in the order wanted; all if None.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        batches: Sequence[pa.RecordBatch],
        chosen: npt.NDArray[np.int64] | None = None,
    ) -> None:
        self.columns = tuple(columns)
        self._batches = batches
        self._ids = [rows.column("id") for rows in batches]
        self._packed = {
            column.name: [PackedColumn(column, rows.column(column.name)) for rows in batches]
            for column in self.columns
        }
        self._ends = np.cumsum([len(rows) for rows in batches], dtype=np.int64)
        self._chosen = chosen
        self._sizes: dict[str, npt.NDArray[np.int32]] = {}

    def subset(self, rows: npt.NDArray[np.int64]) -> PackedCorpus:
        """Return a corpus of some of the crystals.

        Args:
            rows: which, ``[k]`` int64, in the order in which the subset has them.

        Raises:
            IndexError: there is no such row.
        """
        list(self._find(rows[:0] if not len(rows) else [rows.min(), rows.max()]))
        chosen = rows if self._chosen is None else self._chosen[rows]
        return PackedCorpus(self.columns, self._batches, chosen)

    def __len__(self) -> int:
        """Return the number of crystals."""
        if self._chosen is not None:
            return len(self._chosen)
        return int(self._ends[-1]) if len(self._ends) else 0

    def sizes(self, column: str) -> npt.NDArray[np.int32]:
        """Return the entries of a column that each crystal has, ``[rows]``.

        Of a column of parts that is how many parts; of one of crystals 1, and 0 where it is absent.
        """
        if column not in self._sizes:
            shards = [packed.sizes() for packed in self._packed[column]]
            whole = np.concatenate([np.empty(0, dtype=np.int32), *shards])
            self._sizes[column] = whole if self._chosen is None else whole[self._chosen]
        return self._sizes[column]

    def take(self, rows: Sequence[int] | npt.NDArray[np.int64], column: str) -> list[Array]:
        """Return one column of some crystals, as read-only views of the file.

        Returns:
            for each crystal ``[n, *shape]`` of a column of parts or edges, ``[*shape]`` of one of
            crystals, ``[0, *shape]`` where it is absent.

        Raises:
            IndexError: there is no such row.
        """
        packed = self._packed[column]
        return [packed[shard].at(place) for shard, place in self._find(rows)]

    def samples(
        self,
        rows: Sequence[int] | npt.NDArray[np.int64],
        columns: Sequence[str] | None = None,
    ) -> list[dict[str, Array]]:
        """Return several columns of some crystals, by name; what a crystal lacks is not in it.

        Args:
            rows: which crystals.
            columns: names of the columns; all of them if None.

        Raises:
            IndexError: there is no such row.
        """
        found: list[dict[str, Array]] = [{} for _ in rows]
        where = list(self._find(rows))
        for column in self.columns:
            if columns is not None and column.name not in columns:
                continue
            name, packed, dimensions = column.name, self._packed[column.name], len(column.shape)
            for sample, (shard, place) in zip(found, where, strict=True):
                array = packed[shard].at(place)
                if not column.optional or array.ndim == dimensions or len(array):
                    sample[name] = array
        return found

    def id(self, row: int) -> str:
        """Return the id of a crystal.

        Raises:
            IndexError: there is no such row.
        """
        ((shard, place),) = self._find([row])
        return str(self._ids[shard][place].as_py())

    def _find(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
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
class PackedCorpora(Generic[Info]):
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
    info: Info


def open_packed(folder: Path, kind: type[Info], *, verify: bool = True) -> PackedCorpora[Info]:
    """Open a packed corpus; its files are memory-mapped, not read.

    Args:
        folder: the corpus.
        kind: what its ``corpus.json`` holds.
        verify: whether the SHA-256 of each file is compared with the manifest, and every offset
            looked at.

    Raises:
        stratus.files.sealed.SealError: a file is missing, changed or was added; the text names it.
        stratus.errors.InputError: the folder is no such corpus, or one of another version.
    """
    digests = _verified(folder) if verify else {}
    info = _read_info(folder, kind)
    for shard in info.shards:
        if digests and digests.get(shard.file) != shard.sha256:
            raise InputError(
                f"{folder / shard.file} is not the shard that {INFO_FILE} lists; copy it again"
            )
    splits = {
        name: PackedCorpus(
            info.columns,
            [
                map_shard(folder, shard, info.columns, verify=verify)
                for shard in info.shards
                if shard.split == name
            ],
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


def _read_info(folder: Path, kind: type[Info]) -> Info:
    path = folder / INFO_FILE
    holds = kind.model_fields["holds"].default
    if not is_sealed(folder) or not path.exists():
        raise InputError(f"{folder} is no whole corpus of {holds}; build it anew")
    try:
        content = json.loads(read_text(path))
        if not isinstance(content, dict):
            raise InputError(f"{path} is no object of JSON; build the corpus anew")
        content = kind.upgraded(content)
        _require(folder, "format", content.get("format"), FORMAT)
        if content.get("holds") != holds:
            raise InputError(f"{folder} is a corpus of {content.get('holds')}, not of {holds}")
        return kind.model_validate_json(json.dumps(content))
    except (ValidationError, ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} cannot be read ({reason}); build the corpus anew with this version"
        ) from None


def _require(folder: Path, what: str, found: object, expected: object) -> None:
    if found != expected:
        raise InputError(
            f"{folder} was written with {what} {found}, this version of stratus has {expected}; "
            "build the corpus anew from its source"
        )
