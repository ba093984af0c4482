"""The element that a CIF type symbol or site label means."""

from __future__ import annotations

import re
from functools import lru_cache

from stratus.crystals.elements import NUMBERS
from stratus.crystals.entry import Code, Stage
from stratus.crystals.reading.refusal import Refusal

_HEAVIEST = 103
"""Nobody has a crystal of what lies beyond lawrencium: ``NH3`` is nitrogen and ``CN1`` carbon."""

_WATER = re.compile(r"Wat|wat|WAT|OH|O-H")
_SPECIAL = {"Hw": "H", "Ow": "O", "NO3": "N"}
_DUMMY = re.compile(r"(Vac|vac|VAC|Va\d*$|Dum|DUM|Du\d*$|Cg|Lp|LP|Xx|Bq)")


@lru_cache(maxsize=8192)
def element_of(text: str) -> tuple[int, str | None]:
    """Return the atomic number that a type symbol or label stands for, and a note.

    Follows pymatgen's ``CifParser._parse_symbol``: known names of water first, then the first two
    letters, then the first. Three differences: ``NH3`` is nitrogen (pymatgen reads nihonium); a
    hydroxyl or water name is its oxygen (pymatgen loses the site when it is called ``OH``); names
    of vacancies are dummies (pymatgen reads ``Vac`` as vanadium).

    Raises:
        Refusal: it names no element.
    """
    word = text.strip()
    letters = re.match(r"[A-Za-z]*", word)
    if " + " in word:
        raise Refusal(
            Code.PARTIAL_OCCUPANCY,
            f"a site is shared: {text!r}; stratus reads ordered crystals: "
            "choose an ordered model of it first",
            Stage.CHECKING,
        )
    if letters is None or not letters.group():
        raise Refusal(Code.DUMMY_SPECIES, f"{text!r} names no chemical element")
    if _DUMMY.match(word):
        raise Refusal(Code.DUMMY_SPECIES, f"{text!r} is a vacancy or dummy, no chemical element")
    if _WATER.match(word):
        return 8, f"{text!r} is read as oxygen; its hydrogens have no positions"
    for name, symbol in _SPECIAL.items():
        if word.startswith(name):
            return NUMBERS[symbol], None
    two = word[:2].title()
    if two.isalpha() and two in NUMBERS and not (NUMBERS[two] > _HEAVIEST and word[:2] != two):
        return NUMBERS[two], None
    one = word[0].upper()
    if one in {"D", "T"}:
        return 1, f"{text!r} is read as hydrogen"
    if one in NUMBERS:
        note = f"{text!r} is read as nitrogen; its hydrogens have no positions"
        return NUMBERS[one], note if word.startswith("NH") else None
    raise Refusal(Code.DUMMY_SPECIES, f"{text!r} names no chemical element")


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
        if text in {"D", "T"}:
            return 1, None
        match = _ION.fullmatch(text)
        if match is not None and match["symbol"] in NUMBERS:
            size = float(match["size"] or 1)
            return NUMBERS[match["symbol"]], species_name(
                match["symbol"], -size if match["sign"] == "-" else size
            )
        if text.isdigit() and 1 <= int(text) <= len(NUMBERS):
            return int(text), None
    elif isinstance(word, int) and 1 <= word <= len(NUMBERS):
        return word, None
    raise Refusal(Code.DUMMY_SPECIES, f"{word!r} is no chemical element")


_ION = re.compile(r"(?P<symbol>[A-Z][a-z]?)(?P<size>\d+(?:\.\d+)?)?(?P<sign>[+-])")
