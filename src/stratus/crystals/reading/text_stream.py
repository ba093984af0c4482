"""Text as UTF-8, whatever byte order mark a program put before it."""

from __future__ import annotations

import codecs
import io
from typing import BinaryIO, Final, cast

from stratus.crystals.reading.archives import looked_into
from stratus.crystals.reading.table_text import encoding_of

_MARK_BYTES: Final = 4  # of the longest, UTF-32's


def utf8(stream: BinaryIO) -> BinaryIO:
    """Return a stream of UTF-8 of a text that a byte order mark says to be of another encoding.

    UTF-8 stays as it is, with its mark.
    """
    if isinstance(stream, io.BufferedReader):
        head = stream.peek(_MARK_BYTES)
    else:
        head, stream = looked_into(stream, _MARK_BYTES)
    encoding = encoding_of(head[:_MARK_BYTES])
    if not encoding.startswith(("utf-16", "utf-32")):
        return stream
    return cast("BinaryIO", codecs.EncodedFile(stream, "utf-8", encoding, errors="replace"))
