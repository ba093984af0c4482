"""Random numbers without a state: each is a hash of a seed and of what it is for.

So a number is the same in every process, in any order, and after a resume. The hash is the
finaliser of SplitMix64 (Steele, Lea, Flood 2014, doi:10.1145/2714064.2660195), once a counter.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Words: TypeAlias = npt.NDArray[np.uint64]

_WORD: Final = (1 << 64) - 1
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)


class Purpose(IntEnum):
    """What numbers are for; those of one purpose tell nothing about those of another."""

    MASKS = 0
    ROW_ORDER = 1
    BATCH_ORDER = 2
    HIDING = 3
    MIXTURE = 4
    TRAIN_SHARE = 5
    DISPLACEMENTS = 6


def key(purpose: Purpose, seed: int, epoch: int | npt.NDArray[np.int64]) -> Words:
    """Return the word from which the numbers of an epoch are hashed, ``[1]``; of several, each."""
    words = np.zeros(1, dtype=np.uint64)
    for counter in (purpose, seed):
        words = hashed(words, np.array([counter & _WORD], dtype=np.uint64))
    return hashed(words, np.atleast_1d(np.asarray(epoch, dtype=np.int64)))


def hashed(words: Words, counters: npt.NDArray[np.integer]) -> Words:
    """Return a new word for each pair of a word and a counter; the shapes are broadcast."""
    mixed = words + (counters.astype(np.uint64) + np.uint64(1)) * _STEP
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def uniform(words: Words) -> npt.NDArray[np.float64]:
    """Return a number from 0 to below 1 for each word; a multiple of 2⁻⁵³."""
    return np.asarray((words >> np.uint64(11)) * 2.0**-53)


def normal(words: Words) -> npt.NDArray[np.float64]:
    """Return a number of the standard normal distribution for each word (Box and Muller 1958)."""
    first, second = (uniform(hashed(words, np.array([counter]))) for counter in (0, 1))
    return np.asarray(np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * np.pi * second))


def below(words: Words, limit: int) -> npt.NDArray[np.int64]:
    """Return a whole number from 0 to below a limit for each word; uneven by limit / 2³²."""
    return np.asarray(((words >> np.uint64(32)) * np.uint64(limit)) >> np.uint64(32), np.int64)


def permutation(words: Words, n: int) -> npt.NDArray[np.int64]:
    """Return the numbers from 0 to below ``n`` in an order that a key decides, ``[n]``."""
    return np.argsort(hashed(words, np.arange(n)), kind="stable")
