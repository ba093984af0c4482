"""A chemical formula as people write it, to whole amounts.

pymatgen's ``Composition`` reads nearly any text: a symbol that is no element becomes a dummy, D
becomes H, and ``CuSO4.5H2O`` gets 5.5 oxygens. A typing error would then be a prediction for
another crystal, so the grammar here is small, and what it does not know is refused.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Final, NamedTuple

from stratus.crystals.elements import DEUTERIUM, NUMBERS
from stratus.crystals.formula_dots import settle
from stratus.crystals.formula_grammar import JOINT, Reader
from stratus.errors import InputError

if TYPE_CHECKING:
    from stratus.crystals.formula_grammar import Exact

LONGEST: Final = 1000
"""Characters of the longest text that is taken for a formula."""

LARGEST: Final = 10**12
"""Amounts above this, after all of a formula are made whole, are no crystal's."""

# Na1 Cl1: no brackets, no decimals
_SIMPLE = re.compile(r"(?:\s*[A-Z][a-z]?\d{0,12})+\s*", re.ASCII)
_PAIR = re.compile(r"([A-Z][a-z]?)(\d*)", re.ASCII)

_DENOMINATORS: Final = range(1, 13)
_NOISE: Final = Fraction(1, 10**8)  # decimals beyond it are those of a float, nobody's measurement


class Formula(NamedTuple):
    """What a formula was read as.

    Attributes:
        amounts: whole amounts by symbol, in the order in which the elements first stand.
        notes: what was decided on the way, one sentence each.
    """

    amounts: dict[str, int]
    notes: tuple[str, ...] = ()


def read_formula(text: str) -> dict[str, int]:
    """Read a formula to whole amounts, such as ``Ca(NO3)2`` to one Ca, two N and six O.

    Decimal amounts are multiplied by one factor until all are whole. Where all of them are, to the
    digits that are written, multiples of 1/2, ..., or 1/12, they are taken as such:
    ``Li0.333Co0.667`` is one Li and two Co. Otherwise each is exactly what is written. Whole
    amounts are not reduced; an element whose amount is 0 is left out.

    Units that a dot in the middle of the line or an asterisk joins are added up:
    ``CuSO4·5H2O``. Amounts alone cannot tell that a full stop was taken for such a dot, so one
    that joins is refused here, and so is ``D``; :func:`read_noted` reads them, and says so.

    Args:
        text: elements with amounts, round, square or curly brackets, spaces, subscripts.

    Returns:
        the amounts by symbol, in the order in which the elements first stand.

    Raises:
        stratus.errors.InputError: it is no formula; says what was not understood, and where.
    """
    found, stop = _read(text)
    if DEUTERIUM in found.notes:
        raise InputError(f"the formula {text!r} has 'D', an isotope; write H")
    if stop:
        joined = settle(text)
        shown = "".join(
            JOINT if sign == JOINT else given
            for sign, given in zip(joined.plain, text, strict=True)
        )
        raise InputError(
            f"the formula {text!r} has a full stop that joins two units; a full stop is a decimal "
            f"point as well, so write {shown}"
        )
    return found.amounts


def read_noted(text: str) -> Formula:
    """Read a formula as :func:`read_formula` does, and full stops that join two units, and ``D``.

    ``D2O`` is read as ``H2O`` and ``CuSO4.5H2O`` as ``CuSO4·5H2O``. What a full stop is says
    :mod:`stratus.crystals.formula_dots`; one that can be either is refused.

    Args:
        text: as :func:`read_formula` takes it.

    Returns:
        the amounts, and a note for what was joined and for deuterium.

    Raises:
        stratus.errors.InputError: it is no formula; says what was not understood, and where.
    """
    return _read(text)[0]


def _read(text: str) -> tuple[Formula, bool]:
    """Return what a formula is read as, and whether a full stop joins two units of it."""
    if not isinstance(text, str):
        raise InputError(f"a formula is a text, such as NaCl, not {text!r}")
    if not text.strip():
        raise InputError("the formula is empty; write one such as NaCl")
    if len(text) > LONGEST:
        raise InputError(
            f"the formula has {len(text)} characters, more than {LONGEST}; it begins {text[:40]!r}"
        )
    plain, stop = settle(text)
    sums: list[str] = []
    amounts = _simple(plain)
    if not amounts:
        reader = Reader(text, plain)
        amounts, sums = _whole(reader.amounts()), reader.sums
    if not amounts:
        raise InputError(f"the formula {text!r} holds no atoms: all of its amounts are 0")
    if max(amounts.values()) > LARGEST:
        raise InputError(
            f"the formula {text!r} has amounts beyond reason: made whole, the largest is "
            f"{max(amounts.values()):,}; write fewer digits"
        )
    notes = (f"units joined by a dot: read as {' and '.join(sums)}",) if sums else ()
    if "D" in text and any(sign == "D" != own for sign, own in zip(text, plain, strict=True)):
        notes = (*notes, DEUTERIUM)
    return Formula(amounts, notes), stop


def _simple(plain: str) -> dict[str, int]:
    """Return the amounts of what most formulas are, ten times as fast; none where it is not so."""
    amounts: dict[str, int] = {}
    if _SIMPLE.fullmatch(plain):
        for symbol, number in _PAIR.findall(plain):
            if symbol not in NUMBERS:
                return {}
            amounts[symbol] = amounts.get(symbol, 0) + int(number or 1)
    return {symbol: amount for symbol, amount in amounts.items() if amount}


def _whole(exact: Exact) -> dict[str, int]:
    """Multiply amounts by one factor until all are whole."""
    for factor in _DENOMINATORS:
        found = {symbol: round(amount * factor) for symbol, (amount, _) in exact.items()}
        if all(
            number and _is_written(Fraction(number, factor), *exact[symbol])
            for symbol, number in found.items()
        ):
            return found
    factor = lcm(*(amount.denominator for amount, _ in exact.values()))
    return {symbol: int(amount * factor) for symbol, (amount, _) in exact.items()}


def _is_written(value: Fraction, amount: Fraction, unit: Fraction) -> bool:
    """Return whether a value, rounded or cut off after its last digit, is the amount written."""
    if not unit:
        return value == amount
    unit = max(unit, _NOISE)
    return -unit / 2 <= value - amount < unit
