"""BLAKE2b digests of texts, by which rows are told apart, put in order and drawn.

16 bytes each: two different texts share a digest with probability n² / 2¹²⁹ in all, 10⁻²⁵ for 10
million. They depend on nothing but salt and text, so what they decide is the same everywhere.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

SIZE: Final = 16


def digests(texts: Iterable[bytes], salt: str = "") -> npt.NDArray[np.uint8]:
    """Return the digest of salt, a zero byte and each text.

    Args:
        texts: UTF-8 bytes.
        salt: any text; another one gives other digests.

    Returns:
        shape (n, 16); ``view("<u8")`` or ``view(">u8")`` makes two numbers of each.
    """
    start = hashlib.blake2b(salt.encode() + b"\0", digest_size=SIZE)
    found = bytearray()
    for text in texts:
        one = start.copy()
        one.update(text)
        found += one.digest()
    return np.frombuffer(found, dtype=np.uint8).reshape(-1, SIZE)


def drawn(names: Iterable[str], salt: str) -> list[str]:
    """Return names in the order of their digests: drawn by lot, and the same lot everywhere.

    Args:
        names: different names.
        salt: which lot.
    """
    names = list(names)
    keys = digests((name.encode() for name in names), salt)
    return sorted(names, key=dict(zip(names, map(bytes, keys), strict=True)).__getitem__)
