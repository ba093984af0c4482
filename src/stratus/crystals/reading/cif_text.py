"""From the bytes of a CIF to its blocks."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Any

from stratus.crystals.reading.cif_mend import mended_blocks

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
        Refusal: the text is no CIF; the sentence holds gemmi's, with the line.
    """
    import gemmi

    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        return list(gemmi.cif.read_string(text, 0)), None
    except (ValueError, RuntimeError) as error:
        complaint = _in_words(str(error))
    return mended_blocks(text, complaint), f"the CIF breaks the syntax and was mended: {complaint}"


def _in_words(message: str) -> str:
    """Return gemmi's ``string:4:0(27): parse error`` as a person would say it."""
    match = re.match(r"string:(\d+):\d+(?:\(\d+\))?: (.*)", message, re.DOTALL)
    return f"{match[2]} in line {match[1]}" if match is not None else message
