"""Rows of tables that say in text what is known of each crystal: SCOPE strings, or formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from stratus.corpora.tables.positions_in_words import row_in_words
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.reading.table_rows import row_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from stratus.crystals.entry import Reject
    from stratus.crystals.facets import Crystal
    from stratus.crystals.reading.table_rows import TableSlice

    Where = Callable[[int], str]


SCOPE: Final = "scope"
KIND_OF_STRINGS: Final = "dialect"
"""The columns of strings, and of how they are written."""

FORMULA_NAMES: Final = ("formula", "composition")
SPACE_GROUP_NAMES: Final = ("space_group", "spg_num", "space_group_number")


class RowReader(Protocol):
    """How rows become strings."""

    @property
    def has_formulas(self) -> bool:
        """Whether the column holds formulas, which are shown of rows that cannot be read too."""

    @property
    def column(self) -> str:
        """The column that makes a table one of this kind."""

    @property
    def own(self) -> frozenset[str]:
        """The columns that are no labels."""

    def rows(self, batch: pa.RecordBatch, where: Where) -> Sequence[Crystal | Refusal]:
        """Return what each row came to; ``where`` says in words where the row at a place is."""


class TextRow(NamedTuple):
    """A row of a table.

    Attributes:
        id: its id.
        source: the table and its number in it.
        crystal: what is known of its crystal; None for a reject.
        reject: why it is one, if it is.
        notes: what was decided on the way, one sentence each.
    """

    id: str
    source: str
    crystal: Crystal | None
    reject: Reject | None
    notes: tuple[str, ...] = ()


def text_rows(part: TableSlice, stem: str, reader: RowReader) -> list[TextRow]:
    """Return the rows of a slice of a table.

    Args:
        part: some rows.
        stem: what the id of a row without one begins with.
        reader: how rows become strings.

    Raises:
        stratus.errors.InputError: a row says that it is of another dialect.
    """
    named = row_ids(part, stem)
    sources = [f"{part.table}:{part.first_row + place}" for place in range(len(named))]
    found = reader.rows(part.batch, lambda place: row_in_words(sources[place], named[place][0]))
    return [
        text_row(name, source, one, () if note is None else (note,))
        for (name, note), source, one in zip(named, sources, found, strict=True)
    ]


def text_row(
    id: str,  # noqa: A002 - the field's name
    source: str,
    found: Crystal | Refusal,
    notes: tuple[str, ...] = (),
) -> TextRow:
    """Return what was read of a crystal as a row.

    Args:
        id: what it is called.
        source: where it stands.
        found: what it came to.
        notes: what was decided about its id.
    """
    if isinstance(found, Refusal):
        return TextRow(id, source, None, found.reject(id, source), notes)
    return TextRow(id, source, found, None, (*notes, *found.notes))
