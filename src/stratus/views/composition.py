"""A crystal as its elements and their shares; nothing of its symmetry is seen.

Of a string of the orbit dialect only the third part is read, so what stands in the others makes no
difference to the batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from stratus.crystals.elements import NUMBERS
from stratus.errors import InputError
from stratus.scope.dialects import Dialect
from stratus.scope.vocabulary import Role
from stratus.views.keys import ELEMENTS, FRACTIONS
from stratus.views.ragged import Ragged
from stratus.views.token_view import TokenView
from stratus.views.view import mask_tensors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratus.scope.vocabulary import Vocabulary
    from stratus.views.keys import Batch
    from stratus.views.ragged import Bools, Ints
    from stratus.views.token_view import Tokens
    from stratus.views.view import IntOrInts

Amounts: TypeAlias = npt.NDArray[np.float64]

_SEPARATORS: Final = 3
_COMPOSITION: Final = 2  # the section of the composition, counted in separators
_BASE: Final = 100.0  # of the number words

# What a word is to a composition, and which words may follow it there.
_OTHER, _ELEMENT, _HIGHER, _UNITS, _SEPARATOR = range(5)
_MAY_FOLLOW: Final = np.zeros((5, 5), dtype=np.bool_)
_MAY_FOLLOW[_SEPARATOR, _ELEMENT] = True
_MAY_FOLLOW[_ELEMENT, [_HIGHER, _UNITS]] = True
_MAY_FOLLOW[_HIGHER, [_HIGHER, _UNITS]] = True
_MAY_FOLLOW[_UNITS, [_ELEMENT, _SEPARATOR]] = True


class CompositionView(TokenView):
    """One row an element; serves the orbit dialect.

    A row stands for no token that could be masked and predicted, so ``fields`` is 0.
    """

    name: ClassVar[str] = "composition"
    fields: ClassVar[int] = 0

    def __init__(
        self, vocabulary: Vocabulary, max_length: int, dialect: str = Dialect.ORBIT
    ) -> None:
        super().__init__(vocabulary, max_length, dialect)
        if missing := {Role.SEPARATOR, Role.ELEMENT, Role.NUMBER} - set(vocabulary.roles):
            raise InputError(
                f"the view {self.name!r} reads the orbit dialect; this vocabulary has no token of "
                f"the roles {', '.join(sorted(missing))}, so take the encoder cloud"
            )
        pairs = list(zip(vocabulary.tokens, vocabulary.roles, strict=True))
        self._kind = np.array([_kind(word, role) for word, role in pairs])
        self._number = np.array([_number(word, role) for word, role in pairs])

    def length(self, n_tokens: IntOrInts) -> IntOrInts:
        """Return the most elements that a string of so many tokens can have.

        All but the three separators in pairs of an element and its amount; :meth:`lengths` is
        exact.
        """
        return (n_tokens - _SEPARATORS) // 2

    def sizes(self, samples: Sequence[Tokens]) -> Ints:
        """Return the elements of each sample, int64 ``[B]``."""
        strings = Ragged.of(samples)
        return strings.total(self._elements(strings, self._section(strings)))

    def collate(self, samples: Sequence[Tokens]) -> Batch:
        """Return ``elements`` and ``fractions`` ``[B, E]``, ``mask`` ``[B, E]`` and ``padding``.

        The shares are computed from the exact amounts in float64, then rounded to float32.

        Raises:
            stratus.errors.InputError: as :meth:`stratus.views.view.View.collate`, or a sample is
                no string with a composition as the orbit dialect writes it.
        """
        strings = Ragged.of(samples)
        section = self._section(strings)
        self._check(self._is_wrong(strings, section), samples)
        opens = self._elements(strings, section)
        lengths = strings.total(opens)
        self.check_sizes(lengths, samples)

        amounts = self._amounts(strings, section, opens)
        rows = strings.rows[opens]
        self._check(np.bincount(rows, amounts <= 0, len(samples)) > 0, samples)
        totals = np.bincount(rows, amounts, len(samples))
        real = np.arange(int(lengths.max())) < lengths[:, None]
        elements = np.zeros(real.shape, dtype=np.int64)
        elements[real] = self._number[strings.tokens[opens]]
        fractions = np.zeros(real.shape, dtype=np.float32)
        fractions[real] = amounts / totals[rows]
        return {
            ELEMENTS: torch.from_numpy(elements),
            FRACTIONS: torch.from_numpy(fractions),
            **mask_tensors(lengths),
        }

    def _section(self, strings: Ragged) -> Ints:
        """Return the part of the string that each token is in, its opening separator included."""
        return strings.count(self._kind[strings.tokens] == _SEPARATOR)

    def _elements(self, strings: Ragged, section: Ints) -> Bools:
        """Mark the elements of the compositions."""
        element = self._kind[strings.tokens] == _ELEMENT
        return np.asarray(element & (section == _COMPOSITION))

    def _amounts(self, strings: Ragged, section: Ints, opens: Bools) -> Amounts:
        """Return the amount of each element, exactly below 9e15.

        Its words stand behind it, to the base of a hundred; the last one counts units.
        """
        kind = self._kind[strings.tokens]
        words = np.flatnonzero((section == _COMPOSITION) & np.isin(kind, (_HIGHER, _UNITS)))
        component = (np.cumsum(opens) - 1)[words]
        units = np.flatnonzero(opens) + np.bincount(component)
        values = self._number[strings.tokens[words]] * _BASE ** (units[component] - words)
        return np.asarray(np.bincount(component, values), dtype=np.float64)

    def _is_wrong(self, strings: Ragged, section: Ints) -> Bools:
        """Mark the strings with other than three separators, or with no right composition."""
        kind = self._kind[strings.tokens]
        following = np.append(kind[1:], _OTHER)
        bad = (section == _COMPOSITION) & ~_MAY_FOLLOW[kind, following]
        wrong = strings.total(kind == _SEPARATOR) != _SEPARATORS
        return np.asarray(wrong | (strings.total(bad) > 0))

    def _check(self, wrong: Bools, samples: Sequence[Tokens]) -> None:
        if wrong.any():
            text = self.vocabulary.text(samples[int(np.argmax(wrong))].tolist())
            raise InputError(
                f"the view {self.name!r} reads strings of the orbit dialect, whose third part "
                "between three separators is a composition, each element with its amount; encode "
                f"the crystal again: {text!r}"
            )


def _kind(word: str, role: Role) -> int:
    """Return what a word is to a composition."""
    if role is Role.NUMBER:
        return _HIGHER if word.endswith("_") else _UNITS
    return {Role.ELEMENT: _ELEMENT, Role.SEPARATOR: _SEPARATOR}.get(role, _OTHER)


def _number(word: str, role: Role) -> int:
    """Return the atomic number of an element, the value of a number word, else -1."""
    if role is Role.ELEMENT:
        return NUMBERS[word]
    return int(word.rstrip("_")) if role is Role.NUMBER else -1
