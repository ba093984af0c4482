"""The element that a CIF type symbol or site label means."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from stratus.crystals.elements import DEUTERIUM, NUMBERS
from stratus.crystals.entry import Code, Stage
from stratus.crystals.reading.refusal import Refusal

_HEAVIEST: Final = 99
"""Nobody has a crystal of what lies beyond einsteinium: ``NH3`` is nitrogen and ``CN1`` carbon."""

_WATER = re.compile(r"Wat|wat|WAT|OH|O-H")
_SPECIAL = {"Hw": "H", "Ow": "O", "NO3": "N"}
_DUMMY = re.compile(r"(Vac|vac|VAC|Va\d*$|Dum|DUM|Du\d*$|Cg|Lp|LP|Xx|Bq|[Tt]et|TET|[Oo]ct|OCT)")
_ONE: Final = {**{symbol: z for symbol, z in NUMBERS.items() if len(symbol) == 1}, "D": 1}


class Reading(NamedTuple):
    """What a word at a site can mean.

    Attributes:
        numbers: the atomic numbers it can stand for, the likeliest first.
        letters: what they were read from.
        label: it is the name of a site, made up by a person, and no type symbol.
        open: without the file's formula nobody can tell which of the numbers is meant.
        note: what the reading leaves out, as a sentence.
    """

    numbers: tuple[int, ...]
    letters: str
    label: bool
    open: bool = False
    note: str | None = None


@lru_cache(maxsize=8192)
def type_reading(text: str) -> Reading:
    """Return what a type symbol can stand for; ``CA1``, which has no charge, counts as a label.

    Raises:
        Refusal: it names no element.
    """
    numbered = any(c.isdigit() for c in text) and "+" not in text and "-" not in text
    return _reading(text, label=numbered)


@lru_cache(maxsize=8192)
def label_reading(text: str) -> Reading:
    """Return what the label of a site can stand for.

    Raises:
        Refusal: it names no element.
    """
    return _reading(text, label=True)


def _reading(text: str, *, label: bool) -> Reading:
    """Return what a word can stand for.

    Follows pymatgen's ``CifParser._parse_symbol``: known names of water first, then the first two
    letters, then the first. Five differences: ``NH3`` is nitrogen (pymatgen reads nihonium); a
    hydroxyl or water name is its oxygen (pymatgen loses the site when it is called ``OH``); names
    of vacancies are dummies (pymatgen reads ``Vac`` as vanadium); so is ``T``, the name of
    tetrahedral sites (pymatgen reads tritium); a label such as ``CA1``, which is a carbon as often
    as calcium, is left open (pymatgen reads calcium).
    """
    word = text.strip()
    if " + " in word:
        raise Refusal(
            Code.PARTIAL_OCCUPANCY,
            f"a site is shared: {text!r}; stratus reads ordered crystals: "
            "choose an ordered model of it first",
            Stage.CHECKING,
        )
    if not word[:1].isascii() or not word[:1].isalpha():
        raise _no_element(text)
    if _DUMMY.match(word):
        raise Refusal(Code.DUMMY_SPECIES, f"{text[:80]!r} is a vacancy or dummy, no element")
    letters = word[:2]
    if _WATER.match(word):
        water = f"{text[:80]!r} is read as oxygen; its hydrogens have no positions"
        return Reading((8,), letters, label, note=water)
    for name, symbol in _SPECIAL.items():
        if word.startswith(name):
            return Reading((NUMBERS[symbol],), letters, label)
    one = _ONE.get(word[0].upper())
    two = NUMBERS.get(letters.title())
    proper = letters == letters.title() or letters.islower()
    if two is not None and len(letters) > 1 and (two <= _HEAVIEST or proper):
        if one is None or not (label or not proper):
            return Reading((two,), letters, label)
        doubtful = label and (not proper or two > _HEAVIEST)
        return Reading((two, one), letters, label, open=doubtful)
    if one is None:
        raise _no_element(text)
    note = DEUTERIUM if word[0] in "dD" else None
    if word.startswith("NH"):
        note = f"{text[:80]!r} is read as nitrogen; its hydrogens have no positions"
    return Reading((one,), letters, label, note=note)


def _no_element(text: str) -> Refusal:
    tetrahedral = "; T is a tetrahedral site" if text.strip()[:1] == "T" else ""
    return Refusal(Code.DUMMY_SPECIES, f"{text[:80]!r} names no chemical element{tetrahedral}")


def species_name(symbol: str, charge: float) -> str:
    """Return an ion's name as pymatgen writes it: ``Fe3+``, ``Na+``, ``O2-``, ``Cu0+``."""
    size = abs(charge)
    if size == 1:
        text = ""
    elif abs(size - round(size)) < 1e-8:
        text = str(round(size))
    else:
        text = str(round(size, 8))
    return f"{symbol}{text}{'-' if charge < 0 else '+'}"


def species_of(word: object) -> tuple[int, str | None]:
    """Return the atomic number of a species in a table or a JSON site, and its name with a charge.

    Args:
        word: a symbol (``Fe``), a symbol with a charge (``Fe3+``) or an atomic number.

    Raises:
        Refusal: it names no element; here no letters are guessed.
    """
    if isinstance(word, str):
        text = word.strip()
        if text in NUMBERS:
            return NUMBERS[text], None
        if text == "D":
            return 1, None
        match = _ION.fullmatch(text)
        if (
            match is not None
            and (symbol := _HEAVY.get(match["symbol"], match["symbol"])) in NUMBERS
        ):
            size = float(match["size"] or 1)
            return NUMBERS[symbol], species_name(symbol, -size if match["sign"] == "-" else size)
        if text.isdecimal() and len(text) <= _DIGITS and 1 <= int(text) <= len(NUMBERS):
            return int(text), None
    elif isinstance(word, int) and 1 <= word <= len(NUMBERS):
        return word, None
    raise Refusal(Code.DUMMY_SPECIES, f"{str(word)[:80]!r} is no chemical element")


_HEAVY: Final = {"D": "H"}
_DIGITS: Final = 3  # of an atomic number
_ION = re.compile(r"(?P<symbol>[A-Z][a-z]?)(?P<size>\d{1,3}(?:\.\d{1,9})?)?(?P<sign>[+-])")
