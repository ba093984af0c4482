"""The symmetry operations of a CIF block: its own list, or what its space group's name means."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from stratus.crystals.entry import Code
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


Operations: TypeAlias = "tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]"
"""Rotations, shape (k, 3, 3), and translations, shape (k, 3)."""

MAX_OPERATIONS = 192 * 64
"""The largest group in its conventional cell, written for a supercell of 4 x 4 x 4."""

_LIST_TAGS = (
    "_symmetry_equiv_pos_as_xyz",
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz_",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv.pos_as_xyz",
)
_MAGNETIC_TAGS = (
    "_space_group_symop_magn_operation.xyz",
    "_space_group_symop_magn_operation_xyz",
    "_space_group_symop.magn_operation_xyz",
)
_CENTRING_TAGS = (
    "_space_group_symop_magn_centering.xyz",
    "_space_group_symop_magn_centering_xyz",
    "_space_group_symop.magn_centering_xyz",
)
_MAGNETIC_GROUP_TAGS = (
    "_space_group_magn.number_bns",
    "_space_group_magn.name_bns",
    "_space_group_magn_number_bns",
    "_space_group.magn_number_bns",
    "_space_group_magn_name_bns",
    "_space_group.magn_name_bns",
)
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
    "_space_group_name_h-m_ref",
    "_space_group_name_h-m_full",
    "_space_group.name_h-m_alt",
    "_space_group.name_h-m_full",
    "_symmetry.space_group_name_h-m",
    "_symmetry_space_group_name_h_m",
)
_NUMBER_TAGS = (
    "_space_group_it_number",
    "_symmetry_int_tables_number",
    "_space_group.it_number",
    "_symmetry.int_tables_number",
)
_TERM = re.compile(
    r"(?P<sign>[+-]?)(?:(?P<num>\d{1,4}/\d{1,4}|\d{0,4}\.\d{1,16}|\d{1,4}\.?)\*?)?(?P<axis>[xyz])?"
    r"(?:/(?P<den>\d{1,4}))?"
)


def operations(block: Any, angles: tuple[float, float, float]) -> tuple[Operations, str | None]:
    """Return the symmetry operations of a block and a note where a choice was made.

    The file's own list counts first, then the Hall symbol, the Hermann-Mauguin name, the number.

    Args:
        block: a ``gemmi.cif.Block``.
        angles: alpha, beta, gamma in degrees, to tell rhombohedral from hexagonal axes.

    Returns:
        Rotations (k, 3, 3) and translations (k, 3), and a sentence or ``None``.

    Raises:
        Refusal: the file's own list holds something that is no operation.
    """
    for tag in _LIST_TAGS:
        listed = _listed(block, tag)
        if listed:
            return parse_operations(listed), None
    magnetic = _magnetic(block)
    if magnetic is not None:
        return magnetic, None
    hall = _first(block, _HALL_TAGS)
    if hall is not None:
        found = _from_hall(hall)
        if found is not None:
            return found, None
    name = _first(block, _NAME_TAGS)
    number = _first(block, _NUMBER_TAGS)
    if name is not None:
        found_by_name = _from_name(name, angles[0], angles[2])
        if found_by_name is not None:
            return found_by_name
    if number is not None:
        found_by_number = _from_number(number, angles[0], angles[2])
        if found_by_number is not None:
            return found_by_number
    given = [word for word in (hall, name, number) if word is not None]
    if given:
        raise Refusal(
            Code.NOT_A_STRUCTURE,
            f"no symmetry operations are listed and the space group {given[0]!r} is not known; "
            "add a _space_group_symop_operation_xyz loop",
        )
    return parse_operations(("x,y,z",)), "no symmetry is given: read as P1"


def is_modulated(block: Any) -> bool:
    """Return whether a block describes an incommensurate structure."""
    return any(bool(block.find_values(tag)) for tag in _MODULATION_TAGS)


def _listed(block: Any, tag: str) -> tuple[str, ...]:
    return tuple(value for value in block.find_values(tag) if value not in {"?", "."})


def _magnetic(block: Any) -> Operations | None:
    """Return the operations of a magnetic CIF on positions: each operation after each centring."""
    operations_ = next((found for tag in _MAGNETIC_TAGS if (found := _listed(block, tag))), ())
    if not operations_:
        if any(_listed(block, tag) for tag in _MAGNETIC_GROUP_TAGS):
            raise Refusal(
                Code.NOT_A_STRUCTURE,
                "the magnetic space group is named but its operations are not listed; "
                "add a _space_group_symop_magn_operation.xyz loop",
            )
        return None
    centrings = next((found for tag in _CENTRING_TAGS if (found := _listed(block, tag))), ())
    rotations, translations = parse_operations(operations_)
    if not centrings:
        return rotations, translations
    shifts = parse_operations(centrings)[1]
    every = (translations[:, None, :] + shifts[None, :, :]) % 1.0
    return np.repeat(rotations, len(shifts), axis=0), every.reshape(-1, 3)


@lru_cache(maxsize=2048)
def parse_operations(listed: tuple[str, ...]) -> Operations:
    """Return the operations written as ``x,y,z`` triplets, each different one once.

    A fourth component (time reversal, in magnetic files) is left out. Decimal translations are
    taken to the nearest 24th when they are within 0.001 of one.

    Raises:
        Refusal: a text is no operation.
    """
    if len(listed) > MAX_OPERATIONS:
        raise Refusal(
            Code.UNREADABLE,
            f"{len(listed)} symmetry operations are listed; no space group in a crystal's cell "
            f"has more than {MAX_OPERATIONS}",
        )
    rotations, translations, seen = [], [], set()
    for text in listed:
        rotation, translation = _triplet(text)
        key = (tuple(rotation), tuple(round(t, 6) % 1.0 for t in translation))
        if key in seen:
            continue
        seen.add(key)
        matrix = np.array(rotation).reshape(3, 3)
        if abs(abs(float(np.linalg.det(matrix))) - 1) > 1e-6:
            raise _no_operation(text)
        rotations.append(matrix)
        translations.append(translation)
    return np.array(rotations, dtype=np.float64), np.array(translations, dtype=np.float64)


def _triplet(text: str) -> tuple[list[float], list[float]]:
    parts = text.strip("'\";\n\r\t ").lower().replace(" ", "").split(",")
    if len(parts) not in {3, 4}:
        raise _no_operation(text)
    rotation: list[float] = []
    translation: list[float] = []
    for part in parts[:3]:
        row, shift, position = [0.0, 0.0, 0.0], 0.0, 0
        while position < len(part):
            match = _TERM.match(part, position)
            if match is None or match.end() == position or match.group(0) in {"+", "-"}:
                raise _no_operation(text)
            position = match.end()
            try:
                size = float(Fraction(match["num"] or "1")) / int(match["den"] or 1)
            except ZeroDivisionError as error:
                raise _no_operation(text) from error
            size = -size if match["sign"] == "-" else size
            if match["axis"]:
                row["xyz".index(match["axis"])] += size
            else:
                shift += size
        rotation += row
        nearest = round(shift * 24) / 24
        translation.append(nearest if abs(nearest - shift) < 1e-3 else shift)
    return rotation, translation


def _no_operation(text: str) -> Refusal:
    return Refusal(Code.UNREADABLE, f"{text[:80]!r} is no symmetry operation")


@lru_cache(maxsize=1024)
def _from_hall(hall: str) -> Operations | None:
    import gemmi

    try:
        group = gemmi.symops_from_hall(hall)
    except (RuntimeError, ValueError):
        return None
    return _arrays([op.triplet() for op in group])


@lru_cache(maxsize=1024)
def _from_name(name: str, alpha: float, gamma: float) -> tuple[Operations, str | None] | None:
    import gemmi

    cleaned = name.replace("_", "").strip()
    try:
        group: Any = gemmi.find_spacegroup_by_name(cleaned, alpha, gamma, prefer="2")
    except (RuntimeError, ValueError):
        return None
    if group is None:
        return None
    note = None
    if group.ext == "2" and ":" not in cleaned:
        note = f"{name!r} does not say which origin is meant: choice 2 taken"
    return _arrays([op.triplet() for op in group.operations()]), note


@lru_cache(maxsize=1024)
def _from_number(number: str, alpha: float, gamma: float) -> tuple[Operations, str | None] | None:
    import gemmi

    try:
        value = int(float(number))
    except (ValueError, OverflowError):
        return None
    group: Any = gemmi.find_spacegroup_by_number(value)
    if group is None:
        return None
    return _from_name(group.hm, alpha, gamma)


def _arrays(triplets: Sequence[str]) -> Operations:
    return parse_operations(tuple(triplets))


def _first(block: Any, tags: Sequence[str]) -> str | None:
    import gemmi

    for tag in tags:
        raw = block.find_value(tag)
        if raw is None or raw in {"?", "."}:
            continue
        value = gemmi.cif.as_string(raw).strip()
        if value and value not in {"?", "."}:
            return str(value)
    return None
