"""Pymatgen's order of sites."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from stratus.crystals.elements import SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Sequence


@cache
def _electronegativity() -> tuple[float | None, ...]:
    """Return Pauling electronegativities; the place is the atomic number."""
    text = (
        files("stratus.crystals.reading").joinpath("data/electronegativity.json").read_text("utf-8")
    )
    return (None, *json.loads(text)["electronegativity"])


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
    electronegativity = _electronegativity()
    names = species if species is not None else [SYMBOLS[z] for z in numbers]
    values = [electronegativity[z] for z in numbers]
    if None in values:
        ranks = [_Rank(x, name) for x, name in zip(values, names, strict=True)]
        return sorted(range(len(ranks)), key=ranks.__getitem__)
    keys = list(zip(values, names, strict=True))
    return sorted(range(len(keys)), key=keys.__getitem__)
