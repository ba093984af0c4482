"""Symbols, atomic numbers and pymatgen's order of sites."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@cache
def _table() -> tuple[tuple[str, ...], tuple[float | None, ...]]:
    text = files("stratus.crystals.reading").joinpath("data/elements.json").read_text("utf-8")
    table = json.loads(text)
    return tuple(table["symbols"]), tuple(table["electronegativity"])


@cache
def numbers_by_symbol() -> dict[str, int]:
    """Return the atomic number of each of the 118 symbols."""
    return {symbol: z for z, symbol in enumerate(_table()[0], start=1)}


def symbol_of(number: int) -> str:
    """Return the symbol of an atomic number from 1 to 118."""
    return _table()[0][number - 1]


class _Rank:
    """Where a site stands: pymatgen's ``Site.__lt__``, with its odd ways around missing values."""

    __slots__ = ("name", "x")

    def __init__(self, x: float | None, name: str) -> None:
        self.x = float("nan") if x is None else x
        self.name = name

    def __lt__(self, other: _Rank) -> bool:
        if self.x < other.x:
            return True
        if self.x > other.x:
            return False
        return self.name < other.name


def pymatgen_order(numbers: Sequence[int], species: Sequence[str] | None = None) -> list[int]:
    """Return the order in which ``Structure.get_sorted_structure`` puts sites.

    Stable, by electronegativity, then by the name of the species. Elements without an
    electronegativity compare by name with every other one, as they do in pymatgen; that is no
    total order, so the same sort over the same sequence is the only way to the same result.

    Args:
        numbers: n atomic numbers.
        species: n names as pymatgen writes them (``Fe2+``); the symbols when ``None``.

    Returns:
        n indices into the sites.
    """
    symbols, electronegativity = _table()
    names = species if species is not None else [symbols[z - 1] for z in numbers]
    values = [electronegativity[z - 1] for z in numbers]
    if None in values:
        ranks = [_Rank(x, name) for x, name in zip(values, names, strict=True)]
        return sorted(range(len(ranks)), key=ranks.__getitem__)
    keys = list(zip(values, names, strict=True))
    return sorted(range(len(keys)), key=keys.__getitem__)
