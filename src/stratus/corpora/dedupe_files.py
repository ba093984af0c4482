"""The scratch files of a de-duplication: rows of one key always go to the same file."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

MOST_FILES: Final = 256
_MOST_BITS: Final = MOST_FILES.bit_length() - 1

_SCHEMA: Final = pa.schema(
    [
        ("high", pa.uint64()),
        ("low", pa.uint64()),
        ("energy", pa.float64()),
        ("volume", pa.float64()),
        ("id", pa.string()),
        ("row", pa.int64()),
        ("table", pa.int16()),
    ]
)
_ORDER: Final = [(name, "ascending") for name in _SCHEMA.names[:-1]]


class Sorted(NamedTuple):
    """The rows of one file, by the digests of their keys, the best of each key first.

    Attributes:
        digests: shape (n, 2).
        ids: ids, text.
        rows: shape (n,), their numbers among all rows.
        tables: shape (n,), the numbers of their tables.
    """

    digests: npt.NDArray[np.uint64]
    ids: pa.ChunkedArray
    rows: npt.NDArray[np.int64]
    tables: npt.NDArray[np.int16]


class Spill:
    """Files by the first bits of a digest; reading them in order reads all digests in order.

    Args:
        folder: an empty folder for them.
        rows: how many rows there will be.
        rows_a_file: how many of them one file should hold, about.
    """

    def __init__(self, folder: Path, rows: int, rows_a_file: int) -> None:
        self._bits = min(max(0, (rows // rows_a_file).bit_length()), _MOST_BITS)
        self._paths = [folder / f"{k:03d}.arrow" for k in range(1 << self._bits)]
        self._stack = ExitStack()
        self._row = 0
        self._writers: list[pa.ipc.RecordBatchStreamWriter] = []

    def __enter__(self) -> Self:
        """Open the files."""
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        for path in self._paths:
            sink = self._stack.enter_context(pa.OSFile(str(path), "wb"))
            writer = pa.ipc.new_stream(sink, _SCHEMA, options=options)
            self._writers.append(self._stack.enter_context(writer))
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self._stack.close()

    def add(
        self,
        found: npt.NDArray[np.uint8],
        ids: Sequence[str],
        table: int,
        energy: npt.NDArray[np.float64],
        volume: npt.NDArray[np.float64],
    ) -> None:
        """Add the next rows.

        Args:
            found: shape (n, 16), digests of their keys.
            ids: their ids.
            table: number of their table.
            energy: shape (n,); infinite where there is none.
            volume: shape (n,); infinite where there is none.
        """
        numbers = found.view(">u8").astype(np.uint64)
        rows = np.arange(self._row, self._row + len(numbers))
        self._row += len(numbers)
        columns = (
            *numbers.T,
            energy,
            volume,
            pa.array(ids, pa.string()),
            rows,
            np.full(len(numbers), table, dtype=np.int16),
        )
        batch = pa.record_batch([pa.array(c) for c in columns], schema=_SCHEMA)
        if not self._bits:
            self._writers[0].write_batch(batch)
            return
        places = numbers[:, 0] >> np.uint64(64 - self._bits)
        order = np.argsort(places, kind="stable")
        batch = batch.take(pa.array(order))
        edges = np.searchsorted(places[order], np.arange(len(self._paths) + 1, dtype=np.uint64))
        for writer, start, end in zip(self._writers, edges[:-1], edges[1:], strict=True):
            if end > start:
                writer.write_batch(batch.slice(start, end - start))

    def sorted_files(self) -> Iterator[Sorted]:
        """Yield each file, sorted; nothing can be added after."""
        self._stack.close()
        for path in self._paths:
            with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as reader:
                rows = reader.read_all().combine_chunks()
            path.unlink()
            rows = rows.take(pc.sort_indices(rows, sort_keys=_ORDER))
            yield Sorted(
                np.stack([rows.column(name).to_numpy() for name in ("high", "low")], axis=1),
                rows.column("id"),
                rows.column("row").to_numpy(),
                rows.column("table").to_numpy(),
            )


def best_rows(
    found: Sorted,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return which rows are the first of their keys, the key of each row, and rows by key.

    Args:
        found: rows in order.

    Returns:
        shapes (n,), (n,) and (keys,).
    """
    first = np.ones(len(found.digests), dtype=np.bool_)
    first[1:] = (found.digests[1:] != found.digests[:-1]).any(axis=1)
    of_group = np.cumsum(first) - 1
    return first, of_group, np.bincount(of_group)


def number_column(batch: pa.RecordBatch, name: str | None, path: Path) -> npt.NDArray[np.float64]:
    """Return a column of numbers, infinite where there is none; all infinite for no column.

    Raises:
        stratus.errors.InputError: it holds no numbers.
    """
    if name is None:
        return np.full(len(batch), np.inf)
    try:
        column = batch.column(name).cast(pa.float64(), safe=False)
    except pa.ArrowException as error:
        raise InputError(f"the column {name!r} of {path} holds no numbers ({error})") from None
    numbers = np.array(column.to_numpy(zero_copy_only=False), dtype=np.float64)
    numbers[~np.isfinite(numbers)] = np.inf
    return numbers
