"""What stands behind the symbol of a space group: which origin, which axes, which cell."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

_SCREW: Final = re.compile(r"(?<!-)([2346])\((\d)\)")
_MARKS: Final = re.compile(r"[_~]|</?sub>|sub|\$|\{|\}")
_DASHES: Final = str.maketrans("\u2010\u2011\u2012\u2013\u2212", "-----")
_END: Final = re.compile(
    r"[:(\[,;#]|\b(?:no\b|nr\b|origin|orig|org|setting|choice|axes|unique|cell|hexagonal|rhombohedral)\b",
    re.IGNORECASE,
)
_SUFFIX: Final = re.compile(r"(.*\S)\s*?(HR|[SZHR]|O\s?R?\s?[12])", re.IGNORECASE | re.DOTALL)
_CODE: Final = re.compile(r"([12]?)(-?[abc][1-6]?|abc|ba-c|cab|-cba|bca|a-cb)")

_ORIGINS: Final = {
    **dict.fromkeys(("1", "i", "one", "1st", "first", "s"), "1"),
    **dict.fromkeys(("2", "ii", "two", "2nd", "second", "z"), "2"),
}
_ORDER: Final = r"(1st|2nd|1|2|ii|i|one|two|first|second|s|z)"
_CHOICE: Final = r"(?:choice|no\.?|number|nr\.?|setting)"
_RULES: Final = (
    (
        "site",
        re.compile(
            r"\borigin\s*(?:choice\s*)?(?:is|=|:)?\s*\b(?:at|on|in)\s*(?:the\s+)?"
            r"((?:inversion\s+)?cent(?:re|er)(?:\s+of\s+(?:inversion|symmetry))?\b"
            r"(?:\s*\((?:-1|-3m?|[24]/m)\))?"
            r"|[-\d/mn ]*[-\d/mn](?![\w,]))"
        ),
    ),
    (
        "origin",
        re.compile(
            rf"\b(?:origin|orig\.?|org\.?|or\.?|o)\s*(?:at\s+)?{_CHOICE}?\s*[:=#]?\s*{_ORDER}\b"
        ),
    ),
    ("origin", re.compile(rf"\b{_ORDER}\s+(?:origin|setting)(?:\s+choice)?\b")),
    ("cell", re.compile(r"\bcell\s+choice\s*[:=#]?\s*([123])\b")),
    ("origin", re.compile(rf"\b(?:choice|setting)\s*[:=#]?\s*{_ORDER}\b")),
    ("axis", re.compile(r"\bunique\s+axis\s*[:=]?\s*([abc])\b")),
    ("axis", re.compile(r"\b([abc])[\s-]+(?:axis\s+)?unique(?:\s+axis)?\b")),
    (
        "system",
        re.compile(r"\b(hexagonal|rhombohedral|hex|rhomb?)\b\.?(?:\s+(?:axes|setting|cell))?"),
    ),
)
_CENTRES: Final = frozenset(
    ["-1", "2/m", "4/m", "6/m", "-3", "-3m", "mmm", "4/mmm", "6/mmm", "m-3", "m-3m"]
)
_NO_CENTRES: Final = frozenset(
    [
        "222",
        "222/n",
        "mm2",
        "mm2/n",
        "mmn",
        "-4",
        "-4/n",
        "-42m",
        "-42m/n",
        "-4m2",
        "-4m2/n",
        "422",
        "422/n",
        "23",
        "432",
        "-43m",
        "32",
    ]
)
_FILLING: Final = re.compile(r"[\s:()\[\],;.]+")


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice among the settings of a group; what is not said is empty.

    Attributes:
        origin: ``1`` or ``2``.
        site: of the origin: ``2`` where an inversion lies on it, else ``1``.
        system: ``H`` or ``R``, hexagonal or rhombohedral axes.
        axis: the unique axis, ``a``, ``b`` or ``c``.
        cell: the cell choice, ``1``, ``2`` or ``3``.
        code: of International Tables, such as ``cab`` or ``-b2``.
    """

    origin: str = ""
    site: str = ""
    system: str = ""
    axis: str = ""
    cell: str = ""
    code: str = ""


def split_symbol(text: str) -> tuple[str, str]:
    """Return a symbol in plain letters, and what stands behind it."""
    plain = _SCREW.sub(r"\1\2", text.translate(_DASHES))
    plain = " ".join(_MARKS.sub("", plain).split())
    end = _END.search(plain)
    core, tail = (plain[: end.start()], plain[end.start() :]) if end else (plain, "")
    core = core.strip(" -/|")
    suffix = _SUFFIX.fullmatch(core)
    if suffix is not None:
        core, tail = suffix[1].strip(), f"{suffix[2]} {tail}".strip()
    return core, tail


def read_choice(tail: str) -> Choice | None:
    """Return the choice that a symbol's tail or a code names; ``None`` if it is not understood.

    Origins go by number (``:1``, ``origin choice 2``), by what lies on them (``origin at -1``, as
    all second origins, or ``origin at -43m``), or by the letters of ICSD (``S``, ``Z``). Axes go by
    ``H`` and ``R``, by the unique axis, or by the codes of International Tables.
    """
    choice: Choice | None = Choice()
    rest = tail.lower()
    for field, rule in _RULES:
        while choice is not None and (match := rule.search(rest)) is not None:
            rest = f"{rest[: match.start()]} ; {rest[match.end() :]}"
            choice = _with(choice, field, match[1])
    for word in _FILLING.split(rest):
        if choice is None:
            return None
        if word:
            choice = _with_word(choice, word)
    return choice


def _with(choice: Choice, field: str, value: str) -> Choice | None:
    """Return a choice with one more thing said, or ``None`` if it was said otherwise before."""
    if field == "site":
        value = _site(value)
    elif field == "origin":
        value = _ORIGINS[value]
    elif field == "system":
        value = value[0].upper()
    before = getattr(choice, field)
    if not value or (before and before != value):
        return None
    return replace(choice, **{field: value})


def _with_word(choice: Choice, word: str) -> Choice | None:
    if word in {"1", "2", "s", "z"}:
        return _with(choice, "origin", word)
    if word in {"o1", "o2", "or1", "or2"}:
        return _with(choice, "origin", word[-1])
    if word in {"h", "r", "hr"}:
        return _with(choice, "system", word)
    if word in {"a", "b", "c"}:
        return _with(choice, "axis", word)
    match = _CODE.fullmatch(word)
    if match is None:
        return None
    with_origin = _with(choice, "origin", match[1]) if match[1] else choice
    return None if with_origin is None else _with(with_origin, "code", match[2])


def _site(text: str) -> str:
    """Return ``2`` for a site that holds an inversion, ``1`` for one that does not."""
    closed = text.replace(" ", "")
    if closed in _CENTRES or closed.startswith(("cent", "inversion")):
        return "2"
    return "1" if closed in _NO_CENTRES else ""
