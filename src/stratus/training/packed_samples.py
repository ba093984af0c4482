"""Samples of a view as a packed corpus, and back.

A token view makes one uint16 array of a crystal, which is the column of a corpus of tokens. A flat
view makes several arrays by name, which are columns of crystals, parts and edges as its keys say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pyarrow as pa

from stratus.corpora.packed.column import Column, schema_of
from stratus.corpora.packed.corpus import open_packed
from stratus.corpora.packed.info import FORMAT, PackedInfo
from stratus.corpora.packed.shards import write_info, write_shards
from stratus.corpora.packed.token_column import TOKEN_COLUMN
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from stratus.views.keys import Key

_STRETCH: Final = 4_096
_SHARD_BYTES: Final = 256 << 20


class SampleInfo(PackedInfo):
    """What a folder of samples says of itself; all of them stand in the first split."""

    holds: Literal["samples"] = "samples"


def write_samples(draft: Path, samples: Sequence[Any], keys: Sequence[Key] = ()) -> None:
    """Write samples into the draft of a sealed folder.

    Args:
        draft: the folder.
        samples: uint16 arrays ``[n]`` of a token view, or what a flat view makes.
        keys: of the flat view; none of a token view.

    Raises:
        ValueError: arrays of one name have different shapes.
        OSError: the disk is full, or may not be written.
    """
    columns = tuple(_column(key, samples) for key in keys) if keys else (TOKEN_COLUMN,)
    shards = write_shards(
        _batches(samples, columns),
        columns,
        draft,
        most_rows=np.iinfo(np.int32).max,
        most_bytes=_SHARD_BYTES,
    )
    rows = {"train": len(samples), "validation": 0, "test": 0}
    write_info(draft, SampleInfo(format=FORMAT, columns=columns, rows=rows, shards=shards))


def read_samples(folder: Path, keys: Sequence[Key] = ()) -> list[Any]:
    """Return the samples of a sealed folder, as views of its files.

    Args:
        folder: what :func:`write_samples` filled; every byte is checked.
        keys: as they were written with.

    Raises:
        stratus.errors.InputError: it is damaged or holds something else; the text names the file.
    """
    corpora = open_packed(folder, SampleInfo)
    names = [key.name for key in keys] or [TOKEN_COLUMN.name]
    if corpora.info.names != names:
        raise InputError(f"{folder} has the columns {corpora.info.names} instead of {names}")
    corpus = corpora.train
    rows = range(len(corpus))
    return corpus.samples(rows) if keys else corpus.take(rows, TOKEN_COLUMN.name)


def _column(key: Key, samples: Sequence[Mapping[str, npt.NDArray[Any]]]) -> Column:
    """Return the column of a key; its dtype holds the numbers of every sample."""
    arrays = [sample[key.name] for sample in samples]
    shapes = {array.shape if key.of == "crystal" else array.shape[1:] for array in arrays}
    if len(shapes) > 1:
        raise ValueError(f"samples have {key.name!r} of different shapes: {sorted(shapes)}")
    dtype = np.result_type(*{array.dtype for array in arrays} or {np.dtype(key.dtype)})
    fields = {"name": key.name, "dtype": dtype.name, "shape": shapes.pop() if shapes else ()}
    return Column.model_validate({**fields, "of": key.of})


def _batches(
    samples: Sequence[Any], columns: tuple[Column, ...]
) -> Iterator[tuple[pa.RecordBatch, npt.NDArray[np.int64]]]:
    for start in range(0, len(samples), _STRETCH):
        some = samples[start : start + _STRETCH]
        named = [s if isinstance(s, Mapping) else {TOKEN_COLUMN.name: s} for s in some]
        arrays = [pa.array([""] * len(some), type=pa.string())]
        for column in columns:
            values = [np.asarray(sample[column.name]) for sample in named]
            if column.ragged:
                sizes = np.array([len(value) for value in values], dtype=np.int64)
                arrays.append(column.pack(np.concatenate(values), sizes))
            else:
                ones = np.ones(len(values), dtype=np.int64)
                arrays.append(column.pack(np.stack(values), ones))
        rows = pa.record_batch(arrays, schema=schema_of(columns))
        yield rows, np.zeros(len(some), dtype=np.int64)
