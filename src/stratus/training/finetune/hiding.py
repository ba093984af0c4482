"""Training crystals that are shown as if less of them were known.

A model that has seen only whole crystals knows nothing of partial ones. So in each epoch some rows
are shown with their formula and space group alone, and as many with their formula alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.errors import InputError
from stratus.objectives.hash_rng import Purpose, hashed, key, uniform
from stratus.scope.partial import UNKNOWN, Known
from stratus.scope.vocabulary import SEPARATOR
from stratus.views.view import special

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from stratus.views.view import Sample, View

    Indices = npt.NDArray[np.int64]

KINDS: Final = (Known.WHOLE, Known.SPACE_GROUP, Known.FORMULA)
_STRETCH: Final = 8192


@dataclass(frozen=True, eq=False)
class ShownRows:
    """All rows as one epoch shows them.

    Attributes:
        hiding: what makes them so.
        kinds: how each is shown, a place in :data:`KINDS`, int8 ``[n]``.
        lengths: encoder rows of each as it is shown, int64 ``[n]``.
    """

    hiding: Hiding
    kinds: npt.NDArray[np.int8]
    lengths: Indices

    def samples(self, rows: Indices) -> list[Sample]:
        """Return some rows as they are shown."""
        return [
            self.hiding.sample(row, kind)
            for row, kind in zip(rows.tolist(), self.kinds[rows].tolist(), strict=True)
        ]


class Hiding:
    """Which rows of an epoch are shown how, and how they then look.

    What a row looks like is made from its tokens when it is asked for, so nothing is kept but the
    lengths.

    Args:
        view: how the encoder sees a crystal.
        samples: the rows, tokens of strings of the ``orbit`` dialect, whole or partial.
        lengths: encoder rows of each, ``[n]``.
        share: of the rows that are hidden in an epoch, from 0 to 1.
        seed: decides which.

    Raises:
        stratus.errors.InputError: a row is no string of the orbit dialect.
    """

    def __init__(
        self, view: View, samples: Sequence[Sample], lengths: Indices, share: float, seed: int
    ) -> None:
        self._samples = samples
        self._share = share
        self._seed = seed
        self._separator = special(view.vocabulary, SEPARATOR)
        self._unknown = special(view.vocabulary, UNKNOWN)
        self._lengths = np.tile(np.asarray(lengths, dtype=np.int64), (len(KINDS), 1))
        for kind in range(1, len(KINDS)) if share else ():
            for start in range(0, len(samples), _STRETCH):
                some = slice(start, start + _STRETCH)
                shown = [self._hidden(sample, kind) for sample in samples[some]]
                self._lengths[kind, some] = view.lengths(shown)

    def epoch(self, epoch: int) -> ShownRows:
        """Return the rows as an epoch shows them; how depends on seed, epoch and row alone."""
        rows = np.arange(len(self._samples))
        drawn = uniform(hashed(key(Purpose.HIDING, self._seed, epoch), rows))
        is_hidden, is_formula = drawn < self._share, drawn < self._share / 2
        kinds = is_hidden.astype(np.int8) + is_formula
        return ShownRows(self, kinds, self._lengths[kinds, rows])

    def sample(self, row: int, kind: int) -> Sample:
        """Return a row as a kind shows it."""
        return self._hidden(self._samples[row], kind) if kind else self._samples[row]

    def _hidden(self, sample: Sample, kind: int) -> Sample:
        """Return what :func:`stratus.scope.partial.hide` makes of the string of a sample."""
        cuts = np.flatnonzero(sample == self._separator)
        if len(cuts) != 3:
            raise InputError("crystals can be hidden in part only as strings of the orbit dialect")
        unknown = np.array([self._unknown], dtype=sample.dtype)
        group = sample[: cuts[0]] if KINDS[kind] is Known.SPACE_GROUP else unknown
        bar = sample[cuts[0] : cuts[0] + 1]
        return np.concatenate([group, bar, unknown, sample[cuts[1] : cuts[2] + 1], unknown])
