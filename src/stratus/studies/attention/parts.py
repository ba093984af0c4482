"""What the rows of an encoder stand for: the words, and the part of the string they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from stratus.errors import InputError
from stratus.scope.vocabulary import SEPARATOR
from stratus.views.keys import MASK, SEGMENTS, TOKENS

if TYPE_CHECKING:
    from stratus.scope.vocabulary import Vocabulary
    from stratus.views.keys import Batch

SPACE_GROUP: Final = "space group"
"""The kind of the rows whose share is measured."""

_SECTIONS: Final = (SPACE_GROUP, "orbits", "composition", "atoms")
_SEPARATOR_KIND: Final = "separator"
_LEFT_OUT: Final = frozenset({"[CLS]", "[SEP]", "[PAD]"})


class Part(NamedTuple):
    """A row of the encoder that can be looked at.

    Attributes:
        row: its place in the batch.
        words: its words; one for ``cloud``, those of a slot for ``orbit-set``.
        kind: the section of the string, or ``separator``.
    """

    row: int
    words: str
    kind: str


def parts_of(batch: Batch, vocabulary: Vocabulary) -> list[list[Part]]:
    """Return the parts of each crystal of a batch, without [CLS], [SEP] and padding.

    The sections of a string are told by its separators, which both dialects have: before the first
    one stands the space group.

    Args:
        batch: of the view ``sequence`` or ``orbit-set``.
        vocabulary: what its token ids mean.

    Raises:
        stratus.errors.InputError: the batch is of another view.
    """
    if TOKENS not in batch:
        raise InputError(
            "attention can be looked at where an encoder reads words; choose a model of the "
            "architecture cloud or orbit-set"
        )
    words, mask = vocabulary.tokens, batch[MASK].tolist()
    tokens = batch[TOKENS].tolist()
    if SEGMENTS in batch:
        segments = batch[SEGMENTS].tolist()
        return [
            [
                Part(
                    row,
                    " ".join(words[t] for t in slot if words[t] not in _LEFT_OUT),
                    _SECTIONS[segments[b][row] - 1],
                )
                for row, slot in enumerate(slots)
                if mask[b][row] and segments[b][row]
            ]
            for b, slots in enumerate(tokens)
        ]
    return [_of_sequence([words[t] for t in line]) for line in tokens]


def _of_sequence(line: list[str]) -> list[Part]:
    section, found = 0, []
    for row, word in enumerate(line):
        if word in _LEFT_OUT:
            continue
        if word == SEPARATOR:
            section += 1
            found.append(Part(row, word, _SEPARATOR_KIND))
        else:
            found.append(Part(row, word, _SECTIONS[min(section, len(_SECTIONS) - 1)]))
    return found
