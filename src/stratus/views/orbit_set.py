"""A crystal as a set of slots: the space group, orbits, components, atoms of the cell.

The words of one thing stand together in one slot, and the order of the slots carries nothing. A
part that is unknown (see :mod:`stratus.scope.partial`) is one slot with the word ``[MASK]``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
import torch

from stratus.crystals.wyckoff import POINT_GROUPS, wyckoff_positions
from stratus.errors import InputError
from stratus.scope.dialects import Dialect
from stratus.scope.orbit import group_text
from stratus.scope.vocabulary import SEPARATOR, Role
from stratus.views.keys import GROUPS, SEGMENTS, SITES, TOKENS
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

N_SEGMENTS: Final = 5
"""[CLS], space group, orbit, composition, atoms of the primitive cell."""

_ORBITS: Final = 1  # the section of the orbits, counted in separators
_FIRST_ROLES: Final = (Role.INVERSION, Role.ELEMENT, Role.ELEMENT, Role.NUMBER)  # of each section
_ROLES: Final = tuple(Role)
_N_GROUPS: Final = 230


class OrbitSetView(TokenView):
    """One row a slot; serves the orbit dialect."""

    name: ClassVar[str] = "orbit-set"
    fields: ClassVar[int] = 9

    def __init__(
        self, vocabulary: Vocabulary, max_length: int, dialect: str = Dialect.ORBIT
    ) -> None:
        super().__init__(vocabulary, max_length, dialect)
        self._pad = self.special("[PAD]")
        self._cls = self.special("[CLS]")
        if missing := {*_FIRST_ROLES, Role.WYCKOFF} - set(vocabulary.roles):
            raise InputError(
                f"the view {self.name!r} reads the orbit dialect; this vocabulary has no token of "
                f"the roles {', '.join(sorted(missing))}, so take the encoder cloud"
            )
        self._separator = vocabulary.index[SEPARATOR]
        self._mask = self.special("[MASK]")
        self._role = np.array([_ROLES.index(role) for role in vocabulary.roles])
        self._is_wyckoff = self._role == _ROLES.index(Role.WYCKOFF)
        self._group_rows, self._site_table = _sites(vocabulary)

    def length(self, n_tokens: IntOrInts) -> IntOrInts:
        """Return the most slots that a string of so many tokens can have.

        [CLS], three parts that are unknown with one word each, and two words to a component;
        :meth:`lengths` is exact.
        """
        return (n_tokens + 2) // 2

    def sizes(self, samples: Sequence[Tokens]) -> Ints:
        """Return the slots of each sample with that of [CLS], int64 ``[B]``."""
        strings = Ragged.of(samples)
        return strings.total(self._opens(strings)) + 1

    def collate(self, samples: Sequence[Tokens]) -> Batch:
        """Return ``tokens``, ``groups`` ``[B, S, F]``, ``segments``, ``sites``, ``mask``.

        Raises:
            stratus.errors.InputError: as :meth:`stratus.views.view.View.collate`, or a sample is
                no string of the orbit dialect.
        """
        strings = Ragged.of(samples)
        self._check_sections(strings, samples)
        opens = self._opens(strings)
        lengths = strings.total(opens) + 1
        self.check_sizes(lengths, samples)
        section = self._section(strings)
        slot = strings.count(opens)  # from 1: slot 0 is that of [CLS]
        place = np.arange(len(strings.tokens))
        field = place - np.maximum.accumulate(np.where(opens, place, 0))

        word = strings.tokens != self._separator
        at = strings.rows[word], slot[word], field[word]
        width = int(at[2].max()) + 1
        shape = len(samples), int(lengths.max())
        tokens = np.full((*shape, width), self._pad, dtype=np.int64)
        tokens[:, 0, 0] = self._cls
        tokens[at] = strings.tokens[word]
        in_orbit = section == _ORBITS
        groups = np.zeros_like(tokens)
        groups[at] = (strings.count(opens & in_orbit) * in_orbit)[word]
        segments = np.zeros(shape, dtype=np.int64)
        segments[strings.rows[opens], slot[opens]] = section[opens] + 1
        wyckoff = self._is_wyckoff[strings.tokens]
        rows = strings.rows[wyckoff]
        sites = np.zeros(shape, dtype=np.int64)
        sites[rows, slot[wyckoff]] = self._site_table[
            self._groups_of(samples)[rows], strings.tokens[wyckoff]
        ]
        return {
            TOKENS: torch.from_numpy(tokens),
            GROUPS: torch.from_numpy(groups),
            SEGMENTS: torch.from_numpy(segments),
            SITES: torch.from_numpy(sites),
            **mask_tensors(lengths),
        }

    def _section(self, strings: Ragged) -> Ints:
        """Return the part of the string that each token is in: the separators before it."""
        return strings.count(strings.tokens == self._separator)

    def _opens(self, strings: Ragged) -> Bools:
        """Mark the first token of each slot."""
        separator = strings.tokens == self._separator
        first = np.append(False, separator[:-1])  # behind a separator
        first[strings.starts] = True
        element = self._role[strings.tokens] == _ROLES.index(Role.ELEMENT)
        return np.asarray(~separator & (element | first))

    def _groups_of(self, samples: Sequence[Tokens]) -> Ints:
        """Return the space group of each sample, 0 where it is unknown or none."""
        ends = [int(np.argmax(sample == self._separator)) for sample in samples]
        pairs = zip(samples, ends, strict=True)
        return np.array([self._group_rows.get(s[:end].tobytes(), 0) for s, end in pairs])

    def _check_sections(self, strings: Ragged, samples: Sequence[Tokens]) -> None:
        """Refuse what has not the four parts of the dialect, each with its kind of first word."""
        separator = strings.tokens == self._separator
        wrong = strings.total(separator) != len(_FIRST_ROLES) - 1
        if not wrong.any():
            parts = np.flatnonzero(separator).reshape(len(samples), -1) + 1
            firsts = np.column_stack([strings.starts, parts])
            role = np.append(self._role[strings.tokens], -1)  # -1: behind the last token of all
            right = role[firsts] == [_ROLES.index(r) for r in _FIRST_ROLES]
            unknown = np.append(strings.tokens == self._mask, False)[firsts]
            wrong = ~(right | unknown).all(axis=1)
        if wrong.any():
            text = self.vocabulary.text(samples[int(np.argmax(wrong))].tolist())
            raise InputError(
                f"the view {self.name!r} reads strings of the orbit dialect, which have four "
                f"parts between three separators; encode the crystal again: {text!r}"
            )


@cache
def _sites(vocabulary: Vocabulary) -> tuple[dict[bytes, int], Ints]:
    """Return the space group by the bytes of its token ids, and the site symmetries.

    Returns:
        the second: ``[231, V]``, that of a Wyckoff symbol in a space group; 0 where it has none.

    Raises:
        stratus.errors.InputError: a word of the orbit dialect is no token of the vocabulary.
    """
    groups: dict[bytes, int] = {}
    table = np.zeros((_N_GROUPS + 1, len(vocabulary)), dtype=np.int64)
    for number in range(1, _N_GROUPS + 1):
        words = np.array(vocabulary.ids(group_text(number)), dtype=np.uint16)
        groups[words.tobytes()] = number
        for position in wyckoff_positions(number).values():
            if position.symbol not in vocabulary.index:
                raise InputError(
                    f"the view 'orbit-set' needs the Wyckoff symbol {position.symbol}, which is no "
                    "token of the vocabulary; use that of the orbit dialect"
                )
            place = POINT_GROUPS.index(position.point_group) + 1
            table[number, vocabulary.index[position.symbol]] = place
    return groups, table
