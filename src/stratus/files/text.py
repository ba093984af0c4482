r"""Text that a file in UTF-8 can hold.

A name of a file may carry bytes that are no letters, and JSON may write half of a pair
(``\ud800``), which Python keeps and nothing can write. Such a place is spelt with a backslash.
"""

from __future__ import annotations

from typing import Any


def writable(text: str) -> str:
    """Return a text that UTF-8 can hold; most texts are returned as they are."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def writable_value(value: Any) -> Any:
    """Return what JSON decodes to with every text in it, keys too, made :func:`writable`.

    Raises:
        RecursionError: lists and mappings are nested too deep.
    """
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, list):
        return [writable_value(item) for item in value]
    if isinstance(value, dict):
        return {writable_value(key): writable_value(item) for key, item in value.items()}
    return value
