"""POSCAR and CONTCAR, of VASP 4, 5 and 6."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stratus.crystals.checks import MAX_COORDINATE, MAX_LENGTH
from stratus.crystals.elements import NUMBERS, deuterium_note
from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading.building import build, fractional
from stratus.crystals.reading.poscar_elements import label_of, old_elements
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from stratus.crystals.reading.record import ReadOptions

_GLUED = re.compile(r"(?<=\d)-(?=\d*\.)")  # "0.5000-0.2500": columns that ran into each other
_COMMENT = re.compile(r"[!#]")
_DECORATION = re.compile(r"[/_].*$")  # "Mg_pv/f474ac0d" of VASP 6
_HEAD = 8  # lines before the coordinates of the shortest POSCAR: name to "Direct", one atom


def looks_like_poscar(text: str) -> bool:
    """Return whether lines 2 to 5 of a text are a scale and three vectors."""
    lines = text.split("\n", 6)
    if len(lines) <= 6:
        return False
    scale = _floats(lines[1])
    return (
        scale is not None
        and len(scale) in {1, 3}
        and all((vector := _floats(line)) is not None and len(vector) == 3 for line in lines[2:5])
    )


def parse_poscar(
    text: str,
    *,
    id: str,  # noqa: A002 - the field's name
    source: str,
    options: ReadOptions,
    labels: Mapping[str, Any] | None = None,
    notes: tuple[str, ...] = (),
) -> Entry | Reject:
    """Return the crystal of a POSCAR text.

    A file of VASP 4 names no elements; they are taken from the coordinate lines or from the first
    line, where these name them. They are never invented.

    Raises:
        Refusal: something is missing; the sentence names the line, counted from 1.
    """
    raw_lines = text.splitlines()
    lines = [_COMMENT.split(line, maxsplit=1)[0] for line in raw_lines]
    if len(lines) < _HEAD:
        raise Refusal(Code.UNREADABLE, f"a POSCAR has {_HEAD} lines or more, this has {len(lines)}")
    lattice, factor = _lattice(lines)
    names, counts, at = _counts(lines)
    total = sum(counts)
    if total > options.max_atoms:
        raise Refusal(
            Code.TOO_MANY_ATOMS,
            f"the cell holds {total} atoms, more than the limit of {options.max_atoms}; "
            "raise max_atoms to read it",
        )
    mode = _line(lines, at).strip()
    selective = mode[:1] in {"s", "S"}
    if selective:
        at += 1
        mode = _line(lines, at).strip()
    cartesian = mode[:1] in {"c", "C", "k", "K"}
    rows = [_place(lines, at + 1 + atom) for atom in range(total)]
    coords = np.array([row[0] for row in rows], dtype=np.float64).reshape(-1, 3)
    if not (coords.size == 0 or float(np.abs(coords).max()) <= MAX_COORDINATE):
        raise Refusal(Code.BAD_COORDINATES, "a coordinate is no number of a crystal's size")
    if cartesian:
        coords = fractional(coords * factor, lattice)
    if names is None:
        labels_behind = [
            label_of(words, "".join(_COMMENT.split(line, maxsplit=1)[1:]), selective=selective)
            for (_, words), line in zip(rows, raw_lines[at + 1 :], strict=False)
        ]
        names, note = old_elements(raw_lines[0], counts, labels_behind)
        notes = (*notes, note)
    notes += deuterium_note(names)
    columns = {}
    if selective:
        flags = [_FLAGS.get(word.upper()) for _, words in rows for word in words[:3]]
        columns["selective_dynamics"] = _flags(flags, total)
    left_out = list[str]()
    if _has_velocities(lines[at + 1 + total :]):
        left_out.append("velocities left out: they are not read from a POSCAR")
    numbers = [
        NUMBERS["H" if name == "D" else name]
        for name, count in zip(names, counts, strict=True)
        for _ in range(count)
    ]
    return build(
        id=id,
        source=source,
        lattice=lattice,
        numbers=np.array(numbers, dtype=np.int64),
        frac_coords=coords,
        options=options,
        labels=labels,
        notes=notes,
        columns=columns,
        left_out=left_out,
    )


_FLAGS: Final = {"T": 1.0, ".TRUE.": 1.0, "F": 0.0, ".FALSE.": 0.0}


def _flags(flags: list[float | None], total: int) -> Any:
    """Return which coordinates may move, shape (total, 3), or the list where that is unclear."""
    if None in flags or len(flags) != 3 * total:
        return flags
    return np.array(flags, dtype=np.float64).reshape(total, 3)


def _has_velocities(lines: list[str]) -> bool:
    """Return whether numbers that are not all zero stand behind the atoms."""
    block = (_floats(line) for line in lines if line.strip())
    return any(row is not None and len(row) == 3 and any(row) for row in block)


def _lattice(
    lines: list[str],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the lattice in Å and the factors that Cartesian coordinates are scaled by."""
    scale = _floats(lines[1])
    vectors = [_floats(line) for line in lines[2:5]]
    if scale is None or len(scale) not in {1, 3}:
        raise Refusal(Code.UNREADABLE, f"line 2 holds {lines[1].strip()!r}, no scaling factor")
    for number, vector in enumerate(vectors, start=3):
        if vector is None or len(vector) < 3:
            raise Refusal(Code.UNREADABLE, f"line {number} holds no lattice vector")
    lattice = np.array([(vector or [])[:3] for vector in vectors], dtype=np.float64)
    if not max(np.abs(lattice).max(), *(abs(value) for value in scale)) <= MAX_LENGTH**3:
        raise Refusal(Code.BAD_LATTICE, "the scale or a lattice vector is no number of its size")
    if len(scale) == 3:
        factor = np.array(scale)
    elif scale[0] < 0:  # the volume of the cell
        volume = abs(float(np.linalg.det(lattice)))
        if not volume > 0:
            raise Refusal(Code.BAD_LATTICE, "the lattice vectors lie in one plane")
        factor = np.full(3, (-scale[0] / volume) ** (1 / 3))
    else:
        factor = np.full(3, scale[0])
    return lattice * factor, factor


def _counts(lines: list[str]) -> tuple[list[str] | None, list[int], int]:
    """Return the symbols, the number of atoms of each, and the line after them."""
    if _integers(lines[5]) is not None:
        return None, _integers(lines[5]) or [], 6
    at, words = 5, list[str]()
    while _integers(_line(lines, at)) is None:
        words += lines[at].split()
        at += 1
    names = []
    for word in words:
        symbol = _DECORATION.sub("", word)
        if symbol not in NUMBERS and symbol != "D":
            raise Refusal(Code.DUMMY_SPECIES, f"line 6 holds {word!r}, which is no element")
        names.append(symbol)
    counts = list[int]()
    while len(counts) < len(names) and (more := _integers(_line(lines, at))) is not None:
        counts += more
        at += 1
    if len(counts) != len(names) or any(count < 0 for count in counts):
        raise Refusal(
            Code.UNREADABLE, f"{len(names)} elements are named but {len(counts)} counts are given"
        )
    return names, counts, at


def _place(lines: list[str], at: int) -> tuple[list[float], list[str]]:
    line = _line(lines, at)
    words = line.split()
    if len(words) < 3:
        words = _GLUED.sub(" -", line).split()
    place = _floats(" ".join(words[:3]))
    if place is None or len(place) != 3:
        raise Refusal(Code.UNREADABLE, f"line {at + 1} holds {line.strip()!r}, no coordinates")
    return place, words[3:]


def _line(lines: list[str], at: int) -> str:
    if at >= len(lines):
        raise Refusal(Code.UNREADABLE, f"the POSCAR ends at line {len(lines)}, before its atoms do")
    return lines[at]


def _floats(text: str) -> list[float] | None:
    try:
        return [float(word) for word in text.replace("d", "e").replace("D", "e").split()]
    except ValueError:
        return None


def _integers(text: str) -> list[int] | None:
    try:
        return [int(word) for word in text.split()] or None
    except ValueError:
        return None
