"""What a guess is worth that looks at nothing, or at the place alone.

Both are counted on the training split and scored on the places that a model is scored on; so is the
rule of :mod:`stratus.training.copying_baseline`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

from stratus.errors import InputError
from stratus.training.masking import PLACES, TARGETS, maskable_tokens, place_in_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from stratus.corpora.tokens.corpus import TokenCorpus
    from stratus.scope.vocabulary import Vocabulary
    from stratus.views.keys import Batch

UNIGRAM: Final = "unigram"
SAME_POSITION: Final = "same position"

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
        vocabulary: of the tokens.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        names = sorted(set(vocabulary.roles))
        self._names = [str(name) for name in names]
        self._role = np.array([names.index(role) for role in vocabulary.roles])
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
    corpus: TokenCorpus, vocabulary: Vocabulary, *, pseudo_count: float = 1.0
) -> tuple[Baseline, Baseline]:
    """Count the tokens of a split that can be masked.

    With c(t) of the N tokens being t, of V that there may be, and a pseudo-count a, the unigram is
    p(t) = (c(t) + a) / (N + aV), and at place k it is (c(k, t) + a p(t)) / (N(k) + a): where the
    split has no string that long, the unigram again.

    Args:
        corpus: the training split.
        vocabulary: of its tokens.
        pseudo_count: a, above 0.

    Returns:
        The unigram and the same-position baseline. A place is as in
        :mod:`stratus.training.masking`, so it is the same for every view.

    Raises:
        stratus.errors.InputError: the split is empty, or the pseudo-count is not above 0.
    """
    if pseudo_count <= 0:
        raise InputError(f"the pseudo-count is {pseudo_count}; it must be above 0")
    if not len(corpus):
        raise InputError("the split to count tokens in is empty; give the training split")
    maskable = maskable_tokens(vocabulary)
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
    baselines: Sequence[Guesser], batches: Iterable[Batch], vocabulary: Vocabulary
) -> dict[str, TokenScore]:
    """Score baselines on the masked tokens of some batches.

    Args:
        baselines: what guesses.
        batches: of a :class:`stratus.training.batches.BatchLoader`; gone through once.
        vocabulary: of their tokens.

    Returns:
        The score of each, by its name.
    """
    tallies = {baseline.name: Tally(vocabulary) for baseline in baselines}
    for batch in batches:
        for baseline in baselines:
            baseline.add_to(tallies[baseline.name], batch)
    return {name: tally.score() for name, tally in tallies.items()}


def _counts(corpus: TokenCorpus, maskable: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Count each token at each place, ``[P, V]``."""
    counts = np.zeros((int(corpus.lengths.max()), len(maskable)), dtype=np.int64)
    for start in range(0, len(corpus), _STRETCH):
        samples = corpus.take(range(start, min(start + _STRETCH, len(corpus))))
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
