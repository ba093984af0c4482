"""Chemical symbols by atomic number."""

from __future__ import annotations

from typing import Final

import gemmi

SYMBOLS: Final[tuple[str, ...]] = ("", *(gemmi.Element(z).name for z in range(1, 119)))
"""Symbol of each atomic number; place 0 is empty."""

NUMBERS: Final[dict[str, int]] = {symbol: z for z, symbol in enumerate(SYMBOLS) if z}
"""Atomic number of each symbol."""
