"""What a view offers: from a SCOPE string to a sample, from samples to a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from stratus.errors import InputError
from stratus.views.keys import MASK, PADDING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratus.scope.vocabulary import Vocabulary
    from stratus.views.keys import Batch
    from stratus.views.ragged import Ints

Sample: TypeAlias = npt.NDArray[np.uint16]
IntOrInts = TypeVar("IntOrInts", int, npt.NDArray[np.int64])


class View(Protocol):
    """How an encoder sees a crystal.

    Attributes:
        name: its name in the table.
        fields: how many tokens one row of the encoder can stand for, as far as a head tells them
            apart.
        vocabulary: the tokens and their ids.
        max_length: most rows of the encoder that a crystal may have.
    """

    name: ClassVar[str]
    fields: ClassVar[int]
    vocabulary: Vocabulary
    max_length: int

    def __init__(self, vocabulary: Vocabulary, max_length: int) -> None:
        """Take the tokens, and the most rows that a crystal may have."""

    def tokens(self, text: str) -> Sample:
        """Return the token ids of a SCOPE string, uint16 ``[n]``, without special tokens.

        Raises:
            stratus.errors.ScopeSyntaxError: a word is no token of the vocabulary.
        """

    def length(self, n_tokens: IntOrInts) -> IntOrInts:
        """Return the most rows that a string of so many tokens can have; one, or an array."""

    def lengths(self, samples: Sequence[Sample]) -> Ints:
        """Return the rows that the encoder sees of each sample, exactly, int64 ``[B]``."""

    def collate(self, samples: Sequence[Sample]) -> Batch:
        """Return the batch of some samples; its keys are in :mod:`stratus.views.keys`.

        Raises:
            stratus.errors.InputError: no samples, or one with more rows than ``max_length``.
        """


def special(vocabulary: Vocabulary, token: str) -> int:
    """Return the id of a special token.

    Raises:
        stratus.errors.InputError: the vocabulary has none of that name.
    """
    if token not in vocabulary.index:
        raise InputError(f"the vocabulary has no token {token}, which every batch needs")
    return vocabulary.index[token]


def encode_words(vocabulary: Vocabulary, text: str) -> Sample:
    """Return the ids of the words of a string, uint16 ``[n]``."""
    return np.array(vocabulary.ids(text), dtype=np.uint16)


def check_lengths(view: View, lengths: Ints, samples: Sequence[Sample]) -> None:
    """Refuse what is too long; nothing is ever cut off.

    Raises:
        stratus.errors.InputError: with the length, the limit and the string.
    """
    if lengths.max() <= view.max_length:
        return
    at = int(np.argmax(lengths > view.max_length))
    raise InputError(
        f"a crystal has {lengths[at]} rows in the view {view.name!r}, more than the limit of "
        f"{view.max_length}; leave it out or use a longer limit: "
        f"{view.vocabulary.text(samples[at].tolist())!r}"
    )


def mask_tensors(lengths: Ints) -> Batch:
    """Return ``mask`` and ``padding`` for rows of the given lengths."""
    longest = int(lengths.max())
    missing = int((longest - lengths).sum())
    return {
        MASK: torch.from_numpy(np.arange(longest) < lengths[:, None]),
        PADDING: torch.tensor([missing] if missing else [], dtype=torch.int64),
    }
