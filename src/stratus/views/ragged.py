"""Strings of different lengths, laid end to end, so that numpy works on all of them at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Ragged:
    """``B`` strings with ``N`` tokens in all.

    Attributes:
        tokens: int64 ``[N]``, the token ids of all strings, one string after the other.
        rows: int64 ``[N]``, the string that each token belongs to.
        lengths: int64 ``[B]``, tokens a string.
        starts: int64 ``[B]``, where each string begins in ``tokens``.
    """

    tokens: Ints
    rows: Ints
    lengths: Ints
    starts: Ints

    @classmethod
    def of(cls, samples: Sequence[npt.NDArray[np.uint16]]) -> Self:
        """Lay samples end to end.

        Raises:
            stratus.errors.InputError: there is none.
        """
        if not samples:
            raise InputError("a batch of no crystals has no tensors; give at least one crystal")
        lengths = np.fromiter(map(len, samples), np.int64, len(samples))
        rows = np.repeat(np.arange(len(samples)), lengths)
        return cls(
            np.concatenate(samples).astype(np.int64), rows, lengths, np.cumsum(lengths) - lengths
        )

    def count(self, marked: Bools) -> Ints:
        """Count, at each token, the marked tokens of its string up to and with itself.

        Args:
            marked: ``[N]``.

        Returns:
            int64 ``[N]``.
        """
        running = np.concatenate([[0], np.cumsum(marked)])
        return np.asarray(running[1:] - np.repeat(running[self.starts], self.lengths))

    def total(self, marked: Bools) -> Ints:
        """Count the marked tokens of each string, int64 ``[B]``."""
        return np.bincount(self.rows[marked], minlength=len(self.lengths))
