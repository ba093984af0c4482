"""Masked tokens are guessed: which, what stands in their place, and the loss of the guesses.

BERT's (Devlin et al. 2018, arXiv:1810.04805): 15 % of the tokens are to be guessed; 80 % of these
become ``[MASK]``, 10 % a random token, 10 % stay. What becomes of a token depends on seed, epoch,
row in the corpus and place in the string alone, so it is the same for every batch, view, number of
processes and resume, and another in each epoch.

The loss of a step is the mean over all masked tokens of the batch, on however many devices it lies.

The place of a token is how many tokens before it in its string can be masked. Both views keep the
tokens of a string in order, so both mask the same tokens of a crystal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch.nn import functional as fn

from stratus.errors import InputError
from stratus.heads.masked_tokens import MASKED_TOKENS
from stratus.objectives.hash_rng import Purpose, below, hashed, key, uniform
from stratus.objectives.objective import Step, Summed
from stratus.scope.vocabulary import SEPARATOR, Role
from stratus.views.keys import SITES, TOKENS, WHERE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from torch import Tensor, nn

    from stratus.corpora.packed.corpus import PackedCorpus
    from stratus.objectives.objective import Epochs, Rows
    from stratus.scope.vocabulary import Vocabulary
    from stratus.views.keys import Batch
    from stratus.views.token_view import TokenView

TARGETS: Final = "targets"
"""int64 ``[M]``: the tokens that stood there."""

PLACES: Final = "places"
"""int64 ``[M]``: how many tokens of its string that can be masked stand before each of them."""

_KIND, _WORD = np.array([1]), np.array([2])  # what a second number of a token is for
_STRETCH: Final = 65_536


class MaskingOptions(BaseModel):
    """What is masked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ratio: float = Field(0.15, gt=0, le=1, description="Share of the tokens to be guessed.")
    replace: float = Field(0.8, ge=0, le=1, description="Share of these that become [MASK].")
    random: float = Field(0.1, ge=0, le=1, description="Share that becomes a random token.")
    whole_orbits: bool = Field(
        default=False, description="Mask element and Wyckoff symbol of an orbit together."
    )

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        if self.replace + self.random > 1 + 1e-9:
            raise ValueError(
                f"replace {self.replace} and random {self.random} are more than 1 together; "
                "lower one of them"
            )
        return self


class MaskedTokens:
    """The objective of ``stratus pretrain``; its net gives logits ``[M, V]`` of the masked places.

    Scores are ``loss``, the mean cross-entropy in nats, and ``accuracy``, the share of the places
    where the likeliest token stood there.
    """

    name: ClassVar[str] = MASKED_TOKENS
    unit: ClassVar[str] = "tokens"

    def losses(self, net: nn.Module, step: Step) -> dict[str, Summed]:
        """Return the cross-entropy in nats, summed over the masked places."""
        logits = net(step.inputs)[MASKED_TOKENS]
        loss = fn.cross_entropy(logits.float(), step.targets[MASKED_TOKENS], reduction="sum")
        return {MASKED_TOKENS: Summed(loss, step.counts[MASKED_TOKENS])}

    def total(self, losses: Mapping[str, Summed], processes: int) -> Tensor:
        """Return the share of the mean over the whole batch, times the number of processes."""
        loss = losses[MASKED_TOKENS]
        return loss.sum * (processes / max(1, loss.count))

    def sums(self, net: nn.Module, step: Step) -> Tensor:
        """Return summed cross-entropy in nats, hits and places; float64 ``[3]``."""
        return sums_of(net(step.inputs)[MASKED_TOKENS], step.targets[MASKED_TOKENS])

    def scores(self, sums: npt.NDArray[np.float64]) -> dict[str, float]:
        """Return the means over all masked places."""
        loss, hits, places = sums.tolist()
        return {"loss": loss / max(1, places), "accuracy": hits / max(1, places)}


def sums_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Return summed cross-entropy in nats, hits, and places; float64 ``[3]``.

    Args:
        logits: ``[M, V]``.
        targets: int64 ``[M]``.
    """
    loss = fn.cross_entropy(logits.float(), targets, reduction="sum")
    hits = (logits.argmax(dim=-1) == targets).sum()
    places = torch.tensor(len(targets), device=logits.device)
    return torch.stack([part.double() for part in (loss, hits, places)])


class MaskedRows:
    """The source of masked tokens: a split of a token corpus, masked anew in each epoch.

    Args:
        corpus: the split.
        view: makes tensors of strings.
        masking: what is masked.
        seed: another one gives other masks.

    Raises:
        stratus.errors.InputError: a string is too long for the view, or nothing can be masked.
    """

    def __init__(
        self,
        corpus: PackedCorpus,
        view: TokenView,
        masking: MaskingOptions | None = None,
        seed: int = 0,
    ) -> None:
        self._corpus = corpus
        self.view = view
        self._masker = TokenMasker(view.vocabulary, masking or MaskingOptions(), seed)
        self._pad = view.vocabulary.index["[PAD]"]
        self._sizes = _sizes(corpus, view)

    def __len__(self) -> int:
        """Return the number of crystals."""
        return len(self._corpus)

    @property
    def padded(self) -> bool:
        """Whether crystals of a step are padded to the largest of them."""
        return self.view.padded

    def sizes(self, epoch: int) -> Rows:  # noqa: ARG002 - masking changes no size
        """Return the size of each crystal, int64 ``[n]``."""
        return self._sizes

    def step(self, rows: Rows, epoch: Epochs) -> Step:
        """Return some crystals masked as an epoch has them."""
        batch = self._masker.mask(self.view.collate(self._corpus.take(rows, TOKENS)), rows, epoch)
        targets = batch.pop(TARGETS)
        return Step(
            inputs=batch,
            targets={MASKED_TOKENS: targets},
            present={},
            sizes=torch.from_numpy(self._sizes[rows]),
            amount=int((batch[TOKENS] != self._pad).sum()),
            crystals=len(rows),
            counts={MASKED_TOKENS: len(targets)},
        )

    def counts(self, rows: Rows, epoch: Epochs) -> dict[str, int]:
        """Return how many tokens of some crystals are masked."""
        return {MASKED_TOKENS: self._masker.count(self._corpus.take(rows, TOKENS), rows, epoch)}

    def blank(self, row: int, epoch: int) -> Step:  # noqa: ARG002 - nothing is masked
        """Return a crystal of which nothing is masked."""
        batch = self.view.collate(self._corpus.take([row], TOKENS))
        nowhere = torch.empty(0, batch[TOKENS].ndim, dtype=torch.int64)
        nothing = torch.empty(0, dtype=torch.int64)
        return Step(
            inputs={**batch, WHERE: nowhere, PLACES: nothing},
            targets={MASKED_TOKENS: nothing},
            present={},
            sizes=nothing,
            amount=0,
            crystals=0,
            counts={MASKED_TOKENS: 0},
        )


def masked_batch(step: Step) -> Batch:
    """Return a step as :meth:`TokenMasker.mask` makes it."""
    return {**step.inputs, TARGETS: step.targets[MASKED_TOKENS]}


def _sizes(corpus: PackedCorpus, view: TokenView) -> Rows:
    """Return the size of each crystal, ``[n]``; refuses what the view refuses."""
    sizes = np.empty(len(corpus), dtype=np.int64)
    for start in range(0, len(corpus), _STRETCH):
        here = range(start, min(start + _STRETCH, len(corpus)))
        sizes[here.start : here.stop] = view.sizes(corpus.take(here, TOKENS))
    if len(sizes) and sizes.max() > view.max_length:
        view.collate([corpus.take([int(sizes.argmax())], TOKENS)[0]])  # says which, and raises
    return sizes


class TokenMasker:
    """Masks batches of one vocabulary.

    Special tokens and the separator are never masked. A random token is any other, with equal
    chance, also the one that stood there. With ``whole_orbits`` a Wyckoff symbol is chosen when
    the element before it is; which of the three things then happens is decided for each token.

    Args:
        vocabulary: of the tokens.
        options: the shares.
        seed: another one gives other masks.

    Raises:
        stratus.errors.InputError: whole orbits are asked for, but no token is a Wyckoff symbol; or
            there is no ``[MASK]``.
    """

    def __init__(self, vocabulary: Vocabulary, options: MaskingOptions, seed: int) -> None:
        roles = vocabulary.roles
        if options.whole_orbits and Role.WYCKOFF not in roles:
            raise InputError(
                "whole orbits cannot be masked: the vocabulary has no Wyckoff symbols; "
                "leave whole_orbits out or use the orbit dialect"
            )
        if "[MASK]" not in vocabulary.index:
            raise InputError("the vocabulary has no token [MASK], so nothing can be masked")
        self._options = options
        self._seed = seed
        self._mask_id = vocabulary.index["[MASK]"]
        self._maskable = maskable_tokens(vocabulary)
        self._words = np.flatnonzero(self._maskable)
        self._wyckoff = np.array([role is Role.WYCKOFF for role in roles], dtype=np.int64)

    def mask(self, batch: Batch, rows: npt.NDArray[np.int64], epoch: Epochs) -> Batch:
        """Return a batch with some tokens replaced, and what is to be guessed.

        Args:
            batch: of a view, on the CPU; it is not changed.
            rows: ``[B]``, the row of each crystal in the corpus.
            epoch: from 0; one for all, or that of each.

        Returns:
            The batch with other ``tokens``, and ``where``, ``targets`` and ``places``.
        """
        tokens = batch[TOKENS].numpy()
        at = np.nonzero(self._maskable[tokens])  # row after row, each in the order of its string
        ids = tokens[at]
        places = place_in_row(at[0], len(rows))
        chosen, words = self._chosen(ids, at[0], places, rows, epoch)
        where = np.column_stack([index[chosen] for index in at])
        masked = tokens.copy()
        masked[tuple(where.T)] = self._replaced(ids[chosen], words)
        return {
            **batch,
            **_without_sites(batch, where),
            TOKENS: torch.from_numpy(masked),
            WHERE: torch.from_numpy(where),
            TARGETS: torch.from_numpy(ids[chosen]),
            PLACES: torch.from_numpy(places[chosen]),
        }

    def count(
        self,
        samples: Sequence[npt.NDArray[np.uint16]],
        rows: npt.NDArray[np.int64],
        epoch: Epochs,
    ) -> int:
        """Return how many tokens :meth:`mask` would mask, from the strings without a batch."""
        if not samples:
            return 0
        ids = np.concatenate(samples)
        row = np.repeat(np.arange(len(samples)), [len(sample) for sample in samples])
        maskable = self._maskable[ids]
        ids, row = ids[maskable], row[maskable]
        chosen, _ = self._chosen(ids, row, place_in_row(row, len(rows)), rows, epoch)
        return len(chosen)

    def _chosen(
        self,
        ids: npt.NDArray[np.integer],
        row: npt.NDArray[np.int64],
        places: npt.NDArray[np.int64],
        rows: npt.NDArray[np.int64],
        epoch: Epochs,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
        """Choose the tokens to be guessed among those that may be.

        Args:
            ids: ``[N]``, the maskable tokens of all strings, string after string.
            row: ``[N]``, the string of each.
            places: ``[N]``, the place of each in its string.
            rows: ``[B]``, the row of each string in the corpus.
            epoch: from 0; one for all, or that of each.

        Returns:
            Indices of the chosen tokens, ``[M]``, and a random word for each.
        """
        of_row = hashed(key(Purpose.MASKS, self._seed, epoch), rows)[row]
        words = hashed(of_row, places)
        decides = words
        if self._options.whole_orbits:
            decides = hashed(of_row, places - self._wyckoff[ids])
        chosen = np.flatnonzero(uniform(decides) < self._options.ratio)
        return chosen, words[chosen]

    def _replaced(
        self, ids: npt.NDArray[np.int64], words: npt.NDArray[np.uint64]
    ) -> npt.NDArray[np.int64]:
        """Return what stands in the place of each chosen token, ``[M]``."""
        kind = uniform(hashed(words, _KIND))
        anything = self._words[below(hashed(words, _WORD), len(self._words))]
        replace, random = self._options.replace, self._options.random
        return np.select([kind < replace, kind < replace + random], [self._mask_id, anything], ids)


def _without_sites(batch: Batch, where: npt.NDArray[np.int64]) -> Batch:
    """Hide the site symmetry of slots with a masked token: it would tell the Wyckoff symbol."""
    if SITES not in batch:
        return {}
    sites = batch[SITES].clone()
    sites[where[:, 0], where[:, 1]] = 0
    return {SITES: sites}


def maskable_tokens(vocabulary: Vocabulary) -> npt.NDArray[np.bool_]:
    """Return which tokens may be masked, ``[V]``: all but the special ones and the separator."""
    return np.array(
        [
            role not in {Role.SPECIAL, Role.SEPARATOR} and token != SEPARATOR
            for token, role in zip(vocabulary.tokens, vocabulary.roles, strict=True)
        ]
    )


def place_in_row(row: npt.NDArray[np.int64], n_rows: int) -> npt.NDArray[np.int64]:
    """Return how many equal numbers stand before each of a rising sequence, ``[N]``."""
    counts = np.bincount(row, minlength=n_rows)
    return np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)


def mask_tokens(
    batch: Mapping[str, Tensor],
    rows: npt.NDArray[np.int64],
    *,
    vocabulary: Vocabulary,
    options: MaskingOptions,
    seed: int,
    epoch: int,
) -> Batch:
    """Mask one batch; see :class:`TokenMasker`, which many batches should share."""
    return TokenMasker(vocabulary, options, seed).mask(dict(batch), rows, epoch)
