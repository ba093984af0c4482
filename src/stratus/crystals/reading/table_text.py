"""How the text of a table is written: its encoding, its separator, its decimal sign."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from typing import Final

SEPARATORS: Final = (",", ";", "\t", "|")

_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before the one of UTF-16, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKED_AT = 4096
_FEW = 0.05
_ROWS: Final = 50
_SEP = re.compile(r"sep=(.)(\r\n|\r|\n)", re.IGNORECASE)
"""The first line with which a table tells Excel its separator."""


@dataclass(frozen=True, slots=True)
class TableText:
    """How the text of a table is written.

    Attributes:
        encoding: by Python's name; bytes that are not UTF-8 are taken for Latin-1.
        separator: what stands between cells.
        preamble: characters before the header, with which the table names its separator.
    """

    encoding: str
    separator: str
    preamble: int = 0

    @property
    def decimal_comma(self) -> bool:
        """Whether ``1,5`` is one and a half: it may be where a semicolon separates cells."""
        return self.separator == ";"


def encoding_of(head: bytes) -> str:
    """Return the encoding of a text from its first bytes.

    UTF-16 without a byte order mark is told by its zeros: every other byte of a header in Latin
    letters is one.
    """
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return name
    some = head[: _LOOKED_AT & ~1]
    zeros = some[0::2].count(0), some[1::2].count(0)
    half = len(some) // 2
    if half and zeros[1] > half / 2 and zeros[0] <= half * _FEW:
        return "utf-16-le"
    if half and zeros[0] > half / 2 and zeros[1] <= half * _FEW:
        return "utf-16-be"
    return "utf-8-sig"


def table_text(head: bytes, preferred: str = ",") -> TableText:
    """Find out how the text of a table is written.

    Args:
        head: its first bytes, some 64 KiB, or all there are.
        preferred: the separator that its name tells, which wins where others do as well.
    """
    encoding = encoding_of(head)
    text = decoded(head, encoding)
    named = _SEP.match(text)
    if named is not None:
        return TableText(encoding, named[1], named.end())
    found = {one: _fit(text, one) for one in (preferred, *SEPARATORS)}
    best = max(found, key=found.__getitem__)  # the first of equals
    return TableText(encoding, best if found[best] > (0, 1) else preferred)


def decoded(data: bytes, encoding: str) -> str:
    """Return bytes as text; those that are no UTF-8 become Latin-1 letters."""
    errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
    return data.decode(encoding, errors=errors).translate(LATIN)


def _fit(text: str, separator: str) -> tuple[float, int]:
    """Return the share of the first rows that are as wide as the header, and how wide that is."""
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            rows.append(row)
            if len(rows) > _ROWS:
                break
    except csv.Error:  # a cell may be longer than this reader takes
        pass
    if not rows or len(rows[0]) < 2:
        return 0, 1
    body = [row for row in rows[1:] if row]
    if len(body) > 1:
        body = body[:-1]  # the last may be cut off
    width = len(rows[0])
    share = sum(len(row) == width for row in body) / len(body) if body else 1.0
    return share, width


LATIN: Final = {0xDC00 + byte: chr(byte) for byte in range(0x80, 0x100)}
"""From bytes that were no UTF-8, as Python escapes them, to Latin-1 letters."""
