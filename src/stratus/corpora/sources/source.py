"""What every source is: pages of records that can be taken up again at a cursor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from stratus.errors import StratusError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stratus.crystals.entry import Reject
    from stratus.crystals.reading import ReadOptions, Record


class SourceError(StratusError):
    """A source does not give what was asked for."""


class PassingError(SourceError):
    """What may succeed when it is tried again.

    Args:
        detail: what went wrong.
        wait_s: how long the server asks to wait, in s.
    """

    def __init__(self, detail: str, wait_s: float | None = None) -> None:
        self.wait_s = wait_s
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Page:
    """Some records of a source, in its order.

    Attributes:
        records: crystals to parse, and what was refused before that; ``source`` of a record says
            where it is from: the address of the entry.
        database: the address of the data set that they belong to.
        licence: its licence, as an SPDX name where there is one; ``unknown`` where nobody says.
        cursor: where the source goes on after this page; a text that the source alone reads.
        total: how many records there will be in all, as far as the source knows.
        read: how the records are parsed, where the source knows better than the caller.
    """

    records: tuple[Record | Reject, ...]
    database: str
    licence: str
    cursor: str
    total: int | None = None
    read: ReadOptions | None = None


class Source(Protocol):
    """Crystals from somewhere."""

    @property
    def name(self) -> str:
        """Short name of the data set that comes of it."""

    @property
    def origin(self) -> str:
        """Where all of it is from, with the question that was asked, for the card."""

    def identity(self) -> Mapping[str, Any]:
        """Return what decides which rows come, as JSON values, without any secret."""

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """Yield the pages after a cursor; all of them without one, none after the last.

        Raises:
            SourceError: the source does not answer as it should.
        """

    def remarks(self, cursor: str | None) -> tuple[str, ...]:
        """Return what is strange about what came up to a cursor, one sentence each."""
