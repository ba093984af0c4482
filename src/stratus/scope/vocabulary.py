"""The closed vocabulary of the ``orbit`` dialect: every token has one role and one id.

The tokens of a string are its words, so tokenising is ``text.split(" ")`` and a dictionary
look-up. Whole numbers are written to the base of a hundred (``137`` is ``1_ 37``), so a finite
vocabulary holds every crystal and there is no unknown token.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from stratus.errors import ScopeSyntaxError

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA_VERSION: Final = 1
"""Version of the grammar and of the ids; a model trained with one refuses another."""

SEPARATOR: Final = "|"


class Role(StrEnum):
    """What a token stands for."""

    SPECIAL = "special"
    SEPARATOR = "separator"
    INVERSION = "inversion"
    GENERATOR = "generator"
    ORIGIN = "origin"
    WYCKOFF = "wyckoff"
    ELEMENT = "element"
    NUMBER = "number"


@dataclass(frozen=True)
class Vocabulary:
    """Tokens, their roles and their ids.

    Attributes:
        tokens: all tokens; the id of a token is its place.
        roles: the role of each token.
        schema_version: the version these ids belong to.
    """

    tokens: tuple[str, ...]
    roles: tuple[Role, ...]
    schema_version: int

    @cached_property
    def index(self) -> dict[str, int]:
        """The id of each token."""
        return {token: k for k, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.tokens)

    def ids(self, text: str) -> list[int]:
        """Return the token ids of a SCOPE string.

        Raises:
            stratus.errors.ScopeSyntaxError: a word is no token of the orbit dialect.
        """
        table, words = self.index, text.split(" ")
        try:
            return [table[word] for word in words]
        except KeyError as error:
            word = error.args[0]
            raise ScopeSyntaxError(
                f"{word!r} is no token of the orbit dialect", text, words.index(word)
            ) from None

    def text(self, ids: Iterable[int]) -> str:
        """Return the string whose token ids these are."""
        return " ".join(self.tokens[k] for k in ids)

    def role(self, token: str) -> Role:
        """Return what a token stands for.

        Raises:
            KeyError: it is no token of the vocabulary.
        """
        return self.roles[self.index[token]]


@cache
def vocabulary() -> Vocabulary:
    """Return the vocabulary of the orbit dialect."""
    text = files("stratus.scope").joinpath("data/vocabulary.json").read_text("utf-8")
    table = json.loads(text)
    pairs = [(token, Role(role)) for role, tokens in table["tokens"] for token in tokens]
    tokens, roles = zip(*pairs, strict=True)
    return Vocabulary(tokens, roles, table["schema_version"])


def number_words(number: int) -> list[str]:
    """Write a whole number to the base of a hundred: 7 is ``7``, 137 is ``1_ 37``."""
    words = [str(number % 100)]
    while number := number // 100:
        words.append(f"{number % 100}_")
    return words[::-1]
