"""Wyckoff positions of the 230 space groups, and how their letters may be exchanged.

The same crystal can be described from several origins and along several axes that all fit the
space group equally well; going from one to the other exchanges Wyckoff letters. Those exchanges
are the action of the group's affine normaliser, tabulated in ``data/wyckoff.json`` by
``scripts/make_wyckoff_table.py``. The affine normaliser holds the Euclidean one and, beside it,
the choices of axes that are the same only while the cell is not measured (a, b, c of an
orthorhombic cell, the a and c of a monoclinic one): a string without coordinates must not depend
on them, and they flip when two lengths are nearly equal.

Source: International Tables for Crystallography A, chapter 3.5 (normalisers).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stratus.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

_POINT_GROUPS: Final = """
1 -1 2 m 2/m 222 mm2 mmm 4 -4 4/m 422 4mm -42m 4/mmm 3 -3 32 3m -3m 6 -6 6/m 622 6mm -6m2 6/mmm
23 m-3 432 -43m m-3m
"""
POINT_GROUPS: Final = tuple(_POINT_GROUPS.split())
"""The 32 crystallographic point groups, in the order of International Tables A."""

_OTHER_AXES: Final = {"2mm": "mm2", "m2m": "mm2", "-4m2": "-42m", "-62m": "-6m2"}


@dataclass(frozen=True, slots=True)
class WyckoffPosition:
    """One Wyckoff position.

    Attributes:
        letter: ``a`` to ``z``; ``A`` is the 27th of space group 47.
        multiplicity: sites in the conventional cell.
        site_symmetry: oriented site-symmetry symbol.
        coordinates: a representative site, such as ``x,1/2,z``.
    """

    letter: str
    multiplicity: int
    site_symmetry: str
    coordinates: str

    @property
    def symbol(self) -> str:
        """Multiplicity and letter, ``4a``."""
        return f"{self.multiplicity}{self.letter}"

    @property
    def point_group(self) -> str:
        """The site symmetry without its orientation: one of :data:`POINT_GROUPS`."""
        symbol = self.site_symmetry.replace(".", "")
        return _OTHER_AXES.get(symbol, symbol)

    @property
    def is_fixed(self) -> bool:
        """Whether the position has no free coordinate, so that one orbit fills it."""
        return not any(axis in self.coordinates for axis in "xyz")


@cache
def _table() -> dict[str, Any]:
    text = files("stratus.crystals").joinpath("data/wyckoff.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


def _group(number: int) -> dict[str, Any]:
    group: dict[str, Any] | None = _table()["groups"].get(str(number))
    if group is None:
        raise InputError(f"there is no space group {number}; they are numbered 1 to 230")
    return group


@cache
def wyckoff_positions(number: int) -> dict[str, WyckoffPosition]:
    """Return the Wyckoff positions of a space group by letter, in the order of the letters.

    Raises:
        stratus.errors.InputError: the number is not in 1 to 230.
    """
    return {
        letter: WyckoffPosition(letter, multiplicity, site_symmetry, coordinates)
        for letter, (multiplicity, site_symmetry, coordinates) in _group(number)[
            "positions"
        ].items()
    }


@cache
def letter_permutations(number: int) -> npt.NDArray[np.int64]:
    """Return how the affine normaliser exchanges the letters of a space group.

    Returns:
        shape (permutations, letters): entry [p, k] is the place of the letter that the k-th
        letter becomes; the first row is the identity.
    """
    group = _group(number)
    place = {letter: k for k, letter in enumerate(group["positions"])}
    return np.array([[place[letter] for letter in row] for row in group["permutations"]])
