"""What symbol, number or code of a space group in a CIF mean: settings, the likeliest first."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from stratus.crystals.reading.cif_settings_tail import Choice, read_choice, split_symbol
from stratus.crystals.reading.operation_groups import Group, group_of_hall

TWO_ORIGINS: Final = ("1", "2")
_AXES: Final = ("H", "R")
_FIRST_CODES: Final = {"abc": "", "a1": "a", "b1": "b", "c1": "c"}
_LONGEST: Final = 100  # characters of a symbol with what stands behind it
_REPEATED: Final = re.compile(
    r"[(\[]\s*(\d{2,3})\s*[)\]]|(?:\b(?:no|nr|number)\b|#)[\s.:]*(\d{1,3})\b", re.IGNORECASE
)
_NUMBER: Final = re.compile(r"(\d{1,3})(?:\.0*)?(?![\de])\s*(.*)", re.DOTALL)
_FULL_PART: Final = re.compile(r"(?:2|21)/([a-e]|[mn])")
_FULL_FIRST: Final = re.compile(r"(?:[246]|21|4[123])/([a-e]|[mn])")


@dataclass(frozen=True, slots=True)
class Setting:
    """One of the ways to put axes and origin of a space group.

    Attributes:
        number: of the group.
        name: the Hermann-Mauguin symbol with its extension, such as ``F d -3 m:2``.
        symbol: the same without the extension.
        extension: ``1`` or ``2`` for the origin, ``H`` or ``R`` for the axes, or nothing.
        axes: the code of International Tables for the axes, such as ``b1`` or ``cab``.
        hall: the Hall symbol.
    """

    number: int
    name: str
    symbol: str
    extension: str
    axes: str
    hall: str

    @property
    def group(self) -> Group:
        """Its operations."""
        group = group_of_hall(self.hall)
        if group is None:
            raise ValueError(f"{self.hall!r} is no Hall symbol")
        return group


@dataclass(frozen=True, slots=True)
class Statement:
    """What one line of a file says of the space group.

    Attributes:
        text: as it stands in the file.
        settings: what it can mean, the likeliest first; empty where it was not understood.
        spelled: how many of these, from the first, are what the text spells out. The others are
            settings of the same group, for cells that those do not fit.
        explicit: whether the text itself says which origin or axes are meant.
        unread: the part of the text that was not understood.
        hinted: the settings of the symbol before what was not understood.
    """

    text: str
    settings: tuple[Setting, ...]
    spelled: int = 0
    explicit: bool = False
    unread: str | None = None
    hinted: tuple[Setting, ...] = ()


@lru_cache(maxsize=1024)
def stated_by_hall(text: str) -> Statement:
    """Return what a Hall symbol means; where no table has its setting, that is called as it is."""
    group = group_of_hall(text)
    if group is None or group.number is None:
        return Statement(text, (), unread=text)
    known = (s for s in settings_of(group.number) if s.group.keys == group.keys)
    setting = next(known, Setting(group.number, text, text, "", "", text))
    return Statement(text, (setting,), 1, explicit=True)


@lru_cache(maxsize=2048)
def stated_by_symbol(text: str) -> Statement:
    """Return what a Hermann-Mauguin symbol means, with all that stands behind it."""
    core, tail = split_symbol(text[:_LONGEST])
    if _closed_up(text) in _by_symbol():  # P 21212(a)
        core, tail = text, ""
    spelled = _spelled(core)
    if not spelled:
        parts = core.split()
        starts = (_spelled(" ".join(parts[:count])) for count in range(len(parts) - 1, 1, -1))
        return Statement(text, (), unread=text, hinted=next((s for s in starts if s), ()))
    first = spelled[0]
    strange = {s.axes for s in spelled if s.number != first.number}  # C 1 1 2 is of group 3
    spelled = tuple(s for s in spelled if s.number == first.number)
    repeated = _REPEATED.search(tail)
    if repeated is not None and int(repeated[1] or repeated[2]) == first.number:
        tail = tail[: repeated.start()] + tail[repeated.end() :]
    choice = read_choice(tail)
    if choice is None or len(text) > _LONGEST:
        return Statement(text, (), unread=tail, hinted=spelled)
    others: tuple[Setting, ...] = ()
    if _is_short(core) and any(setting.axes in {"b", "b1"} for setting in spelled):
        axes = {code[0] for code in strange}
        others = tuple(
            s
            for s in settings_of(first.number)
            if s not in spelled and s.axes.lstrip("-")[:1] not in axes
        )
    named = _narrowed(spelled, choice)
    others = _narrowed(others, choice)
    if not named and not others:
        return Statement(text, (), unread=tail, hinted=spelled)
    extended = first.extension and len(spelled) == 1
    return Statement(text, named + others, len(named), bool(tail) or bool(extended))


@lru_cache(maxsize=1024)
def stated_by_number(text: str) -> Statement | None:
    """Return what a number of International Tables means; ``None`` where it is none, such as 0."""
    match = _NUMBER.fullmatch(text[:_LONGEST].strip())
    if match is None or not 1 <= int(match[1]) <= 230:
        return None
    choice = read_choice(match[2])
    settings = settings_of(int(match[1]))
    chosen = () if choice is None else _narrowed(settings, choice)
    unread = None if chosen else match[2]
    return Statement(text, chosen, min(len(chosen), 1), bool(match[2]), unread)


@lru_cache(maxsize=1024)
def stated_by_reference(text: str) -> Statement:
    """Return what ``_space_group_name_H-M_ref`` means: a group, in whatever setting."""
    found = stated_by_symbol(text)
    if not found.settings:
        return found
    settings = settings_of(found.settings[0].number)
    return Statement(text, settings, 1)


def narrowed_by_code(statement: Statement, code: str) -> Statement | None:
    """Return a statement with what an ``_space_group_IT_coordinate_system_code`` leaves of it."""
    choice = read_choice(code[:_LONGEST])
    settings = () if choice is None else _narrowed(statement.settings, choice)
    if not settings:
        return None
    return replace(statement, settings=settings, spelled=len(settings), explicit=True)


@lru_cache(maxsize=256)
def settings_of(number: int) -> tuple[Setting, ...]:
    """Return the settings of a space group, the standard one first."""
    import gemmi

    standard = gemmi.get_spacegroup_reference_setting(number)
    first = _setting(standard)
    return (first, *(s for s in _table() if s.number == number and s != first))


@lru_cache(maxsize=1)
def _table() -> tuple[Setting, ...]:
    import gemmi

    return tuple(dict.fromkeys(_setting(group) for group in gemmi.spacegroup_table()))


@lru_cache(maxsize=1)
def _by_symbol() -> dict[str, tuple[Setting, ...]]:
    found: dict[str, list[Setting]] = {}
    for setting in _table():
        found.setdefault(_closed_up(setting.symbol), []).append(setting)
    # where a symbol leaves the origin open, most files of today mean the second
    return {
        key: tuple(sorted(settings, key=lambda s: s.extension == "1"))
        for key, settings in found.items()
    }


def _setting(group: Any) -> Setting:
    extension = "" if group.ext == "\0" else group.ext
    return Setting(group.number, group.xhm(), group.hm, extension, group.qualifier, str(group.hall))


def _closed_up(symbol: str) -> str:
    return symbol.replace(" ", "").lower()


def _is_short(core: str) -> bool:
    """Return whether a symbol has one direction alone, such as ``P 21/c``."""
    return _closed_up(core) not in _by_symbol()


def _spelled(core: str) -> tuple[Setting, ...]:
    """Return the settings that a symbol without extension spells."""
    import gemmi

    table = _by_symbol()
    whole = _closed_up(core)
    if whole in table:
        return table[whole]
    if len(whole) < 2:
        return ()
    lattice, part = whole[0], whole[1:]
    monoclinic = (f"{lattice}1{part}1", f"{lattice}11{part}", f"{lattice}{part}11")
    found = [s for key in monoclinic for s in table.get(key, ()) if s.number > 2]
    if found:
        found.sort(key=_table().index)  # those of International Tables stand first
        return tuple(found)
    for symbol in (core, _shortened(core)):
        try:
            group: Any = gemmi.find_spacegroup_by_name(symbol)
        except (RuntimeError, ValueError):
            continue
        if group is not None:
            own = table[_closed_up(group.hm)]
            if whole.startswith("h") and group.ext in _AXES:
                return tuple(s for s in own if s.extension == "H")
            return own
    return ()


def _shortened(core: str) -> str:
    """Return the short form of a full symbol: ``P 2/m 2/m 2/m`` is ``P m m m``."""
    parts = core.split()
    if len(parts) < 3:
        return core
    turned = parts[2] == "-3" or _FULL_PART.fullmatch(parts[1]) is not None
    if turned and (match := _FULL_FIRST.fullmatch(parts[1])) is not None:
        parts[1] = match[1]
    return " ".join(parts[:2] + [_FULL_PART.sub(r"\1", part) for part in parts[2:]])


def _narrowed(settings: tuple[Setting, ...], choice: Choice) -> tuple[Setting, ...]:
    """Return the settings that a choice of origin and axes leaves."""
    return tuple(s for s in settings if _allowed(s, choice))


def _allowed(setting: Setting, choice: Choice) -> bool:
    has_origins = setting.extension in TWO_ORIGINS and setting.extension
    if choice.origin and (
        setting.extension != choice.origin if has_origins else choice.origin != "1"
    ):
        return False
    if choice.site and choice.site != (
        setting.extension if has_origins else "2" if setting.hall.startswith("-") else ""
    ):
        return False
    if choice.system:
        if setting.extension in _AXES and setting.extension:
            if setting.extension != choice.system:
                return False
        elif choice.system != "H" or not 143 <= setting.number <= 194:
            return False
    if choice.axis and setting.axes.lstrip("-")[:1] != choice.axis:
        return False
    if choice.cell and choice.cell != (setting.axes.lstrip("-")[1:] or "1"):
        return False
    if not choice.code:
        return True
    return setting.axes == choice.code or setting.axes == _FIRST_CODES.get(choice.code)
