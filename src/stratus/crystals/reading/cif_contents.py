"""Which of several readings of a CIF's symmetry gives the crystal that the file speaks of."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import reduce
from math import gcd
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stratus.crystals.elements import NUMBERS
from stratus.crystals.reading.orbits import IMAGE_TOLERANCE, expand

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from stratus.crystals.reading.cif_sites import Sites
    from stratus.crystals.reading.operation_groups import Group

_NEAREST: Final = 0.5  # Å; no two atoms of a crystal are nearer
_MOST_PLACES: Final = 5000
_MOST_PAIRS: Final = 20  # of places that are near each other, for each place
_HYDROGEN: Final = 1
_SUM = re.compile(r"(?:[A-Z][a-z]?[\d.]*\s*)+")
_PAIR = re.compile(r"([A-Z][a-z]?)([\d.]*)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the atoms say of several groups.

    Attributes:
        left: positions of the groups that stay possible, in their order.
        certain: whether the file leaves no doubt among these: they give the same atoms, and those
            of its formula, if it has one.
    """

    left: tuple[int, ...]
    certain: bool


def judged(
    groups: Sequence[Group], block: Any, sites: Sites, lattice: npt.NDArray[np.float64]
) -> Verdict:
    """Return which groups can be those of the file.

    One that puts atoms of two sites nearly at one place cannot; one that gives the atoms of
    ``_chemical_formula_sum`` counts before those that do not.

    Args:
        groups: at least one.
        block: a ``gemmi.cif.Block``.
        sites: as listed.
        lattice: shape (3, 3), rows are vectors, in Å.
    """
    contents = [_contents(group, sites, lattice) for group in groups]
    possible = [position for position, content in enumerate(contents) if content is not None]
    wanted = _stated(block)
    fitting = [position for position in possible if _is_stated(contents[position], wanted)]
    left = fitting or possible or list(range(len(groups)))
    same = all(contents[position] == contents[left[0]] for position in left)
    return Verdict(tuple(left), same and bool(fitting or (possible and not wanted)))


def _contents(group: Group, sites: Sites, lattice: npt.NDArray[np.float64]) -> Counter[int] | None:
    """Return how many atoms of each element a cell holds; ``None`` where two sites overlap.

    Images of one site that are near each other are one atom on a special position, written with
    few digits: that speaks for no group.
    """
    from scipy.spatial import cKDTree

    rotations, translations = group.operations
    if len(sites.numbers) * len(rotations) > _MOST_PLACES * 192:
        return None
    images = expand(sites.coords, rotations, translations, lattice)
    counts = [len(orbit) for orbit in images]
    owners = np.repeat(np.arange(len(images)), counts)
    numbers = np.array(sites.numbers)[owners]
    if not len(numbers) or len(numbers) > _MOST_PLACES:
        return Counter(numbers.tolist())
    places = np.concatenate(images)
    places -= np.floor(places)
    places[places >= 1.0] = 0.0
    tree = cKDTree(places, boxsize=1.0)
    reach = _NEAREST * float(np.linalg.norm(np.linalg.inv(lattice), axis=0).max())
    if tree.count_neighbors(tree, reach) > _MOST_PAIRS * len(places):
        return None
    pairs = tree.query_pairs(reach, output_type="ndarray")
    delta = places[pairs[:, 0]] - places[pairs[:, 1]]
    delta -= np.rint(delta)
    apart = np.linalg.norm(delta @ lattice, axis=1)
    others = owners[pairs[:, 0]] != owners[pairs[:, 1]]
    same = others & (apart < IMAGE_TOLERANCE)
    if (others & (apart < _NEAREST)).sum() > same.sum():
        return None
    pairs = pairs[same]
    if (numbers[pairs[:, 0]] != numbers[pairs[:, 1]]).any():
        return None
    kept = np.ones(len(numbers), dtype=bool)
    kept[pairs.max(axis=1, initial=0)] = False
    return Counter(numbers[kept].tolist())


def _is_stated(content: Counter[int] | None, wanted: list[dict[int, float]]) -> bool:
    """Return whether a cell has the atoms of a formula; hydrogens often have no sites."""
    return {n: count for n, count in (content or {}).items() if n != _HYDROGEN} in wanted


def _stated(block: Any) -> list[dict[int, float]]:
    """Return the contents of the cell that the file's formula allows.

    The sum is that of one formula unit, or, as many programs write it, of the cell.
    """
    import gemmi

    raw, units = (
        block.find_value(tag) for tag in ("_chemical_formula_sum", "_cell_formula_units_z")
    )
    text = gemmi.cif.as_string(raw).strip() if raw is not None else ""
    if not _SUM.fullmatch(text):
        return []
    try:
        count = float(units or 0)
        amounts = {
            NUMBERS[symbol]: float(amount or 1)
            for symbol, amount in _PAIR.findall(text)
            if symbol not in {"H", "D"}
        }
    except (KeyError, ValueError):
        return []
    whole = all(amount == int(amount) for amount in amounts.values())
    divisor = reduce(gcd, (int(amount) for amount in amounts.values()), 0) if whole else 1
    found = []
    if count > 0:
        found.append({number: amount * count for number, amount in amounts.items()})
    if divisor > 1 and (count <= 0 or divisor % count == 0):
        found.append(amounts)
    return found
