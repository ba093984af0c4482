"""What a server sends, piece by piece: decoded, and given up where it does not end."""

from __future__ import annotations

import threading
import time
import zlib
from typing import TYPE_CHECKING, Final

from stratus.corpora.sources.addresses import shown
from stratus.corpora.sources.source import PassingError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

ACCEPTED: Final = "gzip"
"""The encoding that is asked for; a few bytes of others, or of several, can become gigabytes."""

_PLAIN: Final = frozenset({"", "identity"})
_ZIPPED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_PIECE: Final = 1 << 16
_GZIP_OR_ZLIB: Final = 47


def pieces(response: httpx.Response, limit: int, give_up: float) -> Iterator[bytes]:
    """Yield the body of an answer in pieces of at most 64 KiB, as they come.

    Args:
        response: an answer of which nothing was read yet.
        limit: most bytes that are decoded.
        give_up: when to stop, as ``time.monotonic`` counts.

    Raises:
        SourceError: it is larger, or in an encoding that was not asked for.
        PassingError: it is still coming, or broke off.
    """
    late = threading.Event()

    def stop() -> None:
        late.set()
        response.close()  # what frames the pieces may come byte by byte too, and give no piece

    watch = threading.Timer(max(0.0, give_up - time.monotonic()), stop)
    watch.daemon = True
    watch.start()
    size = 0
    try:
        for piece in _decoded(response):
            size += len(piece)
            if size > limit:
                raise SourceError(
                    f"{shown(response.url)} answers with more than {limit >> 20} MiB; ask for less "
                    "at a time"
                )
            if late.is_set():
                break
            yield piece
    except Exception:
        if not late.is_set():
            raise
    finally:
        watch.cancel()
    if late.is_set():
        raise PassingError(f"{shown(response.url)} was still sending when its time was over")


def start_of(response: httpx.Response, most: int, give_up: float) -> bytes:
    """Return the first bytes of an answer; what comes of them when something goes wrong."""
    import httpx

    found = b""
    try:
        for piece in pieces(response, 2 * most, give_up):
            found += piece
            if len(found) >= most:
                break
    except (SourceError, httpx.HTTPError):
        pass
    return found[:most]


def _decoded(response: httpx.Response) -> Iterator[bytes]:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in _PLAIN:
        for data in response.iter_raw():
            for at in range(0, len(data), _PIECE):
                yield data[at : at + _PIECE]
        return
    if encoding not in _ZIPPED:
        raise SourceError(
            f"{shown(response.url)} answers in the encoding {shown(encoding)}, which was not asked "
            "for"
        )
    decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
    came = False
    try:
        for data in response.iter_raw():
            came = came or bool(data)
            rest = data
            while rest or not decoder.eof:
                piece = decoder.decompress(rest, _PIECE)
                rest = decoder.unconsumed_tail
                yield piece
                if not rest and len(piece) < _PIECE:
                    break
    except zlib.error as error:
        raise PassingError(f"{shown(response.url)} sends no {encoding}: {error}") from error
    if came and not decoder.eof:
        raise PassingError(f"{shown(response.url)} breaks off")
