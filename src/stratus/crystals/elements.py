"""Chemical symbols by atomic number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import gemmi

if TYPE_CHECKING:
    from collections.abc import Iterable

SYMBOLS: Final[tuple[str, ...]] = ("", *(gemmi.Element(z).name for z in range(1, 119)))
"""Symbol of each atomic number; place 0 is empty."""

NUMBERS: Final[dict[str, int]] = {symbol: z for z, symbol in enumerate(SYMBOLS) if z}
"""Atomic number of each symbol."""

DEUTERIUM: Final = "deuterium (D) is read as hydrogen"
"""The note of every reader that met a ``D``, which is no element of its own."""


def deuterium_note(words: Iterable[object]) -> tuple[str, ...]:
    """Return :data:`DEUTERIUM` as the one note where a word is ``D`` or an ion of it, else none."""
    heavy = any(isinstance(word, str) and word.strip(" +-.0123456789") == "D" for word in words)
    return (DEUTERIUM,) if heavy else ()
