"""Which rows of a table are kept, and in which split.

One 16-byte digest of salt and string decides both: rows with the same digest are one crystal, and
the digest, read as a number in [0, 1), falls in the share of one split. So the split of a crystal
depends neither on the order of the table nor on what else is in it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stratus.corpora.digests import digests
from stratus.corpora.packed.info import SPLITS
from stratus.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from stratus.corpora.packed.table import ScopeTable, ScopeTables

DUPLICATE: Final = len(SPLITS)
TOO_LONG: Final = len(SPLITS) + 1


def check_fractions(fractions: tuple[float, float, float]) -> None:
    """Refuse fractions that are no shares of a whole.

    Raises:
        InputError: not three numbers from 0 to 1 that add up to 1, or nothing to train on.
    """
    if (
        len(fractions) != len(SPLITS)
        or not all(math.isfinite(f) and 0 <= f <= 1 for f in fractions)
        or not math.isclose(sum(fractions), 1, abs_tol=1e-9)
    ):
        raise InputError(
            f"the fractions of train, validation and test are {fractions}; "
            "give three numbers from 0 to 1 that add up to 1, such as 0.9, 0.05, 0.05"
        )
    if not fractions[0]:
        raise InputError("the fraction of train is 0, so nothing is left to train on; raise it")


def fate_of_rows(
    table: ScopeTable | ScopeTables,
    fractions: tuple[float, float, float],
    salt: str,
    max_tokens: int,
) -> np.ndarray:
    """Decide what becomes of each row.

    Of rows with the same string the first is kept, the others are duplicates, however long.

    Returns:
        ``[rows]`` int8: the number of the split, or ``DUPLICATE``, or ``TOO_LONG``.

    Raises:
        InputError: the table cannot be used.
    """
    found = np.empty((len(table), 2), dtype="<u8")
    fates = np.zeros(len(table), dtype=np.int8)
    at = 0
    for texts in table.strings():
        here = slice(at, at + len(texts))
        found[here] = digests(texts.cast(pa.binary()).to_pylist(), salt).view("<u8")
        words = pc.count_substring(texts, " ").to_numpy() + 1
        fates[here][words > max_tokens] = TOO_LONG
        at += len(texts)
    kept = fates != TOO_LONG
    fates[kept] = split_of(found[kept, 0], fractions)
    fates[_repeated(found)] = DUPLICATE
    return fates


def split_of(
    numbers: npt.NDArray[np.uint64], fractions: tuple[float, float, float]
) -> npt.NDArray[np.int64]:
    """Return the split whose share each number over 2⁶⁴ falls in; a number of ``SPLITS``.

    Args:
        numbers: the first eight bytes of digests, little-endian, ``[n]``.
        fractions: shares of train, validation and test.
    """
    edges = np.cumsum(fractions)
    share = (numbers >> np.uint64(11)) * 2.0**-53
    return np.searchsorted(edges[:-1] / edges[-1], share, side="right")


def _repeated(digests: np.ndarray) -> np.ndarray:
    """Return the rows whose digest an earlier row has."""
    order = np.lexsort((digests[:, 1], digests[:, 0]))  # stable: the first of equals stays first
    ordered = digests[order]
    return np.asarray(order[1:][(ordered[1:] == ordered[:-1]).all(axis=1)])
