"""The grammar of a chemical formula: units of elements with amounts, joined by middle dots.

It reads what :mod:`stratus.crystals.formula_dots` has left: a full stop is a decimal point here,
and ``·`` joins two units.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from typing import Final, TypeAlias

from stratus.crystals.elements import NUMBERS
from stratus.errors import InputError

Exact: TypeAlias = dict[str, tuple[Fraction, Fraction]]
"""Amounts by symbol, each with what a unit of its last digit is; 0 where it is just as written."""

Part: TypeAlias = tuple[str, Fraction, Fraction]

JOINT: Final = "·"
VULGAR: Final = "½⅓⅔¼¾"

_TOKEN = re.compile(
    rf"([A-Z][a-z]?)|([(\[{{])|([)\]}}])|(\d+\.\d*|\.\d+|\d+)|({JOINT})|\s+", re.ASCII
)
_NUMBER = re.compile(r"\s*(\d+\.\d*|\.\d+|\d+)", re.ASCII)
_COEFFICIENT = re.compile(rf"\s*(\d+/\d+|\d*[{VULGAR}]|\d+\.\d*|\.\d+|\d+)", re.ASCII)
_CLOSES: Final = {")": "(", "]": "[", "}": "{"}
_DEEPEST: Final = 10  # brackets within brackets
_DIGITS: Final = 30  # of one number
_DECIMALS: Final = 3  # with fewer, a number is taken as it is written


class Reader:
    """Reads one formula from left to right.

    Args:
        text: as given, for messages.
        plain: the same with plain digits, middle dots and H for D, which keeps each place.

    Attributes:
        sums: what was joined, as a person writes a sum: ``CuSO4 + 5 H2O``.
    """

    def __init__(self, text: str, plain: str) -> None:
        self.sums: list[str] = []
        self._text = text
        self._plain = plain
        self._at = 0
        self._start = 0  # of the word that was read last

    def amounts(self) -> Exact:
        """Return the amounts by symbol, without those that are 0.

        Raises:
            stratus.errors.InputError: it is no formula; says what was not understood, and where.
        """
        found: Exact = {}
        for symbol, amount, unit in self._level("", 0):
            before, unit_before = found.get(symbol, (Fraction(0), Fraction(0)))
            found[symbol] = (before + amount, unit_before + unit)
        return {symbol: pair for symbol, pair in found.items() if pair[0]}

    def _level(self, bracket: str, depth: int) -> list[Part]:
        """Read units joined by dots, up to the end of a bracket, or of all."""
        parts: list[Part] = []
        sums: list[str] = []
        joined = True
        while joined:
            factor, unit, written = self._coefficient()
            place, begin = self._start, self._at
            inner, joined = self._unit(bracket, depth)
            shown = self._text[begin : self._start if joined or bracket else self._at].strip()
            if not inner and (joined or sums):
                raise self._error("has nothing on one side of a dot that joins two units")
            parts += _times(inner, factor, unit)
            sums.append(f"{written} {shown}".strip())
            if written and not joined and len(sums) == 1:
                self._start = place
                raise self._error(f"has the number {written} where an element was expected")
        if bracket and not parts:
            raise self._error("has nothing between two brackets")
        if len(sums) > 1:
            self.sums.append(" + ".join(sums))
        return parts

    def _unit(self, bracket: str, depth: int) -> tuple[list[Part], bool]:
        """Read elements and brackets up to a dot, or to the end; return whether a dot follows."""
        parts: list[Part] = []
        while self._at < len(self._plain):
            symbol, opens, closes, number, joint = self._take()
            if joint:
                return parts, True
            if symbol:
                inner = [(symbol, Fraction(1), Fraction(0))]
            elif opens:
                if depth == _DEEPEST:
                    raise self._error("has too many brackets within brackets")
                inner = self._level(opens, depth + 1)
            elif closes:
                if bracket != _CLOSES[closes]:
                    raise self._error(f"closes a bracket {closes!r} that was not opened")
                return parts, False
            elif number:
                raise self._error(f"has the number {number} where an element was expected")
            else:
                continue
            parts += _times(inner, *self._factor())
        if bracket:
            raise self._error(f"does not close the bracket {bracket!r}")
        return parts, False

    def _take(self) -> tuple[str, ...]:
        """Return the next word as one of symbol, opening, closing, number and joining dot."""
        self._start = self._at
        found = _TOKEN.match(self._plain, self._at)
        if found is None:
            raise self._wrong()
        self._at = found.end()
        symbol = found[1]
        if symbol == "T":
            raise self._error("has 'T', an isotope; write H")
        if symbol and symbol not in NUMBERS:
            raise self._error(f"has {symbol!r}, which is no chemical element")
        return found.groups("")

    def _factor(self) -> tuple[Fraction, Fraction]:
        """Return the number that follows, or 1, and its unit."""
        found = _NUMBER.match(self._plain, self._at)
        if found is None:
            return Fraction(1), Fraction(0)
        self._at = found.end()
        return self._number(found[1])

    def _coefficient(self) -> tuple[Fraction, Fraction, str]:
        """Return the number before a unit, or 1, its unit, and how it is written."""
        found = _COEFFICIENT.match(self._plain, self._at)
        if found is None:
            return Fraction(1), Fraction(0), ""
        self._start, self._at = found.start(1), found.end()
        text = found[1]
        if text[-1] in VULGAR:
            value = int(text[:-1] or 0) + Fraction(unicodedata.numeric(text[-1]))
            return value.limit_denominator(4), Fraction(0), text
        numerator, _, denominator = text.partition("/")
        value, unit = self._number(numerator)
        if not denominator:
            return value, unit, f"0{text}" if text.startswith(".") else text
        below, _ = self._number(denominator)
        if not below:
            raise self._error(f"has the fraction {text}, which is no number")
        return value / below, unit, text

    def _number(self, text: str) -> tuple[Fraction, Fraction]:
        if len(text) > _DIGITS:
            raise self._error(f"has a number of {len(text)} digits")
        decimals = len(text.partition(".")[2])
        return Fraction(text), Fraction(1, 10**decimals) if decimals >= _DECIMALS else Fraction(0)

    def _wrong(self) -> InputError:
        sign = self._text[self._at]
        if sign in "nx" and self._plain[: self._at].rstrip().endswith(JOINT):
            hint = "write how many units there are, or leave them out"
        elif sign.isascii() and sign.islower():
            hint = "symbols begin with a capital letter, as in NaCl"
        elif sign in "+-":
            hint = "leave charges and negative amounts out"
        else:
            hint = "write elements with amounts, as in Ca(NO3)2"
        return self._error(f"has {sign!r}, which belongs to no formula; {hint}")

    def _error(self, what: str) -> InputError:
        return InputError(f"the formula {self._text!r} {what} (character {self._start + 1})")


def _times(parts: list[Part], factor: Fraction, unit: Fraction) -> list[Part]:
    return [(name, n * factor, n * unit + factor * own) for name, n, own in parts]
