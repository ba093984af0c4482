"""The 230 space groups as De Graef's generator strings.

A string such as ``16aODDaDODbOOOcOOOdOOOeOOO0`` (Fm-3m) says: inversion at the origin or not, how
many generators follow, each generator as one matrix letter and three translation letters, and
whether the group has a second origin. The table is pymatgen's own; closing the generators gives
every group in its standard setting (unique axis b, hexagonal axes, the first origin where there
are two).

Source: M. De Graef and M. E. McHenry, *Structure of Materials*; pymatgen ``symm_data.json``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import gemmi
import numpy as np

from stratus.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

COUNT: Final = 230
CENTRING_ORDER: Final = {"P": 1, "A": 2, "B": 2, "C": 2, "I": 2, "R": 3, "F": 4}


@dataclass(frozen=True, slots=True)
class SpaceGroup:
    """One space group type.

    Attributes:
        number: 1 to 230.
        symbol: short Hermann-Mauguin symbol.
        crystal_system: ``triclinic`` to ``cubic``.
        encoding: the whole generator string.
        inversion: whether inversion at the origin is one more generator.
        generators: matrix letter and three translation letters of each generator.
        origin: the shift to the second origin as three translation letters, or ``""``.
    """

    number: int
    symbol: str
    crystal_system: str
    encoding: str
    inversion: bool
    generators: tuple[str, ...]
    origin: str

    @property
    def centring_order(self) -> int:
        """Primitive cells in the conventional cell."""
        return CENTRING_ORDER[self.symbol[0]]


@cache
def _table() -> dict[str, Any]:
    text = files("stratus.crystals").joinpath("data/spacegroups.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


def split_encoding(encoding: str) -> tuple[bool, tuple[str, ...], str]:
    """Split a generator string into (inversion, generators, origin).

    Raises:
        stratus.errors.InputError: the string has the wrong length or a letter out of place.
    """
    head, body = encoding[:2], encoding[2:]
    if len(head) < 2 or head[0] not in "01" or not head[1].isdigit():
        raise InputError(f"generator string {encoding!r} must start with two digits, as in '16...'")
    count = int(head[1])
    blocks, tail = body[: 4 * count], body[4 * count :]
    matrices, translations = _table()["matrices"], _table()["translations"]
    generators = tuple(blocks[k : k + 4] for k in range(0, 4 * count, 4))
    for block in generators:
        if (
            len(block) < 4
            or block[0] not in matrices
            or any(t not in translations for t in block[1:])
        ):
            raise InputError(f"generator string {encoding!r} has a bad generator {block!r}")
    if tail == "0":
        return head[0] == "1", generators, ""
    if len(tail) == 4 and tail[0] == "1" and all(t in translations for t in tail[1:]):
        return head[0] == "1", generators, tail[1:]
    raise InputError(f"generator string {encoding!r} must end in 0, or in 1 and three letters")


@cache
def space_group(number: int) -> SpaceGroup:
    """Look up a space group by its number.

    Raises:
        stratus.errors.InputError: the number is not in 1 to 230.
    """
    row = _table()["groups"].get(str(number))
    if row is None:
        raise InputError(f"there is no space group {number}; they are numbered 1 to {COUNT}")
    inversion, generators, origin = split_encoding(row["generators"])
    return SpaceGroup(
        number=number,
        symbol=row["symbol"],
        crystal_system=row["crystal_system"],
        encoding=row["generators"],
        inversion=inversion,
        generators=generators,
        origin=origin,
    )


@cache
def _by_generators() -> dict[tuple[bool, tuple[str, ...], str], int]:
    groups = map(space_group, range(1, COUNT + 1))
    return {(g.inversion, g.generators, g.origin): g.number for g in groups}


def find_space_group(
    *, inversion: bool, generators: tuple[str, ...], origin: str
) -> SpaceGroup | None:
    """Return the space group written with exactly these generators, or ``None``."""
    number = _by_generators().get((inversion, generators, origin))
    return None if number is None else space_group(number)


def generator_operation(
    block: str,
) -> tuple[npt.NDArray[np.int64], tuple[Fraction, Fraction, Fraction]]:
    """Turn a generator such as ``bODO`` into (rotation of shape (3, 3), translation)."""
    table = _table()
    x, y, z = (Fraction(table["translations"][letter]) for letter in block[1:])
    return np.array(table["matrices"][block[0]], dtype=np.int64), (x, y, z)


def close_group(
    generators: tuple[str, ...], *, inversion: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Multiply generators until nothing new appears, modulo lattice translations.

    Translations are counted in twenty-fourths, so the closure is exact.

    Returns:
        (rotations of shape (n, 3, 3), translations of shape (n, 3) in [0, 1)).
    """
    unit = 24
    seeds = [(np.eye(3, dtype=np.int64), np.zeros(3, dtype=np.int64))]
    if inversion:
        seeds.append((-np.eye(3, dtype=np.int64), np.zeros(3, dtype=np.int64)))
    for block in generators:
        matrix, translation = generator_operation(block)
        seeds.append((matrix, np.array([int(t * unit) % unit for t in translation])))
    group = {(r.tobytes(), t.tobytes()): (r, t) for r, t in seeds}
    frontier = list(group.values())
    while frontier:
        fresh = []
        for rotation, shift in frontier:
            for left, left_shift in seeds[1:]:
                new = (left @ rotation, (left @ shift + left_shift) % unit)
                key = (new[0].tobytes(), new[1].tobytes())
                if key not in group:
                    group[key] = new
                    fresh.append(new)
        frontier = fresh
    rotations = np.array([r for r, _ in group.values()])
    return rotations, np.array([t for _, t in group.values()]) / unit


def read_space_group(given: object) -> int:
    """Return the number of a space group that is given by number or by Hermann-Mauguin symbol.

    Args:
        given: a whole number from 1 to 230, also as a text or a float, or a symbol in any setting,
            short or long, such as ``Fm-3m``, ``P2_1/c``, ``P 1 21/n 1`` or ``Pbnm``.

    Raises:
        stratus.errors.InputError: there is no such space group.
    """
    text = str(given).strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        value = float(text)
        if value.is_integer():
            return space_group(int(value)).number
    found = None if isinstance(given, bool) else _number_of_symbol(text)
    if found is None:
        raise InputError(
            f"{given!r} is no space group; give a number from 1 to {COUNT} or a Hermann-Mauguin "
            "symbol such as Fm-3m"
        )
    return found


@lru_cache(maxsize=4096)
def _number_of_symbol(symbol: str) -> int | None:
    found: Any = gemmi.find_spacegroup_by_name(symbol.replace("_", ""))
    return None if found is None else int(found.number)
