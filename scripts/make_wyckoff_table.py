"""Fill in the ``permutations`` of ``src/stratus/crystals/data/wyckoff.json``.

The table holds, for each of the 230 space groups in the setting of moyo's ``Setting.standard()``
(unique axis b, cell choice 1, hexagonal axes, second origin), every Wyckoff position with its
multiplicity, site symmetry and representative coordinates, as moyo 0.21 gives them. From the
coordinates alone this script works out how the affine normaliser of the group permutes the Wyckoff
letters:

1. every unimodular matrix W with entries -1, 0, 1 in a reduced primitive basis of the most
   symmetric lattice of the crystal family, kept if it maps the point group onto itself;
2. every translation p on the grid of 1/24 with (W, p) G (W, p)^-1 = G;
3. a generic point of each position is moved by (W, p) and looked up among the positions;
4. the permutations found are closed under composition.

Run: ``python scripts/make_wyckoff_table.py``; the test of the table does the same for some groups.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING

import moyopy
import numpy as np
from moyopy import HallSymbolEntry, Setting

from stratus.crystals.synthesis import affine_position

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = Path(__file__).parents[1] / "src/stratus/crystals/data/wyckoff.json"
GRID = 24


def family_lattice(number: int) -> np.ndarray:
    """Return the most symmetric lattice that the crystal family of the group allows, rows."""
    if 143 <= number <= 194:
        return np.array([[1, 0, 0], [-0.5, np.sqrt(0.75), 0], [0, 0, 1.3]])
    if 75 <= number <= 142:
        return np.diag([1, 1, 1.3])
    return np.eye(3)


def annihilator(matrix: np.ndarray) -> np.ndarray:
    """Return integer rows that span the left null space of ``matrix`` without gaps."""
    rank = np.linalg.matrix_rank(matrix)
    rows = sorted(
        (
            v
            for v in itertools.product(range(-2, 3), repeat=3)
            if any(v) and not (np.array(v) @ matrix).any()
        ),
        key=lambda v: (np.abs(v).sum(), v),
    )
    if rank == 3:
        return np.zeros((0, 3), dtype=int)
    for choice in itertools.combinations(rows, 3 - rank):
        basis = np.array(choice)
        if np.linalg.matrix_rank(basis) == 3 - rank:
            minors = [
                round(np.linalg.det(basis[:, columns]))
                for columns in map(list, itertools.combinations(range(3), 3 - rank))
            ]
            if np.gcd.reduce(np.abs(minors)) == 1:
                return basis
    raise ValueError(f"no primitive annihilator for {matrix.tolist()}")


def unimodular() -> np.ndarray:
    """Return all 6,960 unimodular matrices with entries -1, 0, 1."""
    every = np.array(list(itertools.product((-1, 0, 1), repeat=9))).reshape(-1, 3, 3)
    return every[np.abs(np.round(np.linalg.det(every))) == 1]


def normaliser(number: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield operations (W, p), conventional basis, that normalise the space group."""
    operations = moyopy.operations_from_number(number, setting=Setting.standard(), primitive=True)
    rotations = np.array(operations.rotations)
    translations = np.array(operations.translations)
    hall = HallSymbolEntry(standard_hall(number))
    to_primitive = np.linalg.inv(
        np.array(hall.centering.linear, dtype=float)
    )  # columns: a_p = a_c Q^-1
    primitive = to_primitive.T @ family_lattice(number)
    _, reduction = moyopy.minkowski_reduce(primitive.tolist())
    change = np.array(reduction, dtype=float)  # reduced = change.T @ primitive
    back = np.linalg.inv(change)
    reduced = np.round(back @ rotations @ change).astype(int)
    shifts = translations @ back.T
    index = {r.tobytes(): k for k, r in enumerate(reduced)}
    chosen = generators(reduced)
    grid = np.array(list(itertools.product(range(GRID), repeat=3)))
    for w in unimodular():
        inverse = np.round(np.linalg.inv(w)).astype(int)
        images = [index.get((w @ r @ inverse).astype(reduced.dtype).tobytes()) for r in reduced]
        if None in images:
            continue
        good = np.ones(len(grid), dtype=bool)
        for k in chosen:
            target = reduced[images[k]]
            want = (shifts[images[k]] - w @ shifts[k]) * GRID
            off = grid @ (np.eye(3, dtype=int) - target).T - np.round(want).astype(int)
            if np.abs(want - np.round(want)).max() > 1e-6:
                raise ValueError(f"group {number}: a translation is off the grid")
            good &= (off % GRID == 0).all(axis=1)
        conventional = to_primitive @ change
        undo = np.linalg.inv(conventional)
        for p in grid[good] / GRID:
            yield conventional @ w @ undo, conventional @ p


def standard_hall(number: int) -> int:
    """Return the Hall number of moyo's standard setting of a space group."""
    operations = moyopy.operations_from_number(number, setting=Setting.standard(), primitive=True)
    group = moyopy.SpaceGroup(
        operations.rotations, operations.translations, setting=Setting.standard()
    )
    return group.hall_number


def generators(rotations: np.ndarray) -> list[int]:
    """Return indices of rotations that generate all of them."""
    have = {np.eye(3, dtype=rotations.dtype).tobytes()}
    chosen: list[int] = []
    for k, r in enumerate(rotations):
        if r.tobytes() in have:
            continue
        chosen.append(k)
        members = [rotations[j] for j in chosen]
        frontier = [np.frombuffer(b, dtype=rotations.dtype).reshape(3, 3) for b in have]
        while frontier:
            fresh = []
            for a in frontier:
                for b in members:
                    c = (a @ b).astype(rotations.dtype)
                    if c.tobytes() not in have:
                        have.add(c.tobytes())
                        fresh.append(c)
            frontier = fresh
    return chosen


def permutations(number: int, positions: dict[str, list]) -> list[str]:
    """Return the letter permutations of the affine normaliser, the identity first.

    Each is a string: its k-th letter is the image of the k-th letter of the group.
    """
    letters = list(positions)
    if len(letters) == 1:
        return ["".join(letters)]
    operations = moyopy.operations_from_number(number, setting=Setting.standard())
    rotations = np.array(operations.rotations)
    translations = np.array(operations.translations)
    spaces = []
    for letter in letters:
        matrix, vector = affine_position(positions[letter][2])
        spaces.append((matrix, vector, annihilator(matrix)))
    order = sorted(range(len(letters)), key=lambda k: np.linalg.matrix_rank(spaces[k][0]))
    generic = np.array([0.1234567, 0.2718281, 0.3819660])

    def letter_of(point: np.ndarray) -> str:
        orbit = rotations @ point + translations
        for k in order:
            _, vector, rows = spaces[k]
            residue = (orbit - vector) @ rows.T
            if (np.abs(residue - np.round(residue)) < 1e-6).all(axis=1).any():
                return letters[k]
        raise ValueError(f"group {number}: no Wyckoff position holds {point}")

    points = np.array([matrix @ generic + vector for matrix, vector, _ in spaces])
    found = {"".join(letters)}
    seen: set[bytes] = set()
    for w, p in normaliser(number):
        moved = points @ w.T + p
        key = np.round((moved % 1) * 1e5).astype(int).tobytes()
        if key in seen:
            continue
        seen.add(key)
        found.add("".join(letter_of(point) for point in moved))
    place = {letter: k for k, letter in enumerate(letters)}
    basis = list(found)
    frontier = list(found)
    while frontier:
        fresh = []
        for a, b in itertools.product(frontier, basis):
            c = "".join(b[place[letter]] for letter in a)
            if c not in found:
                found.add(c)
                fresh.append(c)
        frontier = fresh
    rest = sorted(found - {"".join(letters)})
    return ["".join(letters), *rest]


def main() -> None:
    """Rewrite the table."""
    table = json.loads(TABLE.read_text())
    for number, group in table["groups"].items():
        group["permutations"] = permutations(int(number), group["positions"])
    TABLE.write_text(json.dumps(table, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
