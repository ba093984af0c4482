"""What the views of SCOPE strings have in common: token ids, and what they mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stratus.crystals.facets import Facet, ReadFacet
from stratus.errors import InputError
from stratus.names import pick
from stratus.scope.dialects import Dialect
from stratus.scope.encode import encode
from stratus.scope.vocabulary import SCHEMA_VERSION, Vocabulary
from stratus.views.stored_config import stored_config
from stratus.views.table import view_class
from stratus.views.view import require_facet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from stratus.crystals.entry import Entry
    from stratus.crystals.facets import Crystal
    from stratus.views.keys import Batch, Key
    from stratus.views.ragged import Ints
    from stratus.views.view import IntOrInts, View

    Tokens = npt.NDArray[np.uint16]

VOCABULARY_FILE: Final = "vocabulary.json"

_DIALECTS: Final = {dialect.value: dialect for dialect in Dialect}


class TokenConfig(BaseModel):
    """What a bundle keeps of a view of strings, beside its vocabulary.

    Attributes:
        dialect: how SCOPE is written.
        max_length: most parts of the encoder that a crystal may have.
        vocabulary_sha256: of the vocabulary that the ids belong to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dialect: Literal["orbit", "paper"]
    max_length: int = Field(ge=2)
    vocabulary_sha256: str


class TokenView(ABC):
    """A view of SCOPE strings; a sample is the ids of its words, uint16 ``[n]``.

    Args:
        vocabulary: the tokens and their ids.
        max_length: most parts of the encoder that a crystal may have, [CLS] and [SEP] included.
        dialect: of the strings.

    Raises:
        stratus.errors.InputError: the view cannot read strings of this dialect, or this vocabulary.
    """

    name: ClassVar[str]
    facet: ClassVar[Facet] = Facet.SCOPE
    padded: ClassVar[bool] = True
    keys: ClassVar[Sequence[Key]] = ()
    fields: ClassVar[int]
    """How many tokens one part can stand for, as far as a head tells them apart."""
    dialects: ClassVar[tuple[Dialect, ...]] = (Dialect.ORBIT,)
    """The dialects whose strings it can read."""

    def __init__(
        self, vocabulary: Vocabulary, max_length: int, dialect: str = Dialect.ORBIT
    ) -> None:
        self.vocabulary = vocabulary
        self.max_length = max_length
        self.dialect = pick(_DIALECTS, str(dialect), "dialect")
        self._require_dialect(self.dialect)

    @classmethod
    def _require_dialect(cls, dialect: Dialect) -> None:
        if dialect not in cls.dialects:
            raise InputError(
                f"the view {cls.name!r} reads the {' and '.join(cls.dialects)} dialect, not "
                f"{dialect}; take the encoder cloud"
            )

    @classmethod
    def of_encoder(cls, config: BaseModel, strings: str) -> Self:
        """Return the view that an encoder of a config reads; see :class:`View`."""
        dialect = Dialect(strings)
        return cls(dialect.vocabulary, config.max_length, dialect)  # type: ignore[attr-defined]

    @classmethod
    def stored(cls, config: Mapping[str, Any], files: Mapping[str, str]) -> Self:
        """Return a view that a bundle holds; see :class:`View`."""
        found = stored_config(TokenConfig, config)
        if VOCABULARY_FILE not in files:
            raise InputError(f"it has no {VOCABULARY_FILE}, which says what the token ids mean")
        try:
            words = Vocabulary.from_json(files[VOCABULARY_FILE])
        except InputError as error:
            raise InputError(f"{VOCABULARY_FILE}: {error}") from None
        if words.schema_version != SCHEMA_VERSION:
            raise InputError(
                f"the vocabulary has schema version {words.schema_version}; this version of "
                f"stratus writes version {SCHEMA_VERSION}, whose words mean something else"
            )
        if words.sha256 != found.vocabulary_sha256:
            raise InputError("the vocabulary is not the one the model was made with; copy it again")
        if Dialect(found.dialect) is Dialect.ORBIT and words != Dialect.ORBIT.vocabulary:
            raise InputError("the vocabulary is not that of the orbit dialect")
        return cls(words, found.max_length, found.dialect)

    @classmethod
    def encoder_values(cls, strings: str) -> Mapping[str, object]:
        """Return the size of the vocabulary of strings that are written so; see :class:`View`."""
        dialect = Dialect(strings)
        cls._require_dialect(dialect)
        return {"vocabulary_size": len(dialect.vocabulary)}

    @cached_property
    def config(self) -> TokenConfig:
        """What a bundle keeps of it beside the vocabulary."""
        return TokenConfig(
            dialect=self.dialect.value,
            max_length=self.max_length,
            vocabulary_sha256=self.vocabulary.sha256,
        )

    @property
    def reads(self) -> ReadFacet:
        """The facet, and the dialect of its strings."""
        return ReadFacet(self.facet, self.dialect.value)

    def files(self) -> Mapping[str, str]:
        """Return the vocabulary."""
        return {VOCABULARY_FILE: self.vocabulary.to_json()}

    def check_encoder(self, config: BaseModel) -> None:
        """Refuse an encoder of other tokens or of fewer parts; see :class:`View`."""
        words = self.vocabulary
        rows = getattr(config, "vocabulary_size", len(words))
        if rows != len(words):
            raise InputError(f"the encoder has {rows} tokens, but the vocabulary has {len(words)}")
        longest = getattr(config, "max_length", self.max_length)
        if self.max_length > longest:
            raise InputError(
                f"max_length is {self.max_length}, but the encoder takes {longest} parts at most"
            )
        padding = getattr(config, "pad_id", words.index["[PAD]"])
        if padding != words.index["[PAD]"]:
            raise InputError(f"pad_id is {padding}, but [PAD] has the id {words.index['[PAD]']}")

    def tokens(self, text: str) -> Tokens:
        """Return the token ids of a SCOPE string, uint16 ``[n]``, without special tokens.

        Raises:
            stratus.errors.ScopeSyntaxError: a word is no token of the vocabulary.
        """
        return np.array(self.vocabulary.ids(text), dtype=np.uint16)

    def sample(self, crystal: Crystal) -> Tokens:
        """Return the token ids of a crystal's string; see :class:`View`."""
        require_facet(self, crystal, "give a structure, a SCOPE string or a formula")
        sample = self.tokens(str(crystal.scope))
        if self.length(len(sample)) > self.max_length:
            self.check_sizes(self.sizes([sample]), [sample])  # a length may be an upper bound
        return sample

    def document(self) -> dict[str, object]:
        """Return what another program must know to make its samples, as plain values."""
        return {
            "dialect": self.dialect.value,
            "view": self.name,
            "max_length": self.max_length,
            "vocabulary": list(self.vocabulary.tokens),
        }

    def crystal(self, entry: Entry) -> Crystal:
        """Return a structure with the string that the view reads.

        Raises:
            stratus.errors.StratusError: it has none.
        """
        scope = encode(entry, dialect=self.dialect)
        return self.dialect.crystal(str(scope), scope.n_atoms)

    def notes(self, sample: Tokens) -> tuple[str, ...]:  # noqa: ARG002 - of the protocol
        """Return nothing: a string is seen as it is."""
        return ()

    def special(self, token: str) -> int:
        """Return the id of a special token.

        Raises:
            stratus.errors.InputError: the vocabulary has none of that name.
        """
        if token not in self.vocabulary.index:
            raise InputError(f"the vocabulary has no token {token}, which every batch needs")
        return self.vocabulary.index[token]

    def check_sizes(self, sizes: Ints, samples: Sequence[Tokens]) -> None:
        """Refuse what is too long; nothing is ever cut off.

        Raises:
            stratus.errors.InputError: with the size, the limit and the string.
        """
        if sizes.max() <= self.max_length:
            return
        at = int(np.argmax(sizes > self.max_length))
        raise InputError(
            f"a crystal has {sizes[at]} parts in the view {self.name!r}, more than the limit of "
            f"{self.max_length}; leave it out or use a longer limit: "
            f"{self.vocabulary.text(samples[at].tolist())!r}"
        )

    @abstractmethod
    def length(self, n_tokens: IntOrInts) -> IntOrInts:
        """Return the most parts that a string of so many tokens can have; one, or an array."""

    @abstractmethod
    def sizes(self, samples: Sequence[Tokens]) -> Ints:
        """Return the parts that the encoder sees of each sample, exactly, int64 ``[B]``."""

    @abstractmethod
    def collate(self, samples: Sequence[Tokens]) -> Batch:
        """Return the batch of some samples; see :class:`View`."""


def require_tokens(view: View, why: str) -> TokenView:
    """Return a view that is one of strings.

    Args:
        view: any.
        why: what needs it, as the begin of a sentence.

    Raises:
        stratus.errors.InputError: it is another.
    """
    if not isinstance(view, TokenView):
        raise InputError(f"{why} needs a model of SCOPE strings, and this one reads {view.facet}")
    return view


def token_view(
    name: str, vocabulary: Vocabulary, max_length: int, dialect: str = Dialect.ORBIT
) -> TokenView:
    """Make a view of strings.

    Args:
        name: ``sequence``, ``orbit-set`` or ``composition``.
        vocabulary: the tokens of the dialect.
        max_length: most parts of the encoder that a crystal may have, [CLS] and [SEP] included.
        dialect: of the strings.

    Raises:
        stratus.errors.InputError: no such view, or it cannot read this vocabulary.
    """
    kind = view_class(name)
    if not issubclass(kind, TokenView):
        raise InputError(f"the view {name!r} reads no strings")
    return kind(vocabulary, max_length, dialect)
