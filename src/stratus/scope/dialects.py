"""The ways to write SCOPE: their names, how their strings are read, and their tokens."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from stratus.crystals.facets import Crystal, Detail
from stratus.errors import InputError
from stratus.scope.orbit import Scope
from stratus.scope.paper import PaperScope, paper_group, paper_vocabulary, read_shares
from stratus.scope.partial import (
    BETWEEN,
    UNKNOWN,
    check_partial,
    group_number,
    known,
    read_amounts,
)
from stratus.scope.vocabulary import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stratus.scope.vocabulary import Vocabulary

AnyScope: TypeAlias = "Scope | PaperScope"


_REMEMBERED: Final = 1 << 14


class Dialect(StrEnum):
    """A way to write SCOPE."""

    ORBIT = "orbit"
    PAPER = "paper"

    @property
    def scope(self) -> type[AnyScope]:
        """The class of its strings."""
        return Scope if self is Dialect.ORBIT else PaperScope

    @property
    def vocabulary(self) -> Vocabulary:
        """The closed vocabulary of its strings."""
        return vocabulary() if self is Dialect.ORBIT else paper_vocabulary()

    def read(self, text: str) -> Crystal:
        """Read a string of a whole crystal, or (``orbit``) of a partial one.

        Raises:
            stratus.errors.InputError: it is no such string; the message says where.
        """
        if UNKNOWN not in text:
            return self.crystal(text, self.scope.parse(text).n_atoms)
        if self is not Dialect.ORBIT:
            raise InputError(
                f"{text!r} is a partial crystal, which can be written in the {Dialect.ORBIT} "
                f"dialect alone, and {self} is read here"
            )
        return self.crystal(text, detail=check_partial(text))

    def crystals(self, texts: Iterable[str], n_atoms: Iterable[int]) -> tuple[Crystal, ...]:
        """Return what right strings tell of crystals, whole or partial.

        Args:
            texts: n strings.
            n_atoms: n numbers of atoms in primitive cells; 0 where they are unknown.
        """
        partial = self is Dialect.ORBIT
        return tuple(
            self.crystal(text, int(n), known(text) if partial and not n else Detail.WHOLE)
            for text, n in zip(texts, n_atoms, strict=True)
        )

    def crystal(
        self,
        text: str,
        n_atoms: int = 0,
        detail: Detail = Detail.WHOLE,
        notes: tuple[str, ...] = (),
    ) -> Crystal:
        """Return what a string tells of a crystal.

        Args:
            text: a right string of the dialect.
            n_atoms: atoms in the primitive cell; 0 where they are unknown.
            detail: how much is known.
            notes: what was decided when it was written.
        """
        if self is not Dialect.ORBIT:  # its Wyckoff symbols are not canonical, its shares rounded
            group, _, shares = text.split(BETWEEN)
            return Crystal(
                _shares(shares),
                text,
                n_atoms=n_atoms,
                space_group=paper_group(group),
                detail=detail,
                notes=notes,
            )
        group, orbits, words, _ = text.split(BETWEEN)
        composition = _amounts(words)
        return Crystal(
            composition,
            text,
            n_atoms=n_atoms,
            formula_atoms=sum(composition.values()),
            space_group=_group(group),
            wyckoffs=None if orbits == UNKNOWN else " ".join(orbits.split(" ")[1::2]),
            detail=detail,
            notes=notes,
        )


@lru_cache(maxsize=_REMEMBERED)
def _amounts(words: str) -> Mapping[str, int]:
    return MappingProxyType(read_amounts(words))


@lru_cache(maxsize=_REMEMBERED)
def _shares(words: str) -> Mapping[str, float]:
    return MappingProxyType(read_shares(words))


_group = lru_cache(maxsize=None)(group_number)
