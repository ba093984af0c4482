"""The ``orbit`` dialect: canonical, exact, with an element on each orbit.

``i1 aODD aDOD bOOO cOOO dOOO eOOO | Na 4a Cl 4b | Na 1 Cl 1 | 2`` is rock salt: inversion and
six generators (Fm-3m), two orbits, the composition, the atoms of the primitive cell. The grammar
is written out in ``docs/reference/scope-grammar.md``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Self

from stratus.crystals.canonical import Orbit, canonical_orbits
from stratus.crystals.composition import (
    Composition,
    composition_text,
    number_words,
    reduce_composition,
    reduced_formula,
)
from stratus.crystals.elements import NUMBERS
from stratus.crystals.spacegroups import SpaceGroup, find_space_group, space_group
from stratus.crystals.wyckoff import wyckoff_positions
from stratus.errors import InputError, ScopeSyntaxError
from stratus.scope.vocabulary import SEPARATOR, Role, vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Scope:
    """A crystal without its coordinates.

    Build one with :func:`stratus.encode`, :meth:`from_orbits` or :meth:`parse`; all three give
    the canonical assignment of Wyckoff letters.

    Attributes:
        space_group: 1 to 230.
        orbits: occupied Wyckoff orbits, by letter, then by atomic number.
        composition: exact and reduced, by atomic number.
        n_atoms: atoms in the primitive cell.
    """

    space_group: int
    orbits: tuple[Orbit, ...]
    composition: Composition
    n_atoms: int

    @classmethod
    def from_sites(cls, number: int, sites: tuple[tuple[str, int, int], ...]) -> Self:
        """Build from sorted (letter, atomic number, number of orbits) in any assignment."""
        orbits = canonical_orbits(number, sites)
        amounts: dict[str, int] = {}
        for orbit in orbits:
            amounts[orbit.element] = amounts.get(orbit.element, 0) + orbit.multiplicity
        n_atoms = sum(amounts.values()) // space_group(number).centring_order
        return cls(number, orbits, reduce_composition(amounts), n_atoms)

    @classmethod
    def from_orbits(cls, number: int, orbits: Iterable[tuple[str, str]]) -> Self:
        """Build from (element, Wyckoff letter) pairs in any of the equivalent assignments.

        Args:
            number: space group, 1 to 230.
            orbits: one pair an orbit, such as ``[("Na", "a"), ("Cl", "b")]``.

        Raises:
            stratus.errors.InputError: no orbits, an unknown element or letter, or two orbits on
                a position that one orbit fills.
        """
        positions = wyckoff_positions(number)
        counts: Counter[tuple[str, int]] = Counter()
        on_letter: Counter[str] = Counter()
        for element, letter in orbits:
            if element not in NUMBERS:
                raise InputError(f"{element!r} is no chemical element")
            if letter not in positions:
                raise InputError(
                    f"space group {number} has no Wyckoff letter {letter!r}; "
                    f"it has {''.join(positions)}"
                )
            counts[letter, NUMBERS[element]] += 1
            on_letter[letter] += 1
        if not counts:
            raise InputError("a crystal has at least one orbit")
        for letter, repeat in on_letter.items():
            if repeat > 1 and positions[letter].is_fixed:
                raise InputError(
                    f"{repeat} orbits on {positions[letter].symbol} of space group {number}, which "
                    f"is the single place {positions[letter].coordinates}: one orbit fills it"
                )
        return cls.from_sites(number, tuple(sorted((w, z, n) for (w, z), n in counts.items())))

    @property
    def formula(self) -> str:
        """Reduced formula as pymatgen writes it."""
        return reduced_formula(self.composition)

    @property
    def n_orbits(self) -> int:
        """Number of occupied orbits."""
        return len(self.orbits)

    def __str__(self) -> str:
        """Write the string; :meth:`parse` reads it back."""
        orbits = [word for orbit in self.orbits for word in (orbit.element, orbit.wyckoff)]
        atoms = " ".join(number_words(self.n_atoms))
        return (
            f"{group_text(self.space_group)} | {' '.join(orbits)} | "
            f"{composition_text(self.composition)} | {atoms}"
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a string back; ``Scope.parse(str(scope)) == scope``.

        Raises:
            stratus.errors.ScopeSyntaxError: the text is not the canonical string of a crystal;
                the message names the token and what was expected.
        """
        reader = _Reader(text)
        group = reader.group()
        orbits = reader.orbits(group)
        composition = reader.composition()
        n_atoms = reader.number("the atoms of the primitive cell")
        reader.end()
        try:
            scope = cls.from_orbits(group.number, [(o.element, o.letter) for o in orbits])
        except InputError as error:
            raise ScopeSyntaxError(str(error), text, reader.orbits_at) from None
        for found, expected, at, name in (
            (orbits, scope.orbits, reader.orbits_at, "orbits"),
            (composition, scope.composition, reader.composition_at, "composition"),
            (n_atoms, scope.n_atoms, len(reader.words) - 1, "atoms"),
        ):
            if found != expected:
                raise ScopeSyntaxError(
                    f"the {name} are not those of the canonical string {str(scope)!r}", text, at
                )
        return scope


@cache
def group_text(number: int) -> str:
    """Write a space group, 1 to 230, as the first part of a string."""
    group = space_group(number)
    words = [f"i{int(group.inversion)}", *group.generators]
    if group.origin:
        words.append(f"o{group.origin}")
    return " ".join(words)


class _Reader:
    """Reads the words of one string from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = text.split(" ")
        self.at = 0
        self.orbits_at = 0
        self.composition_at = 0
        self.vocabulary = vocabulary()
        self.vocabulary.ids(text)  # every word is a token, or an error

    def role(self) -> Role | None:
        return None if self.at >= len(self.words) else self.vocabulary.role(self.words[self.at])

    def take(self, role: Role, what: str) -> str:
        if self.role() is not role:
            found = repr(self.words[self.at]) if self.at < len(self.words) else "the end"
            raise ScopeSyntaxError(f"expected {what}, found {found}", self.text, self.at)
        self.at += 1
        return self.words[self.at - 1]

    def separator(self, after: str) -> None:
        self.take(Role.SEPARATOR, f"{SEPARATOR!r} after {after}")

    def group(self) -> SpaceGroup:
        inversion = self.take(Role.INVERSION, "i0 or i1") == "i1"
        generators = []
        while self.role() is Role.GENERATOR:
            generators.append(self.take(Role.GENERATOR, "a generator"))
        origin = self.take(Role.ORIGIN, "an origin")[1:] if self.role() is Role.ORIGIN else ""
        found = find_space_group(inversion=inversion, generators=tuple(generators), origin=origin)
        if found is None:
            raise ScopeSyntaxError("no space group is written with these generators", self.text, 0)
        self.separator("the space group")
        return found

    def orbits(self, group: SpaceGroup) -> tuple[Orbit, ...]:
        self.orbits_at = self.at
        positions = {p.symbol: p for p in wyckoff_positions(group.number).values()}
        orbits: list[Orbit] = []
        while not orbits or self.role() is not Role.SEPARATOR:
            element = self.take(Role.ELEMENT, "the element of an orbit")
            wyckoff = self.take(Role.WYCKOFF, f"the Wyckoff position of {element}")
            if wyckoff not in positions:
                raise ScopeSyntaxError(
                    f"space group {group.number} ({group.symbol}) has no position {wyckoff}",
                    self.text,
                    self.at - 1,
                )
            position = positions[wyckoff]
            orbits.append(Orbit(element, position.letter, position.multiplicity))
        self.separator("the orbits")
        return tuple(orbits)

    def composition(self) -> Composition:
        self.composition_at = self.at
        pairs: list[tuple[str, int]] = []
        while not pairs or self.role() is not Role.SEPARATOR:
            element = self.take(Role.ELEMENT, "an element of the composition")
            pairs.append((element, self.number(f"the amount of {element}")))
        self.separator("the composition")
        return tuple(pairs)

    def number(self, what: str) -> int:
        value, start = 0, self.at
        while True:
            word = self.take(Role.NUMBER, what)
            value = value * 100 + int(word.rstrip("_"))
            if not word.endswith("_"):
                break
        if " ".join(number_words(value)) != " ".join(self.words[start : self.at]) or not value:
            raise ScopeSyntaxError(
                f"{what} must be a positive number without leading zeros", self.text, start
            )
        return value

    def end(self) -> None:
        if self.at < len(self.words):
            raise ScopeSyntaxError(
                f"expected the end, found {self.words[self.at]!r}", self.text, self.at
            )
