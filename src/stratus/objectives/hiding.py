"""Training crystals that are shown as if less of them were known.

A model that has seen only whole crystals knows nothing of partial ones. So in each epoch some rows
are shown with their formula and space group alone, and as many with their formula alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.crystals.facets import Detail
from stratus.errors import InputError
from stratus.objectives.hash_rng import Purpose, hashed, key, uniform
from stratus.scope.partial import UNKNOWN
from stratus.scope.vocabulary import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from stratus.views.token_view import Tokens, TokenView

    Indices = npt.NDArray[np.int64]

KINDS: Final = (Detail.WHOLE, Detail.SPACE_GROUP, Detail.FORMULA)
_STRETCH: Final = 8192


class Hiding:
    """Which rows of an epoch are shown how, and how they then look.

    What a row looks like is made from its tokens when it is asked for, so nothing is kept but the
    sizes.

    Args:
        view: how the encoder sees a crystal.
        samples: the rows, tokens of strings of the ``orbit`` dialect, whole or partial.
        sizes: of each, in parts of the encoder, ``[n]``.
        share: of the rows that are hidden in an epoch, from 0 to 1.
        seed: decides which.

    Raises:
        stratus.errors.InputError: a row is no string of the orbit dialect.
    """

    def __init__(
        self, view: TokenView, samples: Sequence[Tokens], sizes: Indices, share: float, seed: int
    ) -> None:
        self._samples = samples
        self._share = share
        self._seed = seed
        self._separator = view.special(SEPARATOR)
        self._unknown = view.special(UNKNOWN)
        self._sizes = np.tile(np.asarray(sizes, dtype=np.int64), (len(KINDS), 1))
        for kind in range(1, len(KINDS)) if share else ():
            for start in range(0, len(samples), _STRETCH):
                some = slice(start, start + _STRETCH)
                shown = [self._hidden(sample, kind) for sample in samples[some]]
                self._sizes[kind, some] = view.sizes(shown)

    def kinds(self, epoch: int, rows: Indices | None = None) -> npt.NDArray[np.int8]:
        """Return how an epoch shows rows, by default all, as places in :data:`KINDS`, ``[n]``.

        It depends on seed, epoch and row alone.
        """
        rows = np.arange(len(self._samples)) if rows is None else rows
        drawn = uniform(hashed(key(Purpose.HIDING, self._seed, epoch), rows))
        is_hidden, is_formula = drawn < self._share, drawn < self._share / 2
        return is_hidden.astype(np.int8) + is_formula

    def sizes(self, epoch: int, rows: Indices | None = None) -> Indices:
        """Return the sizes of rows, by default all, as an epoch shows them, ``[n]``."""
        every = np.arange(len(self._samples)) if rows is None else rows
        return self._sizes[self.kinds(epoch, every), every]

    def samples(self, rows: Indices, epoch: int) -> list[Tokens]:
        """Return some rows as an epoch shows them."""
        kinds = self.kinds(epoch, rows).tolist()
        return [
            self._hidden(self._samples[row], kind) if kind else self._samples[row]
            for row, kind in zip(rows.tolist(), kinds, strict=True)
        ]

    def _hidden(self, sample: Tokens, kind: int) -> Tokens:
        """Return what :func:`stratus.scope.partial.hide` makes of the string of a sample."""
        cuts = np.flatnonzero(sample == self._separator)
        if len(cuts) != 3:
            raise InputError("crystals can be hidden in part only as strings of the orbit dialect")
        unknown = np.array([self._unknown], dtype=sample.dtype)
        group = sample[: cuts[0]] if KINDS[kind] is Detail.SPACE_GROUP else unknown
        bar = sample[cuts[0] : cuts[0] + 1]
        return np.concatenate([group, bar, unknown, sample[cuts[1] : cuts[2] + 1], unknown])
