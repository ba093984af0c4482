"""Which element the labels of a CIF block mean, beside the formula that the block states."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from stratus.crystals.elements import SYMBOLS
from stratus.crystals.reading.cif_composition import agree, doubt
from stratus.crystals.reading.cif_formula import (
    Formula,
    listed_types,
    stated_formula,
    stated_units,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from stratus.crystals.reading.cif_sites import Sites
    from stratus.crystals.reading.cif_symbols import Reading

_MOST_WAYS: Final = 1024  # of reading the labels of one block


def decided(block: Any, sites: Sites, images: Sequence[npt.NDArray[np.float64]]) -> Sites:
    """Return sites whose labels are read so that they agree with the block's own formula.

    ``CA1`` is a carbon where the formula has no calcium, and calcium where it has no carbon. Where
    it has both, the one reading of all such labels that gives the formula is taken.

    Args:
        block: a ``gemmi.cif.Block``.
        sites: as read, each with the likeliest element.
        images: the atoms that each site stands for.

    Raises:
        Refusal: it stays in doubt which element sits on a site.
    """
    if not sites.several:
        return sites
    several = {
        reading: name
        for name, reading in zip(sites.names, sites.readings, strict=True)
        if len(reading.numbers) > 1
    }
    formula = stated_formula(block) or listed_types(block)
    ways = {reading: _ways(name, reading, formula) for reading, name in several.items()}
    chosen = {reading: numbers[0] for reading, numbers in ways.items()}
    if formula is None:
        return sites
    if any(
        len(numbers) > 1 or (numbers[0] != reading.numbers[0] and not reading.open)
        for reading, numbers in ways.items()
    ):
        sizes = [len(image) for image in images]
        fitting = _fitting(sites, sizes, ways, formula, stated_units(block))
        if fitting is None:
            reading = next(r for r, numbers in ways.items() if numbers != r.numbers[:1])
            raise doubt(
                f"site {several[reading]} can hold {_listed(reading.numbers)}, and {formula.name} "
                "does not tell which"
            )
        chosen = fitting
    notes = [
        f"the sites {reading.letters}... are read as {SYMBOLS[number]} by {formula.name}"
        for reading, number in chosen.items()
        if number != reading.numbers[0]
    ]
    numbers = [
        chosen.get(reading, number)
        for reading, number in zip(sites.readings, sites.numbers, strict=True)
    ]
    return replace(sites, numbers=numbers, notes=[*sites.notes, *notes])


def _ways(name: str, reading: Reading, formula: Formula | None) -> tuple[int, ...]:
    """Return the elements that a label can stand for beside a formula, the likeliest first."""
    first = reading.numbers[0]
    if formula is None:
        if reading.open:
            raise doubt(
                f"site {name} can hold {_listed(reading.numbers)}, and the file gives no formula"
            )
        return (first,)
    inside = tuple(number for number in reading.numbers if number in formula.elements)
    if not inside:
        if reading.label:
            raise doubt(
                f"site {name} names {_listed(reading.numbers)}, which {formula.name} does not have"
            )
        return (first,)
    if not reading.open and inside[0] == first:
        return (first,)
    return inside


def _fitting(
    sites: Sites,
    sizes: Sequence[int],
    ways: Mapping[Reading, tuple[int, ...]],
    formula: Formula,
    units: float | None,
) -> dict[Reading, int] | None:
    """Return the one way to read the labels that gives the formula's amounts, if there is one."""
    if formula.amounts is None or math.prod(map(len, ways.values())) > _MOST_WAYS:
        return None
    fixed: Counter[int] = Counter()
    loose: Counter[Reading] = Counter()
    for number, reading, size in zip(sites.numbers, sites.readings, sizes, strict=True):
        if reading in ways:
            loose[reading] += size
        else:
            fixed[number] += size
    found = []
    for way in product(*ways.values()):
        counts = fixed.copy()
        for reading, number in zip(ways, way, strict=True):
            counts[number] += loose[reading]
        if agree(counts, formula.amounts, units):
            found.append(dict(zip(ways, way, strict=True)))
    return found[0] if len(found) == 1 else None


def _listed(numbers: Iterable[int]) -> str:
    return " or ".join(SYMBOLS[number] for number in numbers)
