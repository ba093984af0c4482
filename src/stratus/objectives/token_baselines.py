"""What a guess of masked tokens is worth that knows no model.

All are scored on the places that a model is scored on. Two are counted on the training split: the
unigram, and what stands at a place. The third copies, since an element stands on orbits and in the
composition: a masked element is guessed to be the first that stands unmasked in the other part of
its string and not in its own; where each of these stands in its own too, the first of the other
part. Where the other part shows no element, and for all other tokens, the place alone is looked at.
The rule knows which of the masked tokens are elements, which follows from the grammar, and copies
no masked token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

from stratus.errors import InputError
from stratus.objectives.masked_tokens import (
    PLACES,
    TARGETS,
    maskable_tokens,
    place_in_row,
)
from stratus.scope.vocabulary import SEPARATOR, Role, vocabulary
from stratus.views.keys import SEGMENTS, TOKENS, WHERE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from stratus.corpora.packed.corpus import PackedCorpus
    from stratus.scope.vocabulary import Vocabulary
    from stratus.views.keys import Batch

    Ints = npt.NDArray[np.int64]

UNIGRAM: Final = "unigram"
SAME_POSITION: Final = "same position"
COPYING: Final = "copied element, else same position"

_NOTHING: Final = -1

_STRETCH: Final = 65_536


class RoleScore(BaseModel):
    """How well the tokens of one role were guessed.

    Attributes:
        places: masked tokens of the role.
        loss: mean cross-entropy in nats.
        accuracy: share of the places where the likeliest token was the right one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    places: int
    loss: float
    accuracy: float


class TokenScore(RoleScore):
    """How well all masked tokens were guessed, and those of each role.

    Attributes:
        roles: scores by the role of the token that stood there; only roles with a masked token.
    """

    roles: dict[str, RoleScore]


class Tally:
    """Adds up guesses of masked tokens, of a baseline or of a model.

    Args:
        words: of the tokens; those of orbit strings if None.
    """

    def __init__(self, words: Vocabulary | None = None) -> None:
        roles = _usual(words).roles
        names = sorted(set(roles))
        self._names = [str(name) for name in names]
        self._role = np.array([names.index(role) for role in roles])
        self._sums = np.zeros((len(names), 3))

    def add(
        self,
        targets: npt.NDArray[np.int64],
        guesses: npt.NDArray[np.int64],
        losses: npt.NDArray[np.floating],
    ) -> None:
        """Count some places.

        Args:
            targets: ``[M]``, the tokens that stood there.
            guesses: ``[M]``, the likeliest tokens.
            losses: ``[M]``, minus the log of the probability of each target, in nats.
        """
        role = self._role[targets]
        for k, weights in enumerate((np.ones(len(targets)), losses, guesses == targets)):
            self._sums[:, k] += np.bincount(role, weights=weights, minlength=len(self._names))

    def score(self) -> TokenScore:
        """Return the score of all places so far; 0 where there is none."""
        named = zip(self._names, self._sums, strict=True)
        roles = {name: RoleScore(**_means(sums)) for name, sums in named if sums[0]}
        return TokenScore(**_means(self._sums.sum(axis=0)), roles=roles)


@dataclass(frozen=True)
class Baseline:
    """Probabilities of tokens by their place.

    Attributes:
        name: what the guess looks at.
        log_probabilities: ``[P, V]``; the last row serves all places from P - 1 on.
    """

    name: str
    log_probabilities: npt.NDArray[np.float64]

    def add_to(self, tally: Tally, batch: Batch) -> None:
        """Guess the masked tokens of a batch; of equally likely tokens the first."""
        targets = batch[TARGETS].numpy()
        row = np.minimum(batch[PLACES].numpy(), len(self.log_probabilities) - 1)
        guesses = self.log_probabilities.argmax(axis=1)[row]
        tally.add(targets, guesses, -self.log_probabilities[row, targets])


def fit_baselines(
    corpus: PackedCorpus, words: Vocabulary | None = None, *, pseudo_count: float = 1.0
) -> tuple[Baseline, Baseline]:
    """Count the tokens of a split that can be masked.

    With c(t) of the N tokens being t, of V that there may be, and a pseudo-count a, the unigram is
    p(t) = (c(t) + a) / (N + aV), and at place k it is (c(k, t) + a p(t)) / (N(k) + a): where the
    split has no string that long, the unigram again.

    Args:
        corpus: the training split.
        words: of its tokens; those of orbit strings if None.
        pseudo_count: a, above 0.

    Returns:
        The unigram and the same-position baseline. A place is as in
        :mod:`stratus.objectives.masked_tokens`, so it is the same for every view.

    Raises:
        stratus.errors.InputError: the split is empty, or the pseudo-count is not above 0.
    """
    if pseudo_count <= 0:
        raise InputError(f"the pseudo-count is {pseudo_count}; it must be above 0")
    if not len(corpus):
        raise InputError("the split to count tokens in is empty; give the training split")
    maskable = maskable_tokens(_usual(words))
    counts = _counts(corpus, maskable)
    of_token = counts.sum(axis=0)
    unigram = (of_token + pseudo_count) * maskable
    unigram = unigram / unigram.sum()
    of_place = counts.sum(axis=1, keepdims=True)
    placed = (counts + pseudo_count * unigram) / (of_place + pseudo_count)
    with np.errstate(divide="ignore"):  # what is never masked has probability 0
        return (
            Baseline(UNIGRAM, np.log(unigram[None])),
            Baseline(SAME_POSITION, np.log(np.vstack([placed, unigram]))),
        )


class Guesser(Protocol):
    """What guesses masked tokens."""

    @property
    def name(self) -> str:
        """What the guess looks at."""

    def add_to(self, tally: Tally, batch: Batch) -> None:
        """Guess the masked tokens of a batch."""


def score_baselines(
    baselines: Sequence[Guesser], batches: Iterable[Batch], words: Vocabulary | None = None
) -> dict[str, TokenScore]:
    """Score baselines on the masked tokens of some batches.

    Args:
        baselines: what guesses.
        batches: masked, of a :class:`stratus.objectives.masked_tokens.TokenMasker`; gone through
            once.
        words: of their tokens; those of orbit strings if None.

    Returns:
        The score of each, by its name.
    """
    tallies = {baseline.name: Tally(words) for baseline in baselines}
    for batch in batches:
        for baseline in baselines:
            baseline.add_to(tallies[baseline.name], batch)
    return {name: tally.score() for name, tally in tallies.items()}


def _counts(corpus: PackedCorpus, maskable: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Count each token at each place, ``[P, V]``."""
    counts = np.zeros((int(corpus.sizes(TOKENS).max()), len(maskable)), dtype=np.int64)
    for start in range(0, len(corpus), _STRETCH):
        here = range(start, min(start + _STRETCH, len(corpus)))
        samples = corpus.take(here, TOKENS)
        ids = np.concatenate(samples)
        row = np.repeat(np.arange(len(samples)), [len(sample) for sample in samples])
        row, ids = row[maskable[ids]], ids[maskable[ids]].astype(np.int64)
        cells = place_in_row(row, len(samples)) * len(maskable) + ids
        counts += np.bincount(cells, minlength=counts.size).reshape(counts.shape)
    return counts


def _means(sums: npt.NDArray[np.float64]) -> dict[str, float]:
    places = int(sums[0])
    return {
        "places": places,
        "loss": float(sums[1] / max(1, places)),
        "accuracy": float(sums[2] / max(1, places)),
    }


@dataclass(frozen=True)
class CopyingRule:
    """Copies elements; of what it does not copy a baseline speaks.

    Attributes:
        place: the baseline of the place alone.
        words: of the tokens.
        trust: probability that a copied element is the right one; what is left of it is shared
            out as the place has it.
    """

    place: Baseline
    words: Vocabulary
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
        copies = copied_elements(batch, self.words)
        offered = copies != _NOTHING
        guesses = np.where(offered, copies, of_place.argmax(axis=1)[row])
        with np.errstate(divide="ignore"):
            chance = np.exp(of_place[row, targets])
            mixed = (1 - self.trust) * chance + self.trust * (copies == targets)
            losses = -np.log(np.where(offered, mixed, chance))
        tally.add(targets, guesses, losses)


def fit_copying(
    batches: Iterable[Batch], place: Baseline, words: Vocabulary | None = None
) -> CopyingRule:
    """Count how often a copied element is the right one.

    Args:
        batches: masked, of rows that are not scored.
        place: the baseline of the place alone.
        words: of the tokens; those of orbit strings if None.
    """
    right = offers = 0
    words = _usual(words)
    for batch in batches:
        copies = copied_elements(batch, words)
        offers += int((copies != _NOTHING).sum())
        right += int((copies == batch[TARGETS].numpy()).sum())
    return CopyingRule(place, words, (right + 1) / (offers + 2))


def copied_elements(batch: Batch, words: Vocabulary) -> Ints:
    """Return the element that the rule copies to each masked token.

    Args:
        batch: of a view of orbit strings, masked.
        words: of its tokens.

    Returns:
        ``[M]``, token ids; -1 where nothing is copied.
    """
    tokens, where = batch[TOKENS].numpy(), batch[WHERE].numpy()
    element = np.array([role is Role.ELEMENT for role in words.roles])
    parts = _parts(batch, words)
    shown = element[tokens]
    shown[tuple(where.T)] = False
    found = np.full(len(where), _NOTHING)
    for k, (at, target) in enumerate(zip(where.tolist(), batch[TARGETS].tolist(), strict=True)):
        if not element[target]:
            continue
        row = at[0]
        here, part = shown[row].ravel(), parts[row].ravel()
        mine = part == parts[tuple(at)]
        read = tokens[row].ravel()
        others = read[here & ~mine]
        if len(others):
            new = others[~np.isin(others, read[here & mine])]
            found[k] = new[0] if len(new) else others[0]
    return found


def _parts(batch: Batch, words: Vocabulary) -> Ints:
    """Return in which part of its string each token stands, in the shape of the tokens."""
    tokens = batch[TOKENS].numpy()
    if SEGMENTS in batch:
        segments = batch[SEGMENTS].numpy()
        return np.broadcast_to(segments[..., np.newaxis], tokens.shape)
    return np.asarray(np.cumsum(tokens == words.index[SEPARATOR], axis=-1))


def _usual(words: Vocabulary | None) -> Vocabulary:
    return vocabulary() if words is None else words
