"""Tables of which each row is a formula, perhaps with a space group."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from stratus.corpora.tables.gathering import Row
from stratus.corpora.tables.values import ABSENT
from stratus.crystals.entry import Code
from stratus.crystals.formula import read_noted
from stratus.crystals.spacegroups import read_space_group
from stratus.errors import InputError
from stratus.scope.partial import Known, write_partial

if TYPE_CHECKING:
    import pyarrow as pa

    from stratus.corpora.tables.gathering import Where

FORMULA_NAMES: Final = ("formula", "composition")
SPACE_GROUP_NAMES: Final = ("space_group", "spg_num", "space_group_number")


class Formulas:
    """Rows with a formula and perhaps a space group; they become partial strings.

    Args:
        formula: the column of the formulas. ``NaN`` is sodium nitride there.
        space_group: the column of the space groups, by number or symbol; where a cell is empty the
            space group is unknown.
    """

    def __init__(self, formula: str, space_group: str | None) -> None:
        self.column = formula
        self.space_group = space_group
        self.own = frozenset({formula, *([] if space_group is None else [space_group])})

    def rows(self, batch: pa.RecordBatch, where: Where) -> list[Row]:  # noqa: ARG002 - interface
        """Return what each row came to."""
        formulas = batch.column(self.column).to_pylist()
        groups = [None] * len(formulas)
        if self.space_group is not None:
            groups = batch.column(self.space_group).to_pylist()
        return [self._row(*pair) for pair in zip(formulas, groups, strict=True)]

    def _row(self, formula: Any, group: Any) -> Row:
        if formula is None or (isinstance(formula, float) and math.isnan(formula)):
            return Row(f"The row has nothing in {self.column}.", code=Code.BAD_FORMULA)
        try:
            amounts, notes = read_noted(formula)
        except InputError as error:
            return Row(str(error), code=Code.BAD_FORMULA)
        try:
            number = None if _is_absent(group) else read_space_group(group)
        except InputError as error:
            return Row(str(error), code=Code.BAD_SPACE_GROUP)
        known = Known.FORMULA if number is None else Known.SPACE_GROUP
        return Row(write_partial(amounts, number), known=known, notes=notes)


def _is_absent(cell: Any) -> bool:
    if isinstance(cell, str):
        return cell.strip() in ABSENT
    return cell is None or (isinstance(cell, float) and math.isnan(cell))
