"""Closed vocabularies. In that of the ``orbit`` dialect every token has one role and one id.

The tokens of a string are its words, so tokenising is ``text.split(" ")`` and a dictionary
look-up. Whole numbers are written to the base of a hundred (``137`` is ``1_ 37``), so a finite
vocabulary holds every crystal and there is no unknown token.

A published tokenizer becomes a vocabulary too; its words have several meanings each
(:attr:`Role.SHARED`), and those it does not hold are an error.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Final, Self

from stratus.errors import InputError, ScopeSyntaxError

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
    SHARED = "shared"  # more than one meaning, as in published tokenizers


@dataclass(frozen=True)
class Vocabulary:
    """Tokens, their roles and their ids.

    Attributes:
        tokens: all tokens; the id of a token is its place.
        roles: the role of each token.
        schema_version: the version these ids belong to.

    Raises:
        stratus.errors.InputError: a token stands twice, or is no word.
    """

    tokens: tuple[str, ...]
    roles: tuple[Role, ...]
    schema_version: int

    def __post_init__(self) -> None:
        """Refuse tokens that cannot be told apart in a string."""
        for token, count in Counter(self.tokens).items():
            if count > 1:
                raise InputError(f"the token {token!r} stands {count} times in a vocabulary")
            if not token or token.split() != [token]:
                raise InputError(f"{token!r} cannot be a token: it is no single word")
        if len(self.roles) != len(self.tokens):
            raise InputError(
                f"a vocabulary has {len(self.tokens)} tokens and {len(self.roles)} roles"
            )

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
            stratus.errors.ScopeSyntaxError: a word is not in the vocabulary; the text names it.
        """
        table, words = self.index, text.split(" ")
        try:
            return [table[word] for word in words]
        except KeyError as error:
            word = error.args[0]
            raise ScopeSyntaxError(
                f"{word!r} is no token of the vocabulary", text, words.index(word)
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

    @property
    def sha256(self) -> str:
        """The SHA-256 of tokens, roles and version: equal where the ids mean the same."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Write the vocabulary: one ``[role, tokens]`` pair for each run of a role, by id."""
        runs = [
            [role.value, [token for _, token in run]]
            for role, run in groupby(zip(self.roles, self.tokens, strict=True), lambda p: p[0])
        ]
        table = {"schema_version": self.schema_version, "tokens": runs}
        return json.dumps(table, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote; nothing in it is guessed or left out.

        Raises:
            stratus.errors.InputError: it is no such text; the message says where.
        """
        try:
            table = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"a vocabulary is JSON, and this is not: {error}") from None
        if not isinstance(table, dict) or set(table) != {"schema_version", "tokens"}:
            raise InputError("a vocabulary has the keys schema_version and tokens, and no others")
        version, runs = table["schema_version"], table["tokens"]
        if version != SCHEMA_VERSION or type(version) is not int:
            raise InputError(
                f"the vocabulary has schema version {version!r}; "
                f"this version of stratus reads {SCHEMA_VERSION}"
            )
        tokens: list[str] = []
        roles: list[Role] = []
        for run in runs if isinstance(runs, list) else [runs]:
            role, words = _run(run)
            tokens += words
            roles += [role] * len(words)
        return cls(tuple(tokens), tuple(roles), version)


def _run(run: object) -> tuple[Role, list[str]]:
    match run:
        case [str() as role, list() as words] if all(isinstance(word, str) for word in words):
            if role not in set(Role):
                raise InputError(f"a vocabulary names the role {role!r}, which does not exist")
            return Role(role), words
    raise InputError("the tokens of a vocabulary are a list of [role, [token, ...]] pairs")


@cache
def vocabulary() -> Vocabulary:
    """Return the vocabulary of the orbit dialect."""
    text = files("stratus.scope").joinpath("data/vocabulary.json").read_text("utf-8")
    return Vocabulary.from_json(text)
