"""A file that came from the net is looked through once, before anybody uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final, cast

from stratus.corpora.sources.source import SourceError
from stratus.crystals.reading.archives import BROKEN, Budget, decompressed, members
from stratus.crystals.reading.formats import take_apart
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    import io
    from pathlib import Path

_CHUNK: Final = 1 << 20


def check_contents(path: Path, name: str) -> None:
    """Read a compressed file or an archive from end to end, and write nothing.

    Args:
        path: the file.
        name: the name that it will have, which says what it is.

    Raises:
        SourceError: it is damaged, grows like a bomb, or holds what points outside of it, links or
            devices.
    """
    said = take_apart(name)
    try:
        with path.open("rb") as file:
            budget = Budget(path.stat().st_size)
            stream: BinaryIO = file
            if said.compression is not None:
                stream = decompressed(file, said.compression, budget)
            if said.format in {"zip", "tar"}:
                for member in members(stream, str(said.format), budget):
                    if member.refusal is not None:
                        raise member.refusal
                    if member.stream is not None:
                        _read_through(member.stream)
            elif said.format == "parquet":
                _check_parquet(file)
            elif said.compression is not None:
                _read_through(stream)
    except Refusal as refusal:
        raise SourceError(f"{name} is not safe or not whole: {refusal.detail}") from refusal
    except BROKEN as error:
        raise SourceError(f"{name} is damaged: {error}") from error


def _read_through(stream: BinaryIO) -> None:
    while stream.read(_CHUNK):
        pass


def _check_parquet(file: io.BufferedReader) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.ParquetFile(cast("BinaryIO", file)).close()
    except (pa.ArrowException, OSError) as error:
        raise EOFError(" ".join(str(error).split())) from error
