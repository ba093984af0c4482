"""Which formulas the weights of a model have seen, without saying them: hashes in a small file.

Whoever fine-tunes on a table can so be told how many of its formulas are no news to the weights.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from stratus.errors import InputError
from stratus.models.weights import read_layout

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

SEEN_FILE: Final = "seen.safetensors"

_TENSOR: Final = "formulas"
_BYTES: Final = 8


@dataclass(frozen=True, eq=False)
class SeenFormulas:
    """Hashes of formulas.

    Attributes:
        hashes: uint64 ``[n]``, ascending, each once.
    """

    hashes: NDArray[np.uint64]

    @classmethod
    def of(cls, compositions: Iterable[str]) -> Self:
        """Return the hashes of compositions as strings write them: ``Na 1 Cl 1``."""
        found = np.fromiter(map(_hash, set(compositions)), np.uint64)
        return cls(np.unique(found))

    def __len__(self) -> int:
        """Return the number of formulas."""
        return len(self.hashes)

    def count(self, compositions: Iterable[str]) -> int:
        """Return how many of these formulas, each counted once, are among them."""
        return int(np.isin(SeenFormulas.of(compositions).hashes, self.hashes, kind="sort").sum())

    def with_those_of(self, other: SeenFormulas | None) -> SeenFormulas:
        """Return the formulas of both."""
        return self if other is None else SeenFormulas(np.union1d(self.hashes, other.hashes))


def write_seen(folder: Path, seen: SeenFormulas) -> None:
    """Write ``seen.safetensors``."""
    (folder / SEEN_FILE).write_bytes(save({_TENSOR: seen.hashes}))


def read_seen(folder: Path) -> SeenFormulas | None:
    """Read ``seen.safetensors``; None if it is not there.

    Raises:
        stratus.errors.InputError: it does not hold such hashes.
    """
    path = folder / SEEN_FILE
    if not path.exists():
        return None
    there = read_layout(path)
    shape, dtype = there.get(_TENSOR, ((), ""))
    if len(there) != 1 or len(shape) != 1 or dtype != "U64":
        raise InputError(f"{path} does not hold one row of uint64, {_TENSOR}; write it again")
    with safe_open(path, framework="numpy") as file:
        found = file.get_tensor(_TENSOR)
    if not (found[1:] > found[:-1]).all():
        raise InputError(f"{path}: the hashes do not ascend; write it again")
    return SeenFormulas(found)


def _hash(composition: str) -> int:
    digest = hashlib.blake2b(composition.encode(), digest_size=_BYTES, person=b"stratus seen")
    return int.from_bytes(digest.digest())
