"""The column of token ids in a packed corpus."""

from __future__ import annotations

from typing import Final

from stratus.corpora.packed.column import Column

TOKENS: Final = "tokens"
TOKEN_COLUMN: Final = Column(name=TOKENS, dtype="uint16", of="part")
"""Token ids of a string, without ``[CLS]`` and ``[SEP]``."""
