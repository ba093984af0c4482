"""The ``paper`` dialect: bit for bit what the published CLOUD converter writes.

It exists for the published weights, which were trained on it with all its faults: the order of
the input's atoms decides the order of the words, orbits with one letter collapse, no element
stands on an orbit, fractions are rounded to two decimals, and three generator strings are wrong.
For everything else the ``orbit`` dialect is better.

Source: CLOUD, ``structure_to_str.py`` (reduced form), as published.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Self

import numpy as np

from stratus.crystals.elements import NUMBERS, SYMBOLS
from stratus.crystals.spacegroups import COUNT, space_group, split_encoding
from stratus.crystals.wyckoff import wyckoff_positions
from stratus.errors import InputError, ScopeSyntaxError
from stratus.scope.vocabulary import SCHEMA_VERSION, SEPARATOR, Role, Vocabulary, vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

_ISOTOPES = {"D": "H", "T": "H"}  # symbols pymatgen knows beside the elements


@dataclass(frozen=True, slots=True)
class PaperScope:
    """A string of the published dialect.

    Attributes:
        space_group: 1 to 230.
        wyckoffs: each occupied Wyckoff symbol once, in order of first appearance.
        fractions: (symbol, fraction rounded to two decimals) in order of first appearance.
        formula: reduced formula; not in the string, empty after :meth:`parse`.
        n_atoms: atoms in the primitive cell; not in the string, 0 after :meth:`parse`.
        n_orbits: occupied orbits; not in the string, 0 after :meth:`parse`.
    """

    space_group: int
    wyckoffs: tuple[str, ...]
    fractions: tuple[tuple[str, str], ...]
    formula: str = field(default="", compare=False)
    n_atoms: int = field(default=0, compare=False)
    n_orbits: int = field(default=0, compare=False)

    def __str__(self) -> str:
        """Write the string; :meth:`parse` reads it back."""
        pairs = [word for pair in self.fractions for word in pair]
        return " | ".join(
            (" ".join(paper_encoding(self.space_group)), " ".join(self.wyckoffs), " ".join(pairs))
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a string of the published dialect.

        Raises:
            stratus.errors.ScopeSyntaxError: the text is no such string; the message names the
                token and what was expected.
        """
        words = text.split(" ")
        bars = [k for k, word in enumerate(words) if word == SEPARATOR]
        if len(bars) != 2:
            raise ScopeSyntaxError(
                f"expected three sections between two '|', found {len(bars) + 1}", text, len(words)
            )
        number = paper_group(" ".join(words[: bars[0]]))
        if number is None or any(len(word) != 1 for word in words[: bars[0]]):
            raise ScopeSyntaxError("no space group is written with these generators", text, 0)
        wyckoffs = _wyckoffs(words[bars[0] + 1 : bars[1]], number, text, bars[0] + 1)
        return cls(number, wyckoffs, _fractions(words[bars[1] + 1 :], text, bars[1] + 1))


def _wyckoffs(words: list[str], number: int, text: str, start: int) -> tuple[str, ...]:
    symbols = {p.symbol for p in wyckoff_positions(number).values()}
    for k, word in enumerate(words):
        if word not in symbols:
            raise ScopeSyntaxError(
                f"space group {number} has no Wyckoff position {word!r}", text, start + k
            )
        if word in words[:k]:
            raise ScopeSyntaxError(f"Wyckoff position {word!r} stands twice", text, start + k)
    if not words:
        raise ScopeSyntaxError("expected a Wyckoff position", text, start)
    return tuple(words)


def _fractions(words: list[str], text: str, start: int) -> tuple[tuple[str, str], ...]:
    if not words or len(words) % 2:
        raise ScopeSyntaxError(
            "expected elements, each with its fraction", text, start + len(words)
        )
    pairs = tuple(zip(words[::2], words[1::2], strict=True))
    seen: set[str] = set()
    for k, (element, fraction) in enumerate(pairs):
        if element not in NUMBERS and element not in _ISOTOPES:
            raise ScopeSyntaxError(f"{element!r} is no chemical element", text, start + 2 * k)
        if element in seen:
            raise ScopeSyntaxError(f"{element!r} stands twice", text, start + 2 * k)
        seen.add(element)
        if fraction not in _rounded_fractions():
            raise ScopeSyntaxError(
                f"{fraction!r} is none of 0.0, 0.01, ... 1.0", text, start + 2 * k + 1
            )
    if not any(float(fraction) for _, fraction in pairs):
        raise ScopeSyntaxError("expected a fraction above 0", text, start + 1)
    return pairs


@cache
def _rounded_fractions() -> tuple[str, ...]:
    return tuple(str(k / 100) for k in range(101))


def read_shares(composition: str) -> dict[str, float]:
    """Return the rounded share of each element: ``O 0.5 Ca 0.5`` is half O and half Ca.

    Args:
        composition: that part of a string; D and T are H.
    """
    words = composition.split(" ")
    shares: dict[str, float] = {}
    for word, share in zip(words[::2], words[1::2], strict=True):
        symbol = _ISOTOPES.get(word, word)
        shares[symbol] = shares.get(symbol, 0.0) + float(share)
    return shares


@cache
def paper_vocabulary() -> Vocabulary:
    """Return the words that strings of the dialect can have, after the special tokens.

    Published weights come with a vocabulary of their own. A word has several meanings: ``C`` is a
    letter of a generator and an element.
    """
    orbit = vocabulary()
    special = [word for word in orbit.tokens if orbit.role(word) is Role.SPECIAL]
    groups = range(1, COUNT + 1)
    letters = {letter for number in groups for letter in paper_encoding(number)}
    symbols = {p.symbol for number in groups for p in wyckoff_positions(number).values()}
    words = dict.fromkeys(
        [
            SEPARATOR,
            *sorted(letters),
            *sorted(symbols, key=lambda symbol: (int(symbol[:-1]), symbol)),
            *NUMBERS,
            *_ISOTOPES,
            *_rounded_fractions(),
        ]
    )
    roles = [Role.SPECIAL] * len(special) + [Role.SHARED] * len(words)
    return Vocabulary((*special, *words), tuple(roles), SCHEMA_VERSION)


@cache
def paper_encoding(number: int) -> str:
    """Return the generator string that the published converter writes for a space group."""
    text = files("stratus.scope").joinpath("data/paper.json").read_text("utf-8")
    deviating: dict[str, str] = json.loads(text)["generators"]
    encoding = deviating.get(str(number), space_group(number).encoding)
    split_encoding(encoding)
    return encoding


def paper_group(words: str) -> int | None:
    """Return the number of the space group that the first part of a string writes, if it is one."""
    return _by_encoding().get(words.replace(" ", ""))


@cache
def _by_encoding() -> dict[str, int]:
    return {paper_encoding(number): number for number in range(1, COUNT + 1)}


def species_kinds(species: Sequence[object]) -> list[int]:
    """Number the species 1, 2, ... in order of first appearance, as pymatgen does for spglib."""
    seen: dict[object, int] = {}
    return [seen.setdefault(one, len(seen) + 1) for one in species]


def first_appearances(number: int, letters: Sequence[str]) -> tuple[str, ...]:
    """Return each occupied Wyckoff symbol once, in order of first appearance."""
    positions = wyckoff_positions(number)
    return tuple(positions[letter].symbol for letter in dict.fromkeys(letters))


def rounded_composition(numbers: Sequence[int]) -> tuple[tuple[str, str], ...]:
    """Return (symbol, rounded fraction) by first appearance among the sites.

    Raises:
        stratus.errors.InputError: there are no sites.
    """
    if not numbers:
        raise InputError("a crystal has at least one atom")
    counts: dict[int, int] = {}
    for number in numbers:
        counts[number] = counts.get(number, 0) + 1
    total = float(len(numbers))
    return tuple(
        (SYMBOLS[number], str(np.round(count / total, 2))) for number, count in counts.items()
    )
