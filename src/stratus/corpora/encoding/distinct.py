"""How many different strings a stream holds, in flat memory.

Each string is hashed to 64 bits (BLAKE2b) into a scratch file; the file is then counted in passes,
each over the hashes that fall in its share. Two different strings share a hash with probability
n² / 2⁶⁵ in all: 5·10⁻⁶ for 13 million strings.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

HASHES_PER_PASS = 1_000_000


class DistinctCounter:
    """Counts the different strings it was shown.

    Args:
        path: the scratch file; made anew, and deleted on exit.
        per_pass: hashes held in memory at a time, about; 8 bytes each.
    """

    def __init__(self, path: Path, per_pass: int = HASHES_PER_PASS) -> None:
        self._path = path
        self._file = path.open("wb")
        self._per_pass = per_pass
        self._total = 0

    def __enter__(self) -> Self:
        """Return the counter."""
        return self

    def __exit__(self, *_: object) -> None:
        """Delete the scratch file."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def add(self, strings: Iterable[str]) -> None:
        """Show it some strings."""
        hashes = b"".join(hashlib.blake2b(s.encode(), digest_size=8).digest() for s in strings)
        self._total += len(hashes) // 8
        self._file.write(hashes)

    def count(self) -> int:
        """Return the number of different strings so far."""
        self._file.flush()
        if not self._total:
            return 0
        passes = np.uint64(-(-self._total // self._per_pass))
        different = 0
        for share in range(int(passes)):
            found: list[np.ndarray] = []
            with self._path.open("rb") as file:
                while block := file.read(8 * self._per_pass):
                    hashes = np.frombuffer(block, dtype="<u8")
                    found.append(hashes[hashes % passes == np.uint64(share)])
            different += len(np.unique(np.concatenate(found)))
        return different
