"""How elements look in a picture: a colour and a size for each, from ``data/elements.csv``.

Colours are those of Jmol, as pymatgen (MIT licence) lists them; after meitnerium, where Jmol ends,
they are its last one. Sizes are the covalent radii of Cordero et al. (2008,
doi:10.1039/b801115j), carbon as sp3; after curium, where these end, they are that of curium.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Look:
    """How atoms of an element are drawn.

    Attributes:
        colour: ``#RRGGBB``.
        radius_angstrom: covalent radius.
    """

    colour: str
    radius_angstrom: float


UNKNOWN: Final = Look("#B0B0B0", 1.5)
"""Of a symbol that is no element."""


@cache
def element_looks() -> Mapping[str, Look]:
    """Return the look of each element by its symbol."""
    text = files("stratus.plots").joinpath("data/elements.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["symbol"]: Look(row["colour"], float(row["radius_angstrom"])) for row in rows}


def element_look(symbol: str) -> Look:
    """Return how an element looks; grey for a symbol that is none."""
    return element_looks().get(symbol, UNKNOWN)
