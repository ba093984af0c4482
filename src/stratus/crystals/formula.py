"""A chemical formula as people write it, to whole amounts.

pymatgen's ``Composition`` reads nearly any text: a symbol that is no element becomes a dummy, D
becomes H, and ``CuSO4.5H2O`` gets 5.5 oxygens. A typing error would then be a prediction for
another crystal, so the grammar here is small, and what it does not know is refused.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import lcm
from typing import Final, TypeAlias

from stratus.crystals.elements import NUMBERS
from stratus.errors import InputError

Exact: TypeAlias = dict[str, tuple[Fraction, Fraction]]
"""Amounts by symbol, each with what a unit of its last digit is; 0 where it is just as written."""

LONGEST: Final = 1000
"""Characters of the longest text that is taken for a formula."""

LARGEST: Final = 10**12
"""Amounts above this, after all of a formula are made whole, are no crystal's."""

# Na1 Cl1: no brackets, no decimals
_SIMPLE = re.compile(r"(?:\s*[A-Z][a-z]?\d{0,12})+\s*", re.ASCII)
_PAIR = re.compile(r"([A-Z][a-z]?)(\d*)", re.ASCII)
_TOKEN = re.compile(r"([A-Z][a-z]?)|([(\[{])|([)\]}])|(\d+\.\d*|\.\d+|\d+)|\s+", re.ASCII)
_NUMBER = re.compile(r"\s*(\d+\.\d*|\.\d+|\d+)", re.ASCII)
_CLOSES: Final = {")": "(", "]": "[", "}": "{"}
_SUBSCRIPTS: Final = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_HYDRATE = re.compile(r"[1-9]\.[1-9]\d?\s*(?:H2O|\(H2O\))(?![a-z\d.])", re.ASCII)  # CuSO4.5H2O
_DEEPEST: Final = 10  # brackets within brackets
_DIGITS: Final = 30  # of one number

_DENOMINATORS: Final = range(1, 13)
_DECIMALS: Final = 3  # with fewer, a number is taken as it is written
_NOISE: Final = Fraction(1, 10**8)  # decimals beyond it are those of a float, nobody's measurement


def read_formula(text: str) -> dict[str, int]:
    """Read a formula to whole amounts, such as ``Ca(NO3)2`` to one Ca, two N and six O.

    Decimal amounts are multiplied by one factor until all are whole. Where all of them are, to the
    digits that are written, multiples of 1/2, ..., or 1/12, they are taken as such:
    ``Li0.333Co0.667`` is one Li and two Co. Otherwise each is exactly what is written. Whole
    amounts are not reduced; an element whose amount is 0 is left out.

    Args:
        text: elements with amounts, round, square or curly brackets, spaces, subscripts.

    Returns:
        the amounts by symbol, in the order in which the elements first stand.

    Raises:
        stratus.errors.InputError: it is no formula; says what was not understood, and where.
    """
    if not isinstance(text, str):
        raise InputError(f"a formula is a text, such as NaCl, not {text!r}")
    if not text.strip():
        raise InputError("the formula is empty; write one such as NaCl")
    if len(text) > LONGEST:
        raise InputError(
            f"the formula has {len(text)} characters, more than {LONGEST}; it begins {text[:40]!r}"
        )
    plain = text.translate(_SUBSCRIPTS)
    if _HYDRATE.search(plain):
        raise InputError(
            f"the formula {text!r} can be a hydrate or have a decimal amount before H2O; write the "
            "water of a hydrate in brackets, as in CuSO4(H2O)5, or a decimal with three digits"
        )
    amounts = _simple(plain) or _whole(_Reader(text, plain).amounts())
    if not amounts:
        raise InputError(f"the formula {text!r} holds no atoms: all of its amounts are 0")
    if max(amounts.values()) > LARGEST:
        raise InputError(
            f"the formula {text!r} has amounts beyond reason: made whole, the largest is "
            f"{max(amounts.values()):,}; write fewer digits"
        )
    return amounts


def _simple(plain: str) -> dict[str, int]:
    """Return the amounts of what most formulas are, ten times as fast; none where it is not so."""
    amounts: dict[str, int] = {}
    if _SIMPLE.fullmatch(plain):
        for symbol, number in _PAIR.findall(plain):
            if symbol not in NUMBERS:
                return {}
            amounts[symbol] = amounts.get(symbol, 0) + int(number or 1)
    return {symbol: amount for symbol, amount in amounts.items() if amount}


class _Reader:
    """Reads one formula from left to right.

    Args:
        text: as given, for messages.
        plain: the same with plain digits, which keeps each place.
    """

    def __init__(self, text: str, plain: str) -> None:
        self._text = text
        self._plain = plain
        self._at = 0
        self._start = 0  # of the word that was read last

    def amounts(self) -> Exact:
        """Return the amounts by symbol, without those that are 0."""
        found: Exact = {}
        for symbol, amount, unit in self._parts("", 0):
            before, unit_before = found.get(symbol, (Fraction(0), Fraction(0)))
            found[symbol] = (before + amount, unit_before + unit)
        return {symbol: pair for symbol, pair in found.items() if pair[0]}

    def _parts(self, bracket: str, depth: int) -> list[tuple[str, Fraction, Fraction]]:
        """Read up to the end of a bracket, or of all; return symbols with amounts and units."""
        parts: list[tuple[str, Fraction, Fraction]] = []
        while self._at < len(self._plain):
            symbol, opens, closes, number = self._take()
            if symbol:
                inner = [(symbol, Fraction(1), Fraction(0))]
            elif opens:
                if depth == _DEEPEST:
                    raise self._error("has too many brackets within brackets")
                inner = self._parts(opens, depth + 1)
            elif closes:
                if bracket != _CLOSES[closes]:
                    raise self._error(f"closes a bracket {closes!r} that was not opened")
                if not parts:
                    raise self._error("has nothing between two brackets")
                return parts
            elif number:
                raise self._error(f"has the number {number} where an element was expected")
            else:
                continue
            factor, unit = self._factor()
            parts += [(name, n * factor, n * unit + factor * own) for name, n, own in inner]
        if bracket:
            raise self._error(f"does not close the bracket {bracket!r}")
        return parts

    def _take(self) -> tuple[str, ...]:
        """Return the next word as one of symbol, opening, closing and number."""
        self._start = self._at
        found = _TOKEN.match(self._plain, self._at)
        if found is None:
            raise self._wrong()
        self._at = found.end()
        symbol = found[1]
        if symbol in {"D", "T"}:
            raise self._error(f"has {symbol!r}, an isotope; write H")
        if symbol and symbol not in NUMBERS:
            raise self._error(f"has {symbol!r}, which is no chemical element")
        return found.groups("")

    def _factor(self) -> tuple[Fraction, Fraction]:
        """Return the number that follows, or 1, and its unit."""
        found = _NUMBER.match(self._plain, self._at)
        if found is None:
            return Fraction(1), Fraction(0)
        self._at = found.end()
        text = found[1]
        if len(text) > _DIGITS:
            raise self._error(f"has a number of {len(text)} digits")
        decimals = len(text.partition(".")[2])
        return Fraction(text), Fraction(1, 10**decimals) if decimals >= _DECIMALS else Fraction(0)

    def _wrong(self) -> InputError:
        sign = self._text[self._at]
        if sign.isascii() and sign.islower():
            hint = "symbols begin with a capital letter, as in NaCl"
        elif sign in "+-":
            hint = "leave charges and negative amounts out"
        elif sign in "·*.":
            hint = "write the water of a hydrate in brackets, as in CuSO4(H2O)5"
        else:
            hint = "write elements with amounts, as in Ca(NO3)2"
        return self._error(f"has {sign!r}, which belongs to no formula; {hint}")

    def _error(self, what: str) -> InputError:
        return InputError(f"the formula {self._text!r} {what} (character {self._start + 1})")


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
