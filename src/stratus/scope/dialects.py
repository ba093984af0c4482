"""The ways to write SCOPE: their names, how their strings are read, and their tokens."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from stratus.errors import InputError
from stratus.scope.crystal_text import CrystalText
from stratus.scope.orbit import Scope
from stratus.scope.paper import PaperScope, paper_vocabulary
from stratus.scope.partial import UNKNOWN, check_partial
from stratus.scope.vocabulary import vocabulary

if TYPE_CHECKING:
    from stratus.scope.vocabulary import Vocabulary

AnyScope: TypeAlias = "Scope | PaperScope"


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

    def read(self, text: str) -> CrystalText:
        """Read a string of a whole crystal, or (``orbit``) of a partial one.

        Raises:
            stratus.errors.InputError: it is no such string; the message says where.
        """
        if UNKNOWN not in text:
            return CrystalText(text, self.scope.parse(text).n_atoms)
        if self is not Dialect.ORBIT:
            raise InputError(
                f"{text!r} is a partial crystal, which can be written in the {Dialect.ORBIT} "
                f"dialect alone, and {self} is read here"
            )
        return CrystalText(text, 0, check_partial(text))
