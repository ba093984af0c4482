"""JSON files, one structure in memory at a time."""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING, Any, BinaryIO

from stratus.crystals.entry import Code
from stratus.crystals.reading.json_text import without_halves
from stratus.crystals.reading.mapping import is_structure
from stratus.crystals.reading.record import Record
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stratus.crystals.reading.record import ReadOptions

_CHUNK = 1 << 16
_SPACE = re.compile(r"[ \t\r\n]*")
_ID_KEYS = ("material_id", "id", "mp_id", "mbid", "mat_id", "entry_id")
_OWN_KEYS = frozenset({"@module", "@class", "@version", "structure", "lattice", "sites", "charge"})


def json_records(
    stream: BinaryIO, stem: str, source: str, options: ReadOptions
) -> Iterator[Record]:
    """Yield a record for each structure of a JSON text.

    The text is a structure, a mapping with a structure in it, a list of either, a mapping from
    ids to either or to such mappings, which is how MPtrj is published, a table in pandas' ``split``
    form (``index``, ``columns``, ``data``), which is how matbench is, or pymatgen entries under
    ``entries``, which is how Alexandria is.

    Raises:
        Refusal: it is no JSON; what came before the error was yielded.
    """
    text = _JsonText(stream, options)
    first = text.peek()
    if first == "[":
        yield from _entries(text, stem, source, options)
    elif first == "{":
        yield from _mapping(text, stem, source, options)
    else:
        raise Refusal(Code.UNREADABLE, "the JSON is neither a mapping nor a list")
    text.finish()


def jsonl_records(
    stream: BinaryIO, stem: str, source: str, options: ReadOptions
) -> Iterator[Record]:
    """Yield a record for each line of a JSON-lines file; the line is decoded by the parser."""
    limit = options.max_member_mib << 20
    row = 0
    while line := stream.readline(limit + 1):
        if len(line) > limit:
            raise Refusal(Code.UNSAFE_ARCHIVE, f"line {row} is over {options.max_member_mib} MiB")
        if line.strip():
            yield Record(f"{stem}:{row}", f"{source}:{row}", "jsonline", line)
        row += 1


def own_id(value: Any, options: ReadOptions) -> str | None:
    """Return the id that a mapping carries itself, if it does."""
    if not isinstance(value, dict):
        return None
    keys = (options.id_column,) if options.id_column is not None else _ID_KEYS
    inner = value.get("data")
    for holder in (inner, value) if isinstance(inner, dict) else (value,):
        for key in keys:
            if isinstance(holder.get(key), (str, int)) and str(holder[key]).strip():
                return str(holder[key])
    return None


def _mapping(text: _JsonText, stem: str, source: str, options: ReadOptions) -> Iterator[Record]:
    whole: dict[str, Any] = {}
    is_table = is_index = False
    for key in text.pairs():
        if key == "data" and isinstance(whole.get("columns"), list) and text.peek() == "[":
            yield from _split_form(text, whole, stem, source, options)
            is_table = True
            continue
        if key == "entries" and text.peek() == "[":
            yield from _entries(text, stem, source, options)
            is_table = True
            continue
        value = text.value()
        is_several = _holds_several(value)
        is_index = is_index or (key not in _OWN_KEYS and (is_several or _holds_structure(value)))
        if not is_index:
            whole[key] = value
            continue
        while whole:  # what stood before the first structure is a row too
            earlier = next(iter(whole))
            yield Record(earlier, f"{source}:{earlier}", "mapping", whole.pop(earlier))
        if is_several:
            for name, one in value.items():
                own = name if name.startswith(key) else f"{key}:{name}"
                yield Record(own, f"{source}:{key}:{name}", "mapping", one)
            continue
        yield Record(key, f"{source}:{key}", "mapping", value)
    if not is_index and not is_table:
        yield Record(stem, source, "mapping", whole)


def _entries(text: _JsonText, stem: str, source: str, options: ReadOptions) -> Iterator[Record]:
    for position, value in enumerate(text.elements()):
        own = own_id(value, options)
        name = own if own is not None else f"{stem}:{position}"
        yield Record(name, f"{source}:{position}", "mapping", value)


def _holds_structure(value: Any) -> bool:
    return isinstance(value, dict) and (is_structure(value) or "structure" in value)


def _holds_several(value: Any) -> bool:
    """Return whether it is a mapping from ids itself, as frames of one material are in MPtrj."""
    if not isinstance(value, dict) or not value or _holds_structure(value):
        return False
    return all(map(_holds_structure, value.values()))


def _split_form(
    text: _JsonText, whole: dict[str, Any], stem: str, source: str, options: ReadOptions
) -> Iterator[Record]:
    columns = [str(name) for name in whole["columns"]]
    index = whole.get("index")
    for row, values in enumerate(text.elements()):
        value = dict(zip(columns, values, strict=False)) if isinstance(values, list) else values
        own = own_id(value, options)
        if (
            own is None
            and isinstance(index, list)
            and row < len(index)
            and isinstance(index[row], str)
        ):
            own = index[row]
        yield Record(
            own if own is not None else f"{stem}:{row}", f"{source}:{row}", "mapping", value
        )


class _JsonText:
    """A JSON text of which only the value at hand is in memory."""

    def __init__(self, stream: BinaryIO, options: ReadOptions) -> None:
        self._stream = stream
        self._limit = options.max_member_mib << 20
        self._decode = codecs.getincrementaldecoder("utf-8-sig")(errors="replace").decode
        self._scan = json.JSONDecoder().raw_decode
        self._text = ""
        self._at = 0
        self._ended = False

    def peek(self) -> str:
        """Return the next character that is no space; empty at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._more(_CHUNK)

    def value(self) -> Any:
        """Return the next value, decoded."""
        self.peek()
        size = _CHUNK
        while True:
            try:
                value, end = self._scan(self._text, self._at)
                value = without_halves(value, self._text, self._at, end)
            except (ValueError, RecursionError) as error:  # also a number of too many digits
                if not isinstance(error, json.JSONDecodeError) or self._ended:
                    raise Refusal(Code.UNREADABLE, f"the JSON is broken: {error}") from error
            else:
                if end < len(self._text) or self._ended:  # a number may go on in the next chunk
                    self._at = end
                    return value
            self._more(size)
            size *= 2

    def elements(self) -> Iterator[Any]:
        """Yield the elements of the list that begins here."""
        self._take("[")
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            yield self.value()
            if self._take(",]") == "]":
                return

    def pairs(self) -> Iterator[str]:
        """Yield the keys of the mapping that begins here; take the value before the next key."""
        self._take("{")
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            if self.peek() != '"':
                raise Refusal(Code.UNREADABLE, "the JSON is broken: a key is missing")
            key = self.value()
            self._take(":")
            yield key
            if self._take(",}") == "}":
                return

    def finish(self) -> None:
        """Refuse what follows the value."""
        if self.peek():
            raise Refusal(Code.UNREADABLE, "the JSON goes on after its end")

    def _take(self, wanted: str) -> str:
        found = self.peek()
        if not found or found not in wanted:
            given = repr(found) if found else "the end"
            raise Refusal(
                Code.UNREADABLE,
                f"the JSON is broken: {' or '.join(wanted)} expected, {given} found",
            )
        self._at += 1
        return found

    def _more(self, size: int) -> None:
        data = self._stream.read(size)
        self._ended = not data
        self._text = self._text[self._at :] + self._decode(data, final=not data)
        self._at = 0
        if len(self._text) > self._limit:
            raise Refusal(Code.UNSAFE_ARCHIVE, "one JSON value is larger than max_member_mib")
