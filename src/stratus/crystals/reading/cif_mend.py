"""CIF texts that break the syntax in ways that leave no doubt about the crystal."""

from __future__ import annotations

import re
from typing import Any

from stratus.crystals.entry import Code
from stratus.crystals.reading.refusal import Refusal

_WANTED = (
    "_cell",
    "_atom_site",
    "_atom_type",
    "_chemical_formula",
    "_symmetry",
    "_space_group",
    "_audit",
)
_MOST_TAGS = 2000
_CLOSING = {quote: re.compile(rf"{quote}(?=\s|$)") for quote in "'\""}
_WORD = re.compile(r"\S+")
_BLOCK = re.compile(r"^[ \t]*data_(\S*)", re.IGNORECASE | re.MULTILINE)


def mended_blocks(text: str, complaint: str) -> list[Any]:
    r"""Return the blocks of a text that gemmi refused, with what crystals need of them.

    Characters outside ASCII, quotes that do not close and values out of place are passed over;
    of the loops, only those about cell, symmetry and atoms are kept, and these must be whole.

    Args:
        text: the CIF, with ``\n`` line ends.
        complaint: gemmi's message, for the refusal.

    Raises:
        Refusal: no block could be saved, or a loop that matters is broken.
    """
    starts = list(_BLOCK.finditer(text))
    blocks = []
    for position, start in enumerate(starts):
        end = starts[position + 1].start() if position + 1 < len(starts) else len(text)
        blocks.append(_mended(start[1] or "unnamed", text[start.end() : end], complaint))
    if not blocks:
        raise Refusal(Code.UNREADABLE, f"the text is no CIF: {complaint}")
    return blocks


def _mended(name: str, body: str, complaint: str) -> Any:
    import gemmi

    block = gemmi.cif.Block(name)
    tokens = _tokens(body)
    at, count = 0, len(tokens)
    seen: set[str] = set()
    while at < count:
        word, quoted = tokens[at]
        at += 1
        lower = word.lower()
        if quoted:
            continue
        if lower.startswith("loop_"):
            tags = []
            while at < count and not tokens[at][1] and tokens[at][0].startswith("_"):
                tags.append(tokens[at][0])
                at += 1
            values = []
            while at < count and (tokens[at][1] or not _is_key(tokens[at][0])):
                values.append(tokens[at][0])
                at += 1
            if tags and any(tag.lower().startswith(_WANTED) for tag in tags):
                if len(values) % len(tags):
                    raise Refusal(
                        Code.UNREADABLE,
                        f"the text is no CIF ({complaint}), and its loop of {tags[0]} is broken",
                    )
                if not seen & {tag.lower() for tag in tags}:
                    seen.update(tag.lower() for tag in tags)
                    _count(seen, complaint)
                    _add_loop(block, tags, values)
        elif word.startswith("_"):
            value = "?"
            if at < count and (tokens[at][1] or not _is_key(tokens[at][0])):
                value = tokens[at][0]
                at += 1
            if lower.startswith(_WANTED) and lower not in seen:
                seen.add(lower)
                _count(seen, complaint)
                block.set_pair(word, _quoted(value))
    return block


def _count(tags: set[str], complaint: str) -> None:
    """Refuse more tags than any CIF has; a block takes the longer for each, the more it has."""
    if len(tags) > _MOST_TAGS:
        raise Refusal(
            Code.UNREADABLE,
            f"the text is no CIF ({complaint}), and it has more than {_MOST_TAGS} tags of cell and "
            "atoms",
        )


def _quoted(value: str) -> str:
    import gemmi

    return str(gemmi.cif.quote(value)) if value not in {"", "?", "."} else value or "?"


def _add_loop(block: Any, tags: list[str], values: list[str]) -> None:
    loop = block.init_loop("", tags)
    for start in range(0, len(values), len(tags)):
        loop.add_row([_quoted(value) for value in values[start : start + len(tags)]])


def _is_key(word: str) -> bool:
    return word.startswith("_") or word.lower().startswith("loop_")


def _tokens(body: str) -> list[tuple[str, bool]]:
    """Return the words of a block, each with whether it was quoted."""
    tokens: list[tuple[str, bool]] = []
    field: list[str] | None = None
    for raw in body.split("\n"):
        if field is not None:
            if raw.startswith(";"):
                tokens.append(("\n".join(field), True))
                field = None
            else:
                field.append(raw)
            continue
        if raw.startswith(";"):
            field = [raw[1:]]
            continue
        line = raw.encode("ascii", "replace").decode("ascii").replace("\0", " ")
        tokens += _words(line)
    return tokens


def _words(line: str) -> list[tuple[str, bool]]:
    words: list[tuple[str, bool]] = []
    at, unclosed = 0, set[str]()
    while match := _WORD.search(line, at):
        word, at = match.group(), match.end()
        quote = word[0]
        if quote == "#":
            break
        if quote in _CLOSING and quote not in unclosed:
            close = _CLOSING[quote].search(line, match.start() + 1)
            if close is not None:
                words.append((line[match.start() + 1 : close.start()], True))
                at = close.end()
                continue
            unclosed.add(quote)
        words.append((word, False))
    return words
