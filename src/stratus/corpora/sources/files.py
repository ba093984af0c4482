"""Files on disk, with an address and a licence, as a source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict

from stratus.corpora.sources.source import Page
from stratus.crystals.reading import ReadOptions, Record
from stratus.crystals.reading.containers import Found, opened
from stratus.crystals.reading.formats import take_apart
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from stratus.crystals.entry import Reject

_PAGE: Final = 256


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that was downloaded.

    Attributes:
        path: where it is.
        url: where it came from.
        licence: its licence.
        sha256: its SHA-256, which says what rows there are.
        ids: what makes the id of its row n, from ``{row}`` counted from 1.
        id: the key of the id in a row.
        structure: the key of the structure in a row.
    """

    path: Path
    url: str
    licence: str
    sha256: str
    ids: str | None = None
    id: str | None = None
    structure: str | None = None


class _State(BaseModel):
    """A cursor: which file, and how many of its records came."""

    model_config = ConfigDict(extra="forbid")

    file: int = 0
    record: int = 0


class Files:
    """The crystals of files, one file after the other.

    Args:
        name: short name of the data set.
        origin: what to cite.
        files: the files.
        read: how they are read; names of columns come from the files.
    """

    def __init__(
        self, name: str, origin: str, files: Sequence[LocalFile], read: ReadOptions | None = None
    ) -> None:
        self._name, self._origin = name, origin
        self._files = tuple(files)
        self._read = read or ReadOptions()

    @property
    def name(self) -> str:
        """The name given."""
        return self._name

    @property
    def origin(self) -> str:
        """What to cite."""
        return self._origin

    def identity(self) -> Mapping[str, Any]:
        """Return the digests of the files, and how they are read."""
        return {
            "files": [
                {"url": f.url, "sha256": f.sha256, "ids": f.ids, "id": f.id, "key": f.structure}
                for f in self._files
            ]
        }

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """Yield the records after a cursor; a file that was begun is read again from its start."""
        state = _State() if cursor is None else _State.model_validate_json(cursor)
        while state.file < len(self._files):
            file = self._files[state.file]
            read = self._read.model_copy(
                update={"id_column": file.id, "structure_column": file.structure}
            )
            for records in _cut(islice(_records(file, read), state.record, None)):
                state.record += len(records)
                yield Page(records, file.url, file.licence, state.model_dump_json(), read=read)
            state.file, state.record = state.file + 1, 0

    def remarks(self, cursor: str | None) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's
        """Return nothing: what a file holds is known when it is read."""
        return ()


def _cut(found: Iterator[Record | Reject]) -> Iterator[tuple[Record | Reject, ...]]:
    """Cut a stream of records into pages; a record may be many rows of a table."""
    held: list[Record | Reject] = []
    rows = 0
    for record in found:
        held.append(record)
        rows += max(1, record.rows) if isinstance(record, Record) else 1
        if rows >= _PAGE:
            yield tuple(held)
            held, rows = [], 0
    if held:
        yield tuple(held)


def _records(file: LocalFile, options: ReadOptions) -> Iterator[Record | Reject]:
    """Yield the records of a file; their source is its address, not its place on this disk."""
    name = take_apart(file.path.name)
    try:
        with file.path.open("rb") as stream:
            size = file.path.stat().st_size
            found = Found(name, file.url, stream, size, file.path)
            for number, record in enumerate(opened(found, options), start=1):
                if file.ids is not None:
                    yield replace(record, id=file.ids.format(row=number))
                else:
                    yield record
    except Refusal as refusal:
        yield refusal.reject(name.stem, file.url)
