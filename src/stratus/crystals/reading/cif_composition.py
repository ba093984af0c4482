"""The atoms of a CIF block beside the formula that the block states."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stratus.crystals.elements import SYMBOLS
from stratus.crystals.entry import Code, Stage
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from stratus.crystals.reading.cif_formula import Formula
    from stratus.crystals.reading.cif_sites import Sites

_HYDROGEN: Final = 1
_EXACT: Final = 0.02  # atoms per formula unit: amounts are rounded to two digits
_RELATIVE: Final = 0.001
_WHOLE: Final = 0.5  # atoms per formula unit: more than a dopant


def differences(
    counts: dict[int, int], sites: Sites, formula: Formula, units: float | None
) -> list[str]:
    """Return where the atoms of a cell and the file's formula disagree, one sentence each.

    Args:
        counts: atoms of each element in the cell.
        sites: as read.
        formula: of the same block.
        units: how many of it the block says are in the cell.

    Raises:
        Refusal: it is in doubt which element sits on a site.
    """
    if formula.amounts is not None and _as_stated(counts, formula.amounts, units):
        return []
    strange = set(counts) - formula.elements
    _refuse_labels(sites, strange, formula)
    if formula.amounts is None:
        found = _Comparison(
            dict.fromkeys(strange, math.nan),
            dict.fromkeys(formula.certain - set(counts), math.nan),
        )
        swapped = set[int]()
    else:
        found = _compared(counts, formula.amounts, units)
        swapped = _swapped(counts, formula.amounts, units)
    heavy = strange - {_HYDROGEN}
    if swapped or (heavy and not found.is_beside(heavy)):
        raise _wrong(sites, heavy or swapped, formula)
    notes = []
    if found.fewer:
        notes.append(f"{formula.name} has atoms that no site holds: {_counted(found.fewer)}")
    if found.more:
        notes.append(f"sites hold atoms that {formula.name} does not have: {_counted(found.more)}")
    if not notes and units and formula.amounts and not found.is_of(formula.amounts, units):
        notes.append(
            f"the cell holds {found.scale:g} times {formula.name}, not {units:g} times, which is "
            "its _cell_formula_units_Z"
        )
    return notes


def agree(counts: Mapping[int, int], amounts: Mapping[int, float], units: float | None) -> bool:
    """Return whether atoms are those of a formula, hydrogens without a place left out."""
    found = _compared(counts, amounts, units)
    return not found.more and not set(found.fewer) - {_HYDROGEN}


def doubt(what: str) -> Refusal:
    """Return the refusal of a site whose element is in doubt."""
    return Refusal(
        Code.DOUBTFUL_ELEMENT,
        f"{what}; write each site's element as _atom_site_type_symbol, or correct the formula",
        Stage.CHECKING,
    )


@dataclass(frozen=True, slots=True)
class _Comparison:
    """What a cell holds too much and too little of, per formula unit, by atomic number."""

    more: dict[int, float]
    fewer: dict[int, float]
    scale: float = 1.0

    def is_beside(self, strange: Collection[int]) -> bool:
        """Return whether atoms stand beside a formula that is there in full.

        These are just atoms that it leaves out, as it often leaves out the water of a framework.
        """
        full = {*self.fewer, *self.more} <= {_HYDROGEN, *strange}
        return full and self.scale >= 1 - _EXACT

    def is_of(self, amounts: Mapping[int, float], units: float) -> bool:
        """Return whether the cell has the stated units, or the formula is that of all of it."""
        if abs(self.scale - units) <= _EXACT * units:
            return True
        return abs(self.scale - 1) <= _EXACT and _divides(amounts, units)


def _divides(amounts: Mapping[int, float], units: float) -> bool:
    """Return whether a formula can be that of the whole cell, as many programs write it."""
    return all(abs(n / units - round(n / units)) <= _EXACT for n in amounts.values())


def _as_stated(counts: dict[int, int], amounts: dict[int, float], units: float | None) -> bool:
    """Return whether atoms are just those of a formula, as they are in most files."""
    if counts == amounts:
        return units is None or all(n % units == 0 for n in amounts.values())
    return units is not None and counts == {number: n * units for number, n in amounts.items()}


def _refuse_labels(sites: Sites, strange: set[int], formula: Formula) -> None:
    for name, number, reading in zip(sites.names, sites.numbers, sites.readings, strict=True):
        if number in strange and reading.label:
            raise doubt(f"site {name} names {SYMBOLS[number]}, which {formula.name} does not have")


def _compared(
    counts: Mapping[int, int], amounts: Mapping[int, float], units: float | None
) -> _Comparison:
    """Compare with as many formula units as most elements agree with.

    Of several such numbers it is the file's own, then 1: many programs write the whole cell as
    the sum.
    """
    scales = [units] if units is not None else []
    scales += [1.0, *(counts[number] / n for number, n in amounts.items() if counts.get(number))]
    scale = max(
        scales, key=lambda s: sum(_same(counts.get(z, 0), n, s) for z, n in amounts.items())
    )
    more: dict[int, float] = {}
    fewer: dict[int, float] = {}
    for number in {**amounts, **counts}:
        amount, count = amounts.get(number, 0.0), counts.get(number, 0)
        if count and amount and _same(count, amount, scale):
            continue
        surplus = count / scale - amount
        (more if surplus > 0 else fewer)[number] = abs(surplus)
    return _Comparison(more, fewer, scale)


def _same(count: int, amount: float, scale: float) -> bool:
    return abs(count / scale - amount) <= _EXACT + _RELATIVE * amount


def _swapped(
    counts: Mapping[int, int], amounts: Mapping[int, float], units: float | None
) -> set[int]:
    """Return what stands in for other elements, where there are as many atoms as in the formula.

    Hydrogens do not count: nothing is taken for them, and they for nothing.
    """
    heavy = {*counts, *amounts} - {_HYDROGEN}
    total = sum(counts.get(number, 0) for number in heavy)
    stated = sum(amounts.get(number, 0.0) for number in heavy)
    if not total or not stated:
        return set()
    scale = total / stated
    wanted = {units or float(max(1, round(scale)))}
    if units is None or _divides(amounts, units):
        wanted.add(1.0)
    if not any(abs(scale - one) <= _RELATIVE * one for one in wanted):
        return set()
    return {z for z in heavy if counts.get(z, 0) / scale - amounts.get(z, 0.0) >= _WHOLE}


def _wrong(sites: Sites, numbers: Collection[int], formula: Formula) -> Refusal:
    name, number = next(
        (name, number)
        for name, number in zip(sites.names, sites.numbers, strict=True)
        if number in numbers
    )
    return doubt(
        f"site {name} holds {SYMBOLS[number]}, where {formula.name} seems to have another element"
    )


def _counted(amounts: Mapping[int, float]) -> str:
    """Return amounts as words, such as ``4 H per formula unit``, or the elements alone."""
    if any(math.isnan(n) for n in amounts.values()):
        return ", ".join(SYMBOLS[number] for number in sorted(amounts))
    parts = [f"{round(n, 3):g} {SYMBOLS[number]}" for number, n in sorted(amounts.items())]
    return f"{', '.join(parts)} per formula unit"
