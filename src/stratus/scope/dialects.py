"""The ways to write SCOPE: their names, how their strings are read, and their tokens."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from stratus.scope.orbit import Scope
from stratus.scope.paper import PaperScope, paper_vocabulary
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
