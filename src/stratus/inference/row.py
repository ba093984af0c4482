"""One crystal of the inputs on its way to a prediction."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from stratus.crystals.composition import reduce_composition, reduced_formula
from stratus.crystals.entry import Code, Reject, Stage
from stratus.errors import InputError
from stratus.models.given import Given
from stratus.scope import Dialect, PaperScope
from stratus.scope.partial import check_partial, group_number, noted_scope, read_amounts
from stratus.scope.vocabulary import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_REMEMBERED: Final = 1 << 14  # strings; tables may be longer than memory
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Row(NamedTuple):
    """One crystal of the inputs.

    Attributes:
        id: its id.
        given: what is known of it; None for a reject.
        reject: why it is one, if it is.
        source: the file, archive member or table row it came from.
        formula: its reduced formula; of a reject what the table says, if that is known.
        space_group: its number, 1 to 230; None where it is unknown.
        notes: what the reader decided on the way, one sentence each.
        own: the user's other columns, where they were asked for.
    """

    id: str
    given: Given | None
    reject: Reject | None = None
    source: str = ""
    formula: str = ""
    space_group: int | None = None
    notes: tuple[str, ...] = ()
    own: Mapping[str, Any] = _NOTHING


@lru_cache(maxsize=_REMEMBERED)
def told(text: str, dialect: Dialect) -> tuple[str, int | None]:
    """Return the reduced formula and the space group that a string tells.

    The rounded shares of the ``paper`` dialect tell no formula, and a partial crystal may have no
    space group.

    Args:
        text: a string of the dialect.
        dialect: which.
    """
    if dialect is not Dialect.ORBIT:
        return "", PaperScope.parse(text).space_group
    group, _, composition, _ = text.split(f" {SEPARATOR} ")
    return reduced_formula(reduce_composition(read_amounts(composition))), group_number(group)


def formula_rows(
    formulas: Sequence[str], space_groups: Sequence[str | int | None] = ()
) -> Iterator[Row]:
    """Yield a row for each of some formulas; one that cannot be read is a reject.

    Args:
        formulas: what is known of the crystals.
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
        source = f"formula {place}"
        try:
            text, notes = noted_scope(formula, groups[place % len(groups)])
        except InputError as error:
            reject = Reject(formula, source, Stage.READING, Code.BAD_FORMULA, str(error))
            yield Row(formula, None, reject, source, formula)
        else:
            known = Given(text, 0, check_partial(text))
            yield Row(formula, known, None, source, *told(text, Dialect.ORBIT), notes)
