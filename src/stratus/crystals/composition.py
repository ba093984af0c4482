"""Exact compositions: whole numbers, never rounded fractions."""

from __future__ import annotations

import math
import warnings
from functools import cache, lru_cache
from math import gcd
from typing import TYPE_CHECKING

from stratus.crystals.elements import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Mapping

Composition = tuple[tuple[str, int], ...]
"""(symbol, amount) by atomic number; amounts share no common factor."""


def reduce_composition(amounts: Mapping[str, int]) -> Composition:
    """Divide whole amounts by their greatest common factor and sort by atomic number."""
    factor = gcd(*amounts.values())
    ordered = sorted(amounts, key=NUMBERS.__getitem__) if len(amounts) > 1 else amounts
    return tuple([(symbol, amounts[symbol] // factor) for symbol in ordered])


def number_words(number: int) -> list[str]:
    """Write a whole number to the base of a hundred: 7 is ``7``, 137 is ``1_ 37``."""
    words = [str(number % 100)]
    while number := number // 100:
        words.append(f"{number % 100}_")
    return words[::-1]


def composition_text(composition: Composition) -> str:
    """Write a composition in words: ``Na 1 Cl 1``."""
    return " ".join(
        word for symbol, amount in composition for word in (symbol, *number_words(amount))
    )


@lru_cache(maxsize=65536)
def reduced_formula(composition: Composition) -> str:
    """Write a composition as pymatgen's ``Composition.reduced_formula`` does.

    Elements stand by electronegativity. Where the last two differ by less than 1.65 they are an
    anion, in brackets if there are several of it: ``Ca(NO3)2``. The rules are those of
    ``pymatgen.core.composition.reduce_formula``, written out here because a corpus has a new
    formula in most rows and pymatgen's own way takes five times as long.
    """
    amounts = dict(composition)
    symbols = sorted(amounts, key=_place)
    anion = ""
    if len(symbols) > 2 and _place(symbols[-1])[0] - _place(symbols[-2])[0] < _ONE_ANION:
        several = gcd(amounts[symbols[-2]], amounts[symbols[-1]])
        if several > 1:
            anion = f"({_joined(symbols[-2:], amounts, several)}){several}"
            symbols = symbols[:-2]
    formula = _joined(symbols, amounts, 1) + anion
    return _kept_whole().get(formula, formula)


_ONE_ANION = 1.65  # a smaller difference in electronegativity is no ionic bond


def _joined(symbols: list[str], amounts: Mapping[str, int], factor: int) -> str:
    return "".join([s if amounts[s] == factor else f"{s}{amounts[s] // factor}" for s in symbols])


@cache
def _place(symbol: str) -> tuple[float, str]:
    """Return the electronegativity of an element, infinite where it has none, and its symbol."""
    from pymatgen.core import Element

    with warnings.catch_warnings():
        # noble gases have no electronegativity; pymatgen says so
        warnings.filterwarnings("ignore", message="No Pauling electronegativity")
        value = Element(symbol).X
    return (math.inf if math.isnan(value) else value, symbol)


@cache
def _kept_whole() -> Mapping[str, str]:
    """Return the formulas that are not divided any further, such as O2 and Na2O2."""
    from pymatgen.core import Composition as PymatgenComposition

    special: dict[str, str] = PymatgenComposition.special_formulas
    return special
