"""JSON from outside, decoded to texts that can be written again."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from stratus.files.text import writable_value

_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
"""How half of a pair is written; two of them in a row are one letter."""


def loads(text: str | bytes) -> Any:
    """Return what a JSON text holds, as :func:`json.loads` does, without halves of pairs.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deep.
    """
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    return without_halves(json.loads(text), text, 0, len(text))


def without_halves(value: Any, text: str, start: int, end: int) -> Any:
    """Return a decoded value of which every text can be written.

    Args:
        value: what a part of a text decodes to.
        text: is looked at first, since hardly any holds such.
        start: where the part begins.
        end: where it ends.

    Raises:
        RecursionError: it is nested too deep.
    """
    return writable_value(value) if _HALF.search(text, start, end) else value
