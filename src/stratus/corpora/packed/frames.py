"""A packed corpus of frames: atoms with energies, forces and stress, by the ten million."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from math import gcd
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from stratus.corpora.digests import digests
from stratus.corpora.packed.column import Column
from stratus.corpora.packed.corpus import PackedCorpora, open_packed
from stratus.corpora.packed.frame_columns import FRAC, LABELS, LATTICE, NUMBERS, frame_batch
from stratus.corpora.packed.info import (
    FORMAT,
    SPLITS,
    PackedInfo,
    Split,
    digest_of_tables,
    require_different,
)
from stratus.corpora.packed.shards import packing, write_info, write_shards
from stratus.corpora.packed.splitting import check_fractions, split_of
from stratus.crystals.entry import Entry, Reject
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt
    import pyarrow as pa

STRETCH_FRAMES: Final = 8_192
STRETCH_ATOMS: Final = 262_144


class FrameOptions(BaseModel):
    """What is packed of each frame, and how frames are split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: tuple[Column, ...] = Field(
        LABELS,
        description="Columns of labels: of crystals as in `labels` of the entries, of parts as in "
        "`arrays`; float32 or float64. One that is not optional is refused where it is absent.",
    )
    frac_dtype: Literal["float32", "float64"] = Field(
        "float32",
        description="Of fractional coordinates; float32 rounds them to 6e-8 of the cell.",
    )
    fractions: tuple[float, float, float] = Field(
        (0.9, 0.05, 0.05), description="Expected shares of train, validation and test."
    )
    salt: str = Field("", description="Any text; another one gives another split.")
    key: str | None = Field(
        None,
        description="Label that names the material of a frame, such as `mp_id`; frames of one "
        "material are in one split. None: its reduced composition.",
    )
    block_frames: int | None = Field(
        None,
        ge=1,
        description="Split blocks of so many consecutive frames as a whole, instead of materials.",
    )
    shard_bytes: int = Field(
        64 << 20, ge=1, le=1 << 30, description="About how large a file becomes."
    )

    @model_validator(mode="after")
    def _labels_can_be_read(self) -> FrameOptions:
        for label in self.labels:
            if label.dtype not in {"float32", "float64"} or label.of == "edge":
                raise ValueError(
                    f"the label {label.name!r} is {label.dtype} of {label.of}s; labels of frames "
                    "are float32 or float64, of crystals or parts"
                )
        if self.key is not None and self.block_frames is not None:
            raise ValueError("frames are split by a key or in blocks, not both; give one of them")
        require_different(self.columns)
        return self

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns of the corpus."""
        frac = FRAC.model_copy(update={"dtype": self.frac_dtype})
        return (NUMBERS, frac, LATTICE, *self.labels)


class FrameInfo(PackedInfo):
    """Where a corpus of frames came from.

    Attributes:
        fractions: expected shares of train, validation and test.
        salt: what was hashed before each key to choose its split.
        key: the label that is the key; None: the reduced composition, or the block.
        block_frames: frames of a block, if blocks were split.
        rows_in: frames and rejects that came in; nothing else is left out: frames are never
            duplicates of each other, whatever their string.
        rejected: how many inputs were no frames, by the code of the reject.
        present: how many frames have each label.
    """

    holds: Literal["frames"] = "frames"
    fractions: tuple[float, float, float]
    salt: str
    key: str | None
    block_frames: int | None
    rows_in: int
    rejected: dict[str, int]
    present: dict[str, int]


def pack_frames(
    entries: Iterable[Entry | Reject],
    folder: Path,
    options: FrameOptions | None = None,
    *,
    on_reject: Callable[[Reject], object] | None = None,
    tables: Sequence[Path] = (),
) -> PackedCorpora[FrameInfo]:
    """Write frames as a packed corpus, and open it.

    Frames are read once, one after another; what is held is a stretch of them and one shard of
    each split, however many there are. The split of a frame is decided by a hash of salt and key.

    Args:
        entries: the frames; rejects among them are counted.
        folder: the corpus to be; nothing is there before it is whole.
        options: labels and split.
        on_reject: called with each reject.
        tables: the files that the frames are of, to be named with their digest.

    Returns:
        The corpus; its ``info`` has the counts.

    Raises:
        stratus.errors.InputError: a frame or an option cannot be used; the text names the frame.
        stratus.files.sealed.SealError: ``folder`` is there already.
        stratus.errors.StratusError: the folder cannot be written; nothing is left behind.
    """
    options = options or FrameOptions()
    check_fractions(options.fractions)
    with packing(folder) as draft:
        frames = _Frames(entries, options, on_reject)
        shards = write_shards(
            frames.batches(),
            options.columns,
            draft,
            most_rows=np.iinfo(np.int32).max,
            most_bytes=options.shard_bytes,
        )
        rows = {split: sum(s.rows for s in shards if s.split == split) for split in SPLITS}
        _check_rows(rows, options.fractions)
        info = FrameInfo(
            format=FORMAT,
            columns=options.columns,
            rows=rows,
            shards=shards,
            table=" + ".join(path.name for path in tables),
            table_sha256=digest_of_tables(tables) if tables else "",
            fractions=options.fractions,
            salt=options.salt,
            key=options.key,
            block_frames=options.block_frames,
            rows_in=sum(rows.values()) + frames.rejected.total(),
            rejected=dict(sorted(frames.rejected.items())),
            present={label.name: frames.present[label.name] for label in options.labels},
        )
        write_info(draft, info)
    return open_frames(folder, verify=False)


def open_frames(folder: Path, *, verify: bool = True) -> PackedCorpora[FrameInfo]:
    """Open a corpus of frames; its files are memory-mapped, not read.

    Args:
        folder: what :func:`pack_frames` wrote.
        verify: whether the SHA-256 of each file is compared with the manifest.

    Raises:
        stratus.files.sealed.SealError: a file is missing, changed or was added; the text names it.
        stratus.errors.InputError: the folder is no corpus of frames.
    """
    corpora = open_packed(folder, FrameInfo, verify=verify)
    lacking = {NUMBERS.name, FRAC.name, LATTICE.name}.difference(corpora.info.names)
    if lacking:
        raise InputError(f"{folder} has no column {min(lacking)!r}; pack the frames anew")
    return corpora


def _check_rows(rows: dict[Split, int], fractions: tuple[float, float, float]) -> None:
    """Refuse a split that should have frames and has none."""
    for name, fraction in zip(SPLITS, fractions, strict=True):
        if fraction and not rows[name]:
            raise InputError(
                f"the split {name!r} of the frames is empty: it has a share of {fraction:g} of "
                f"{sum(rows.values())} frames; give frames of more materials, other fractions or "
                "another salt"
            )


class _Frames:
    """Frames on their way to the shards, counted."""

    def __init__(
        self,
        entries: Iterable[Entry | Reject],
        options: FrameOptions,
        on_reject: Callable[[Reject], object] | None,
    ) -> None:
        self._entries = entries
        self._options = options
        self._on_reject = on_reject
        self.rejected: Counter[str] = Counter()
        self.present: Counter[str] = Counter()

    def batches(self) -> Iterator[tuple[pa.RecordBatch, npt.NDArray[np.int64]]]:
        """Yield the rows of a stretch after another, with the number of the split of each."""
        options, first = self._options, 0
        for stretch in self._stretches():
            rows = frame_batch(stretch, options.columns)
            for label in options.labels:
                stored = self.present[label.name]
                self.present[label.name] = stored + _present(rows.column(label.name), label)
            keys = [_key(entry, first + k, options) for k, entry in enumerate(stretch)]
            found = digests(keys, options.salt).view("<u8")[:, 0]
            yield rows, split_of(found, options.fractions)
            first += len(stretch)

    def _stretches(self) -> Iterator[list[Entry]]:
        held: list[Entry] = []
        atoms = 0
        for entry in self._entries:
            if isinstance(entry, Reject):
                self.rejected[str(entry.code)] += 1
                if self._on_reject is not None:
                    self._on_reject(entry)
                continue
            held.append(entry)
            atoms += len(entry.numbers)
            if len(held) == STRETCH_FRAMES or atoms >= STRETCH_ATOMS:
                yield held
                held, atoms = [], 0
        if held:
            yield held


def _present(array: pa.Array, label: Column) -> int:
    if label.ragged:
        return int(np.count_nonzero(np.diff(array.offsets.to_numpy())))
    return int(len(array) - array.null_count)


def _key(entry: Entry, row: int, options: FrameOptions) -> bytes:
    """Return what decides the split of a frame."""
    if options.block_frames is not None:
        return str(row // options.block_frames).encode()
    if options.key is None:
        return _composition(entry.numbers.astype(np.uint8).tobytes())
    value = entry.labels.get(options.key)
    if value is None or not str(value):
        raise InputError(
            f"frame {entry.id!r} has no {options.key!r}, which says its material; leave the frame "
            "out, or split by another key"
        )
    return str(value).encode()


@lru_cache(maxsize=65_536)
def _composition(numbers: bytes) -> bytes:
    """Return the reduced composition of atomic numbers: ``11:1 17:1``."""
    amounts = Counter(numbers)
    factor = gcd(*amounts.values())
    return " ".join(f"{z}:{amounts[z] // factor}" for z in sorted(amounts)).encode()
