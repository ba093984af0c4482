"""One crystal of the inputs on its way to a prediction."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from stratus.corpora.tables.text_rows import text_row
from stratus.crystals.formula import LONGEST
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stratus.corpora.tables.crystal_texts import CrystalTexts
    from stratus.corpora.tables.text_rows import TextRow
    from stratus.crystals.entry import Reject
    from stratus.crystals.facets import Crystal

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_STOPS: Final = (".", ";", "!", "?")


class Row(NamedTuple):
    """One crystal of the inputs.

    Attributes:
        id: its id.
        crystal: what is known of it; None for a reject.
        reject: why it is one, if it is.
        source: the file, archive member or table row it came from.
        formula: its reduced formula; of a reject what the table says, if that is known.
        space_group: its number, 1 to 230; None where it is unknown.
        notes: what the reader decided on the way, one sentence each.
        own: the user's other columns, where they were asked for.
        place: of its input among the inputs, from 0.
    """

    id: str
    crystal: Crystal | None
    reject: Reject | None = None
    source: str = ""
    formula: str = ""
    space_group: int | None = None
    notes: tuple[str, ...] = ()
    own: Mapping[str, Any] = _NOTHING
    place: int = 0


def formula_rows(
    formulas: Sequence[str], texts: CrystalTexts, space_groups: Sequence[str | int | None] = ()
) -> Iterator[Row]:
    """Yield a row for each of some formulas; one that cannot be read is a reject.

    Args:
        formulas: what is known of the crystals.
        texts: how they are read.
        space_groups: none, one for all, or one for each, by number or symbol.

    Raises:
        stratus.errors.InputError: there are more or fewer space groups than that.
    """
    groups = list(space_groups) or [None]
    if len(groups) not in {1, len(formulas)}:
        raise InputError(
            f"there are {len(groups)} space groups for {len(formulas)} formulas; give one for all, "
            "or one for each"
        )
    for place, formula in enumerate(formulas):
        group = groups[place % len(groups)]
        yield formula_row(formula, formula, f"formula {place}", texts, group)._replace(place=place)


def formula_row(
    id: str,  # noqa: A002 - the field's name
    formula: str,
    source: str,
    texts: CrystalTexts,
    space_group: str | int | None = None,
) -> Row:
    """Return the row of a formula; one that cannot be read is a reject.

    Args:
        id: what it is called.
        formula: what is known of the crystal.
        source: where it stands.
        texts: how it is read.
        space_group: by number or symbol, if it is known.
    """
    row = row_of(text_row(id, source, texts.formula(formula, space_group)))
    return row if row.reject is None else row._replace(formula=formula[:LONGEST])


def row_of(found: TextRow) -> Row:
    """Return the row of a crystal that a text tells."""
    crystal = found.crystal
    formula, group = ("", None) if crystal is None else (crystal.formula, crystal.space_group)
    return Row(found.id, crystal, found.reject, found.source, formula, group, found.notes)


def in_words(row: Row) -> str:
    """Return why a row is a reject, with its place among the inputs, its id and its code."""
    reject = row.reject
    if reject is None:
        return ""
    name = "" if row.id == str(row.place) else f"{row.id}: "
    return f"crystal {row.place}: {name}{reject.detail} ({reject.code})"


def joined_notes(notes: Sequence[str]) -> str:
    """Return notes as one text, each but the last with a full stop behind it."""
    *first, last = notes or ("",)
    return " ".join([*(note if note.endswith(_STOPS) else f"{note}." for note in first), last])
