"""Which of several readings of a CIF's symmetry gives the crystal that the file speaks of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain
from math import gcd
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stratus.crystals.checks import lattice_problem
from stratus.crystals.reading.cif_formula import stated_formula, stated_units
from stratus.crystals.reading.orbits import IMAGE_TOLERANCE, expand

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from stratus.crystals.reading.cif_sites import Sites
    from stratus.crystals.reading.operation_groups import Group

_NEAREST: Final = 0.5  # Å; no two atoms of a crystal are nearer
_MOST_IMAGES: Final = 100_000
_MOST_PLACES: Final = 5000
_MOST_PAIRS: Final = 20  # of places that are near each other, for each place
_HYDROGEN: Final = 1
_WHOLE: Final = 1e-3


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

    One that puts atoms of two sites nearly at one place cannot; of the others, those count that
    give the amounts of most elements in ``_chemical_formula_sum``.

    Args:
        groups: at least one.
        block: a ``gemmi.cif.Block``.
        sites: as listed.
        lattice: shape (3, 3), rows are vectors, in Å.
    """
    if lattice_problem(lattice) is not None:  # refused later
        return Verdict((0,), certain=False)
    contents = [_contents(group, sites, lattice) for group in groups]
    possible = [position for position, content in enumerate(contents) if content is not None]
    wanted = _stated(block)
    scores = [_agreement(content, wanted) for content in contents]
    best = max(scores)
    fitting = [position for position, score in enumerate(scores) if best and score == best]
    left = fitting or possible or list(range(len(groups)))
    same = all(contents[position] == contents[left[0]] for position in left)
    return Verdict(tuple(left), same and bool(fitting or (possible and not wanted)))


def _contents(group: Group, sites: Sites, lattice: npt.NDArray[np.float64]) -> Counter[int] | None:
    """Return how many atoms of each element a cell holds; ``None`` where two sites overlap.

    Images of one site that are near each other are one atom on a special position, written with
    few digits: that speaks for no group.
    """
    rotations, translations = group.operations
    if not 0 < len(sites.numbers) * len(rotations) <= _MOST_IMAGES:
        return Counter()  # too many to count are like nothing known
    images = expand(sites.coords, rotations, translations, lattice)
    # 1 Å, in fractions of the cell along each axis
    unit = float(np.linalg.norm(np.linalg.inv(lattice), axis=0).max())
    first = _first_of_each_orbit(sites, images, lattice, unit)
    if first is None:
        return None
    owners = np.repeat(first, [len(images[site]) for site in first])
    places = _wrapped(np.concatenate([images[site] for site in first]))
    if len(places) <= _MOST_PLACES and _crowded(places, owners, lattice, unit):
        return None
    return Counter(np.array(sites.numbers)[owners].tolist())


def _first_of_each_orbit(
    sites: Sites,
    images: Sequence[npt.NDArray[np.float64]],
    lattice: npt.NDArray[np.float64],
    unit: float,
) -> list[int] | None:
    """Return the sites that are no image of an earlier one; ``None`` if elements share a place."""
    from scipy.spatial import cKDTree

    places = _wrapped(sites.coords)
    tree = cKDTree(places, boxsize=1.0)
    first: list[int] = []
    done = np.zeros(len(places), dtype=bool)
    for site, orbit in enumerate(images):
        if done[site]:
            continue
        first.append(site)
        around = _wrapped(orbit)
        found = tree.query_ball_point(around, IMAGE_TOLERANCE * unit, p=np.inf)
        near = np.array(list(chain.from_iterable(found)), dtype=np.int64)
        delta = places[near] - around.repeat([len(others) for others in found], axis=0)
        same = near[_lengths(delta, lattice) < IMAGE_TOLERANCE]
        if any(sites.numbers[other] != sites.numbers[site] for other in same):
            return None
        done[same] = True
    return first


def _crowded(
    places: npt.NDArray[np.float64],
    owners: npt.NDArray[np.int64],
    lattice: npt.NDArray[np.float64],
    unit: float,
) -> bool:
    """Return whether atoms of two sites are nearer than atoms can be."""
    from scipy.spatial import cKDTree

    tree = cKDTree(places, boxsize=1.0)
    reach = _NEAREST * unit
    if tree.count_neighbors(tree, reach, p=np.inf) > _MOST_PAIRS * len(places):
        return True
    one, other = tree.query_pairs(reach, p=np.inf, output_type="ndarray").T
    near = _lengths(places[one] - places[other], lattice) < _NEAREST
    return bool((near & (owners[one] != owners[other])).any())


def _wrapped(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    inside = places - np.floor(places)
    inside[inside >= 1.0] = 0.0
    return inside


def _lengths(
    delta: npt.NDArray[np.float64], lattice: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    lengths: npt.NDArray[np.float64] = np.linalg.norm((delta - np.rint(delta)) @ lattice, axis=-1)
    return lengths


def _agreement(content: Counter[int] | None, wanted: list[dict[int, float]]) -> int:
    """Return how many elements have the amount of a formula, or 0 where it is not most of them.

    Hydrogens often have no sites, and neither has a solvent.
    """
    best = 0
    if content is None:
        return best
    for amounts in wanted:
        same = sum(abs(content[number] - n) < _WHOLE for number, n in amounts.items())
        if 2 * same > len(amounts):
            best = max(best, same)
    return best


def _stated(block: Any) -> list[dict[int, float]]:
    """Return the contents of the cell that the file's formula allows, hydrogens aside.

    The formula is that of one unit, or, as many programs write it, of the cell.
    """
    formula, units = stated_formula(block), stated_units(block)
    if formula is None or formula.amounts is None:
        return []
    amounts = {number: n for number, n in formula.amounts.items() if number != _HYDROGEN}
    found = []
    if units is not None:
        found.append({number: n * units for number, n in amounts.items()})
    if all(n == int(n) for n in amounts.values()):
        divisor = gcd(*(int(n) for n in amounts.values()))
        if divisor > 1 and (units is None or divisor % units == 0):
            found.append(amounts)
    return found
