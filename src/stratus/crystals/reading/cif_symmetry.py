"""The symmetry operations of a CIF block: its own list, or what its space group's name means."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from stratus.crystals.entry import Code
from stratus.crystals.reading.cif_contents import judged
from stratus.crystals.reading.cif_operations import listed_operations, magnetic_operations
from stratus.crystals.reading.cif_settings import (
    TWO_ORIGINS,
    Setting,
    Statement,
    narrowed_by_code,
    settings_of,
    stated_by_hall,
    stated_by_number,
    stated_by_reference,
    stated_by_symbol,
)
from stratus.crystals.reading.operation_groups import (
    CLOSE,
    LOOSE,
    NEAR,
    Group,
    group_of,
    group_of_list,
)
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from stratus.crystals.reading.cif_operations import Operations
    from stratus.crystals.reading.cif_sites import Sites

_MODULATION_TAGS = ("_cell_modulation_dimension", "_cell_wave_vector_x")
_HALL_TAGS = (
    "_space_group_name_hall",
    "_symmetry_space_group_name_hall",
    "_space_group.name_hall",
    "_symmetry.space_group_name_hall",
)
_NAME_TAGS = (
    "_symmetry_space_group_name_h-m",
    "_space_group_name_h-m_alt",
    "_space_group_name_h-m_full",
    "_space_group.name_h-m_alt",
    "_space_group.name_h-m_full",
    "_symmetry.space_group_name_h-m",
    "_symmetry_space_group_name_h_m",
)
_REFERENCE_TAGS = ("_space_group_name_h-m_ref", "_space_group.name_h-m_ref")
_NUMBER_TAGS = (
    "_space_group_it_number",
    "_symmetry_int_tables_number",
    "_space_group.it_number",
    "_symmetry.int_tables_number",
)
_CODE_TAGS = (
    "_space_group_it_coordinate_system_code",
    "_space_group.it_coordinate_system_code",
    "_symmetry_it_coordinate_system_code",
)

_TAGS = (*_HALL_TAGS, *_NAME_TAGS, *_REFERENCE_TAGS, *_NUMBER_TAGS, *_CODE_TAGS)
_MOST_RIVALS = 6
_LONGEST = 300  # characters of a line that is looked at


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of a block that name its space group, as they stand there."""

    hall: str | None
    names: tuple[str, ...]
    number: str | None
    reference: str | None
    code: str | None

    @property
    def given(self) -> tuple[str, ...]:
        every = (self.hall, *self.names, self.number, self.reference)
        return tuple(text for text in every if text is not None)


@dataclass(frozen=True, slots=True)
class _Case:
    """One block: what the choice of its operations depends on."""

    block: Any
    cell: Sequence[float]
    lattice: npt.NDArray[np.float64]
    sites: Sites

    @property
    def cell_text(self) -> str:
        names = ("a", "b", "c", "alpha", "beta", "gamma")
        sizes = zip(names, self.cell, strict=True)
        return f"the cell ({', '.join(f'{name}={value:g}' for name, value in sizes)})"


def operations(
    block: Any, cell: Sequence[float], lattice: npt.NDArray[np.float64], sites: Sites
) -> tuple[Operations, list[str]]:
    """Return the symmetry operations of a block, and a note for each choice that was made.

    The file's own list counts first, then the Hall symbol, the Hermann-Mauguin name, the number.
    What is taken keeps the cell, and is a group.

    Args:
        block: a ``gemmi.cif.Block``.
        cell: a, b, c in Å and alpha, beta, gamma in degrees.
        lattice: shape (3, 3), the same cell.
        sites: as listed; they decide where list and name disagree, or an origin is not named.

    Returns:
        Rotations (k, 3, 3) and translations (k, 3), and sentences.

    Raises:
        Refusal: there are no operations that fit the cell and all that the file says of them.
    """
    case = _Case(block, cell, lattice, sites)
    lines = _lines(block)
    listed = listed_operations(block)
    if listed:
        group, notes = _by_list(listed, lines, case)
    elif (magnetic := magnetic_operations(block)) is not None:
        group = group_of(magnetic)
        notes = [*_unfit(group, case), *_completed(group)]
    elif lines.given:
        group, notes = _by_name(lines, case)
    else:
        group, notes = group_of_list(("x,y,z",)), ["no symmetry is given: read as P1"]
    return group.operations, notes


def is_modulated(block: Any) -> bool:
    """Return whether a block describes an incommensurate structure."""
    return any(bool(block.find_values(tag)) for tag in _MODULATION_TAGS)


def _by_list(listed: tuple[str, ...], lines: _Lines, case: _Case) -> tuple[Group, list[str]]:
    group = group_of_list(listed)
    notes = [*_unfit(group, case), *_completed(group)]
    against, remarks = _compared(listed, lines)
    if against is None:
        return group, [*notes, *remarks]
    named = _fitting(against.settings or against.hinted, case)
    inside = [setting for setting in named if group.keys < setting.group.keys]
    rivals = (inside or named)[:_MOST_RIVALS]
    verdict = judged(
        [group, *(setting.group for setting in rivals)], case.block, case.sites, case.lattice
    )
    chosen = verdict.left[0]
    if verdict.certain and chosen:
        taken = rivals[chosen - 1]
        note = (
            f"the listed operations are not those of {against.text!r}, and do not give the atoms "
            f"of the file: those of {taken.name} are taken"
        )
        return taken.group, [note, *_unfit(taken.group, case)]
    if not verdict.certain and (inside or group.added or len(group.operations[0]) == 1):
        raise Refusal(
            Code.DOUBTFUL_SYMMETRY,
            f"the {len(group.operations[0]) - group.added} listed symmetry operations are not "
            f"those of the space group {against.text!r}; list all of it, or leave out the list",
        )
    return group, [
        *notes,
        *remarks,
        f"the listed operations are not those of {against.text!r}: the list is taken",
    ]


@lru_cache(maxsize=4096)
def _compared(listed: tuple[str, ...], lines: _Lines) -> tuple[Statement | None, tuple[str, ...]]:
    """Return the first line that names another group than a list, and notes on the others."""
    group = group_of_list(listed)
    remarks = []
    for statement in _statements(lines):
        settings = statement.settings
        if not settings:
            settings = statement.hinted if len(group.operations[0]) == 1 else ()
            remarks.append(f"{statement.text!r} is not understood: the list is taken")
        if not settings or any(setting.group.keys == group.keys for setting in settings):
            continue
        spelled = statement.settings[: statement.spelled]
        if group.number not in {setting.number for setting in settings} or any(
            group.keys < setting.group.keys for setting in spelled
        ):
            return statement, tuple(remarks)
        if statement.explicit and any(
            setting.group.keys == group.keys for setting in settings_of(group.number or 1)
        ):
            remarks.append(
                f"the listed operations have another origin or other axes than {statement.text!r}:"
                " the list is taken"
            )
    return None, tuple(remarks)


def _by_name(lines: _Lines, case: _Case) -> tuple[Group, list[str]]:
    statements = _statements(lines)
    known = [statement for statement in statements if statement.settings]
    unread = next((s for s in statements if not s.settings), None)
    notes = []
    if unread is not None:
        if not known or known[0].text != lines.hall:
            raise Refusal(
                Code.NOT_A_STRUCTURE,
                f"no symmetry operations are listed and the space group {unread.text!r} is not "
                f"known{_reason(unread)}; add a _space_group_symop_operation_xyz loop",
            )
        notes.append(f"{unread.text!r} is not understood: {lines.hall!r} is taken")
    if not known:
        raise Refusal(
            Code.NOT_A_STRUCTURE,
            f"no symmetry operations are listed and the space group {lines.given[0]!r} is not "
            "known; add a _space_group_symop_operation_xyz loop",
        )
    settings = _joint(known)
    if not settings:
        return _disputed(known, case, notes)
    fitting = _fitting(settings, case)
    if not fitting:
        raise Refusal(
            Code.DOUBTFUL_SYMMETRY,
            f"no setting of the space group {known[0].text!r} fits {case.cell_text}; "
            "correct the one or the other",
        )
    setting, choice = _chosen(known, fitting, case)
    return setting.group, [*notes, *choice, *_unfit(setting.group, case)]


def _reason(statement: Statement) -> str:
    whole = statement.unread is None or statement.unread == statement.text
    return "" if whole else f", because of {statement.unread!r}"


def _chosen(
    known: Sequence[Statement], fitting: Sequence[Setting], case: _Case
) -> tuple[Setting, list[str]]:
    """Return one of the settings that fit a cell, and a note where others do as well."""
    first, text = fitting[0], repr(known[0].text)
    spelled = {s.symbol for statement in known for s in statement.settings[: statement.spelled]}
    if first.symbol not in spelled:
        rivals = [s for s in fitting if s.axes.lstrip("-")[:1] == first.axes.lstrip("-")[:1]]
        first = rivals[_judged(rivals, case)]
        return first, [
            f"the standard setting of {text} does not fit {case.cell_text}: read as {first.name}"
        ]
    rivals = [s for s in fitting if s.symbol == first.symbol and s.extension in TWO_ORIGINS]
    if first.extension and len(rivals) > 1:
        found = rivals[_judged(rivals, case)]
        return found, [f"{text} does not say which origin is meant: choice {found.extension} taken"]
    if len({s.symbol for s in fitting if s.symbol in spelled}) > 1 and first.axes[:1] in {"a", "c"}:
        return first, [f"{text} does not say which axis is unique: read as {first.name}"]
    return first, []


def _judged(rivals: Sequence[Setting], case: _Case) -> int:
    groups = [setting.group for setting in rivals[:_MOST_RIVALS]]
    return judged(groups, case.block, case.sites, case.lattice).left[0]


def _disputed(known: Sequence[Statement], case: _Case, notes: list[str]) -> tuple[Group, list[str]]:
    """Return the group of one of several lines that contradict each other, if the atoms tell."""
    rivals = [setting for statement in known for setting in _fitting(statement.settings, case)[:2]][
        :_MOST_RIVALS
    ]
    texts = " and ".join(repr(statement.text) for statement in known)
    if rivals:
        groups = [setting.group for setting in rivals]
        verdict = judged(groups, case.block, case.sites, case.lattice)
        if verdict.certain and len(verdict.left) == 1:
            taken = rivals[verdict.left[0]]
            note = (
                f"{texts} contradict each other: {taken.name} is taken, which gives the atoms of "
                "the file"
            )
            return taken.group, [*notes, note, *_unfit(taken.group, case)]
    raise Refusal(
        Code.DOUBTFUL_SYMMETRY,
        f"the space groups {texts} contradict each other; leave the right one, or list the "
        "operations",
    )


def _joint(known: Sequence[Statement]) -> tuple[Setting, ...]:
    """Return the settings that all lines allow, in the order of the first."""
    settings = known[0].settings
    if settings[0].name == settings[0].hall:  # in no table
        numbers = {setting.number for statement in known for setting in statement.settings}
        return settings if len(numbers) == 1 else ()
    for statement in known[1:]:
        settings = tuple(setting for setting in settings if setting in statement.settings)
    return settings


@lru_cache(maxsize=2048)
def _statements(lines: _Lines) -> tuple[Statement, ...]:
    """Return what each line means, the most exact ones first."""
    found = [] if lines.hall is None else [stated_by_hall(lines.hall)]
    if found and not found[0].settings:
        found = []
    found += [stated_by_symbol(name) for name in lines.names]
    if lines.number is not None and (number := stated_by_number(lines.number)) is not None:
        found.append(number)
    if lines.reference is not None:
        found.append(stated_by_reference(lines.reference))
    if lines.code is None:
        return tuple(found)
    narrowed = [narrowed_by_code(statement, lines.code) for statement in found]
    if not any(narrowed):
        return (*found, Statement(lines.code, (), unread=lines.code))
    return tuple(new or old for new, old in zip(narrowed, found, strict=True))


def _fitting(settings: Sequence[Setting], case: _Case) -> list[Setting]:
    """Return the settings whose operations keep a cell: exactly, else nearly."""
    misfits = [setting.group.misfit(case.lattice) for setting in settings]
    limit = CLOSE if min(misfits, default=0.0) < CLOSE else NEAR
    return [s for s, misfit in zip(settings, misfits, strict=True) if misfit < limit]


def _unfit(group: Group, case: _Case) -> list[str]:
    """Return a note where a cell keeps operations only nearly; refuse if it does not at all."""
    misfit = group.misfit(case.lattice)
    if misfit < CLOSE:
        return []
    if misfit < LOOSE:
        note = f"{case.cell_text} keeps the symmetry operations to {misfit:.1%} only"
        return [f"{note}: its own symmetry is lower"]
    raise Refusal(
        Code.DOUBTFUL_SYMMETRY,
        f"the symmetry operations do not fit {case.cell_text}: they make axes alike that are not; "
        "correct the one or the other",
    )


def _completed(group: Group) -> list[str]:
    if not group.added:
        return []
    count = len(group.operations[0])
    listed = count - group.added
    return [f"{listed} of {count} symmetry operations are listed: the others follow from them"]


def _lines(block: Any) -> _Lines:
    find = block.find_value
    raw = [(tag, text) for tag in _TAGS if (text := find(tag)) is not None]
    given = {tag: text for tag, value in raw if (text := _text(value[:_LONGEST]))}
    if not given:
        return _NO_LINES
    hall, number, reference, code = (
        next((given[tag] for tag in tags if tag in given), None)
        for tags in (_HALL_TAGS, _NUMBER_TAGS, _REFERENCE_TAGS, _CODE_TAGS)
    )
    names = dict.fromkeys(given[tag] for tag in _NAME_TAGS if tag in given)
    return _Lines(hall, tuple(names), number, reference, code)


_NO_LINES = _Lines(None, (), None, None, None)


@lru_cache(maxsize=4096)
def _text(raw: str) -> str:
    """Return a value without its quotes; nothing for a question mark or a dot."""
    import gemmi

    text = "" if raw in {"?", "."} else str(gemmi.cif.as_string(raw)).strip()
    return "" if text in {"?", "."} else text
