"""The view of BERT: the words in their order, between [CLS] and [SEP]."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from stratus.scope.dialects import Dialect
from stratus.scope.vocabulary import Role
from stratus.views.keys import GROUPS, TOKENS
from stratus.views.ragged import Ragged
from stratus.views.token_view import TokenView
from stratus.views.view import mask_tensors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratus.scope.vocabulary import Vocabulary
    from stratus.views.keys import Batch
    from stratus.views.ragged import Ints
    from stratus.views.token_view import Tokens
    from stratus.views.view import IntOrInts

_AROUND = 2  # [CLS] and [SEP]


class SequenceView(TokenView):
    """One row a word; serves every dialect."""

    name: ClassVar[str] = "sequence"
    fields: ClassVar[int] = 1
    dialects: ClassVar[tuple[Dialect, ...]] = tuple(Dialect)

    def __init__(
        self, vocabulary: Vocabulary, max_length: int, dialect: str = Dialect.ORBIT
    ) -> None:
        super().__init__(vocabulary, max_length, dialect)
        self._pad = self.special("[PAD]")
        self._cls = self.special("[CLS]")
        self._sep = self.special("[SEP]")
        self._is_wyckoff = np.array([role is Role.WYCKOFF for role in vocabulary.roles])
        self._is_element = np.array([role is Role.ELEMENT for role in vocabulary.roles])

    def length(self, n_tokens: IntOrInts) -> IntOrInts:
        """Return the rows of a string of so many tokens; exact."""
        return n_tokens + _AROUND

    def sizes(self, samples: Sequence[Tokens]) -> Ints:
        """Return the rows of each sample, int64 ``[B]``."""
        return self.length(np.fromiter(map(len, samples), np.int64, len(samples)))

    def collate(self, samples: Sequence[Tokens]) -> Batch:
        """Return ``tokens`` and ``groups`` ``[B, L]``, ``mask`` ``[B, L]`` and ``padding``."""
        strings = Ragged.of(samples)
        lengths = self.length(strings.lengths)
        self.check_sizes(lengths, samples)
        column = np.arange(int(lengths.max()))
        words = (column > 0) & (column <= strings.lengths[:, None])
        tokens = np.full(words.shape, self._pad, dtype=np.int64)
        tokens[:, 0] = self._cls
        tokens[words] = strings.tokens
        tokens[np.arange(len(samples)), strings.lengths + 1] = self._sep
        groups = np.zeros_like(tokens)
        groups[words] = self._orbits(strings)
        return {
            TOKENS: torch.from_numpy(tokens),
            GROUPS: torch.from_numpy(groups),
            **mask_tensors(lengths),
        }

    def _orbits(self, strings: Ragged) -> Ints:
        """Number the orbits of each string: an element with the Wyckoff symbol that follows it."""
        wyckoff = self._is_wyckoff[strings.tokens]
        before_wyckoff = np.append(wyckoff[1:], False)
        element = self._is_element[strings.tokens] & before_wyckoff
        return np.where(wyckoff | element, strings.count(wyckoff) + element, 0)
