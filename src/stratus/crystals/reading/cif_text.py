"""From the bytes of a CIF to its blocks."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

from stratus.crystals.entry import Code
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence


def decode(data: bytes) -> str:
    """Return text from bytes: UTF-8 or UTF-16 by its mark, else UTF-8, else Latin-1."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def blocks_of(text: str) -> tuple[Sequence[Any], str | None]:
    """Return the ``gemmi.cif.Block`` list of a CIF text, and a note if it had to be mended.

    Raises:
        Refusal: the text is no CIF; the sentence is gemmi's, with the line.
    """
    import gemmi

    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        return list(gemmi.cif.read_string(text, 0)), None
    except (ValueError, RuntimeError) as error:
        raise Refusal(
            Code.UNREADABLE, f"the text is no CIF: {str(error).removeprefix('string:')}"
        ) from error
