"""Exact compositions: whole numbers, never rounded fractions."""

from __future__ import annotations

import warnings
from functools import lru_cache
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


@lru_cache(maxsize=65536)
def reduced_formula(composition: Composition) -> str:
    """Write a composition as pymatgen's ``Composition.reduced_formula`` does."""
    from pymatgen.core import Composition as PymatgenComposition

    with warnings.catch_warnings():
        # noble gases have no electronegativity; pymatgen says so each time it orders them
        warnings.filterwarnings("ignore", message="No Pauling electronegativity")
        formula: str = PymatgenComposition(dict(composition)).reduced_formula
    return formula
