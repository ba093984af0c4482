"""Tables of which each row is a formula, perhaps with a space group."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from stratus.corpora.tables.values import ABSENT
from stratus.crystals.entry import Code
from stratus.crystals.facets import Crystal, Detail
from stratus.crystals.formula import read_noted
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.spacegroups import read_space_group
from stratus.errors import InputError
from stratus.scope.dialects import Dialect
from stratus.scope.partial import write_partial

if TYPE_CHECKING:
    import pyarrow as pa

    from stratus.corpora.tables.text_rows import Where


class Formulas:
    """Rows with a formula and perhaps a space group; they become partial strings.

    Args:
        formula: the column of the formulas. ``NaN`` is sodium nitride there.
        space_group: the column of the space groups, by number or symbol; where a cell is empty the
            space group is unknown.
    """

    has_formulas: Final = True

    def __init__(self, formula: str, space_group: str | None) -> None:
        self.column = formula
        self.space_group = space_group
        self.own = frozenset({formula, *([] if space_group is None else [space_group])})

    def rows(self, batch: pa.RecordBatch, where: Where) -> list[Crystal | Refusal]:  # noqa: ARG002 - interface
        """Return what each row came to."""
        formulas = batch.column(self.column).to_pylist()
        groups = [None] * len(formulas)
        if self.space_group is not None:
            groups = batch.column(self.space_group).to_pylist()
        return [self._row(*pair) for pair in zip(formulas, groups, strict=True)]

    def _row(self, formula: Any, group: Any) -> Crystal | Refusal:
        if formula is None or (isinstance(formula, float) and math.isnan(formula)):
            return Refusal(Code.BAD_FORMULA, f"The row has nothing in {self.column}.")
        return formula_text(formula, None if _is_absent(group) else group)


def formula_text(formula: Any, space_group: Any = None) -> Crystal | Refusal:
    """Return what a formula and a space group tell of a crystal, or why they tell nothing.

    Args:
        formula: as :func:`stratus.crystals.formula.read_noted` takes it.
        space_group: by number or symbol; None where it is unknown.
    """
    try:
        amounts, notes = read_noted(formula)
    except InputError as error:
        return Refusal(Code.BAD_FORMULA, str(error))
    try:
        number = None if space_group is None else read_space_group(space_group)
    except InputError as error:
        return Refusal(Code.BAD_SPACE_GROUP, str(error))
    detail = Detail.FORMULA if number is None else Detail.SPACE_GROUP
    return Dialect.ORBIT.crystal(write_partial(amounts, number), detail=detail, notes=notes)


def _is_absent(cell: Any) -> bool:
    if isinstance(cell, str):
        return cell.strip() in ABSENT
    return cell is None or (isinstance(cell, float) and math.isnan(cell))
