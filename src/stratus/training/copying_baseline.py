"""What a guess is worth that copies: an element stands on orbits and in the composition.

A masked element is guessed to be the first that stands unmasked in the other part of its string and
not in its own; where each of these stands in its own too, the first of the other part. Where the
other part shows no element, and for all other tokens, the place alone is looked at. The guess is
told which of the masked tokens are elements, which follows from the grammar, and copies no masked
token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.scope.vocabulary import SEPARATOR, Role
from stratus.training.masking import PLACES, TARGETS, WHERE
from stratus.views.keys import SEGMENTS, TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from stratus.scope.vocabulary import Vocabulary
    from stratus.training.baselines import Baseline, Tally
    from stratus.views.keys import Batch

    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]

COPYING: Final = "copied element, else same position"

_NOTHING: Final = -1


@dataclass(frozen=True)
class CopyingRule:
    """Copies elements; of what it does not copy a baseline speaks.

    Attributes:
        place: the baseline of the place alone.
        vocabulary: of the tokens.
        trust: probability that a copied element is the right one; what is left of it is shared
            out as the place has it.
    """

    place: Baseline
    vocabulary: Vocabulary
    trust: float

    @property
    def name(self) -> str:
        """What the guess looks at."""
        return COPYING

    def add_to(self, tally: Tally, batch: Batch) -> None:
        """Guess the masked tokens of a batch."""
        targets = batch[TARGETS].numpy()
        of_place = self.place.log_probabilities
        row = np.minimum(batch[PLACES].numpy(), len(of_place) - 1)
        copies = copied_elements(batch, self.vocabulary)
        offered = copies != _NOTHING
        guesses = np.where(offered, copies, of_place.argmax(axis=1)[row])
        with np.errstate(divide="ignore"):
            chance = np.exp(of_place[row, targets])
            mixed = (1 - self.trust) * chance + self.trust * (copies == targets)
            losses = -np.log(np.where(offered, mixed, chance))
        tally.add(targets, guesses, losses)


def fit_copying(batches: Iterable[Batch], place: Baseline, vocabulary: Vocabulary) -> CopyingRule:
    """Count how often a copied element is the right one.

    Args:
        batches: masked, of rows that are not scored.
        place: the baseline of the place alone.
        vocabulary: of the tokens.
    """
    right = offers = 0
    for batch in batches:
        copies = copied_elements(batch, vocabulary)
        offers += int((copies != _NOTHING).sum())
        right += int((copies == batch[TARGETS].numpy()).sum())
    return CopyingRule(place, vocabulary, (right + 1) / (offers + 2))


def copied_elements(batch: Batch, vocabulary: Vocabulary) -> Ints:
    """Return the element that the rule copies to each masked token.

    Args:
        batch: of a view of the orbit dialect, masked.
        vocabulary: of its tokens.

    Returns:
        ``[M]``, token ids; -1 where nothing is copied.
    """
    tokens, where = batch[TOKENS].numpy(), batch[WHERE].numpy()
    element = np.array([role is Role.ELEMENT for role in vocabulary.roles])
    parts = _parts(batch, vocabulary)
    shown = element[tokens]
    shown[tuple(where.T)] = False
    found = np.full(len(where), _NOTHING)
    for k, (at, target) in enumerate(zip(where.tolist(), batch[TARGETS].tolist(), strict=True)):
        if not element[target]:
            continue
        row = at[0]
        here, part = shown[row].ravel(), parts[row].ravel()
        mine = part == parts[tuple(at)]
        words = tokens[row].ravel()
        others = words[here & ~mine]
        if len(others):
            new = others[~np.isin(others, words[here & mine])]
            found[k] = new[0] if len(new) else others[0]
    return found


def _parts(batch: Batch, vocabulary: Vocabulary) -> Ints:
    """Return in which part of its string each token stands, in the shape of the tokens."""
    tokens = batch[TOKENS].numpy()
    if SEGMENTS in batch:
        segments = batch[SEGMENTS].numpy()
        return np.broadcast_to(segments[..., np.newaxis], tokens.shape)
    return np.asarray(np.cumsum(tokens == vocabulary.index[SEPARATOR], axis=-1))
