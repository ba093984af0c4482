"""The lists of symmetry operations in a CIF: as texts and as matrices."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from stratus.crystals.entry import Code
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
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
_TERM = re.compile(
    r"(?P<sign>[+-]?)(?:(?P<num>\d{1,4}/\d{1,4}|\d{0,4}\.\d{1,16}|\d{1,4}\.?)\*?)?(?P<axis>[xyz])?"
    r"(?:/(?P<den>\d{1,4}))?"
)


def listed_operations(block: Any) -> tuple[str, ...]:
    """Return the operations that a ``gemmi.cif.Block`` lists, as they stand there."""
    for tag in _LIST_TAGS:
        listed = _listed(block, tag)
        if listed:
            return listed
    return ()


def _listed(block: Any, tag: str) -> tuple[str, ...]:
    return tuple(value for value in block.find_values(tag) if value not in {"?", "."})


def magnetic_operations(block: Any) -> Operations | None:
    """Return the operations of a magnetic CIF on positions: each operation after each centring.

    Raises:
        Refusal: the group is named alone, or a text is no operation.
    """
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
    turned = np.repeat(rotations, len(shifts), axis=0)
    rows = np.concatenate([turned.reshape(-1, 9), every.reshape(-1, 3)], axis=1)
    first = np.sort(np.unique(rows.round(6), axis=0, return_index=True)[1])
    return turned[first], every.reshape(-1, 3)[first]


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
