"""How often does the string of a crystal change when only its description changes?

Takes real structures from the data folder, rewrites each one in nine ways and in all of them
together, and compares the strings before and after: ours (orbit dialect, moyo) and the published
converter's (paper dialect, which the oracle tests hold to pymatgen bit for bit). No atom moves; one
more way that symmetrises, and so moves atoms, is shown apart.

    python bench/scope_invariance.py [--data DIR] [--per-set 300] [--seed 0]

Every orbit string that changed is listed. The last line is the published rate over ours.
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections import Counter
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from moyopy import niggli_reduce
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer
from real_sets import DATA, SETS
from spglib import standardize_cell

import stratus
from stratus.crystals.entry import Entry
from stratus.errors import StratusError

if TYPE_CHECKING:
    from pymatgen.core import Structure


def recell(entry: Entry, matrix: np.ndarray) -> Entry:
    """Describe a crystal in the cell whose rows are ``matrix @ lattice``."""
    size = round(abs(np.linalg.det(matrix)))
    inverse = np.linalg.inv(matrix)
    reach = range(-int(np.abs(matrix).sum()), int(np.abs(matrix).sum()) + 1)
    if size == 1:
        shifts = np.zeros((1, 3))
    else:
        points = np.array(list(product(reach, repeat=3))) @ inverse
        inside = ((points > -1e-9) & (points < 1 - 1e-9)).all(axis=1)
        shifts = points[inside]
    frac = (entry.frac_coords @ inverse)[:, None, :] + shifts
    return Entry(
        entry.id, matrix @ entry.lattice, np.repeat(entry.numbers, size), frac.reshape(-1, 3) % 1
    )


def permute(entry: Entry, rng: np.random.Generator) -> Entry:
    """Write the atoms in another order."""
    order = rng.permutation(len(entry))
    return Entry(entry.id, entry.lattice, entry.numbers[order], entry.frac_coords[order])


def shift(entry: Entry, rng: np.random.Generator) -> Entry:
    """Choose another origin."""
    return Entry(entry.id, entry.lattice, entry.numbers, (entry.frac_coords + rng.random(3)) % 1)


def supercell(entry: Entry, rng: np.random.Generator) -> Entry:
    """Take a random supercell of two or three cells."""
    size = int(rng.integers(2, 4))
    matrix = np.eye(3)
    axis, other = rng.permutation(3)[:2]
    matrix[axis, axis] = size
    matrix[axis, other] = rng.integers(0, size)
    return recell(entry, matrix)


def unimodular(entry: Entry, rng: np.random.Generator) -> Entry:
    """Choose other lattice vectors of the same lattice."""
    matrix = np.eye(3)
    for _ in range(3):
        axis, other = rng.permutation(3)[:2]
        step = np.eye(3)
        step[axis, other] = rng.choice([-1, 1])
        matrix = step @ matrix
    return recell(entry, matrix)


def rotate(entry: Entry, rng: np.random.Generator) -> Entry:
    """Turn the crystal in space."""
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    return Entry(entry.id, entry.lattice @ turn, entry.numbers, entry.frac_coords)


def invert_axes(entry: Entry, rng: np.random.Generator) -> Entry:
    """Permute the names of the axes."""
    matrix = np.eye(3)[rng.permutation(3)]
    return recell(entry, matrix * np.sign(np.linalg.det(matrix)))


def niggli(entry: Entry, _: np.random.Generator) -> Entry:
    """Take the Niggli cell."""
    _, change = niggli_reduce(entry.lattice.tolist())
    return recell(entry, np.array(change, dtype=float).T)


def standard(entry: Entry, *, to_primitive: bool) -> Entry:
    """Take spglib's standard cell; the atoms stay where they are."""
    cell = (entry.lattice, entry.frac_coords, entry.numbers)
    found = standardize_cell(cell, to_primitive=to_primitive, no_idealize=True, symprec=0.01)
    return entry if found is None else Entry(entry.id, found[0], found[2].astype(int), found[1])


def conventional(entry: Entry, _: np.random.Generator) -> Entry:
    """Take the conventional standard cell."""
    return standard(entry, to_primitive=False)


def primitive(entry: Entry, _: np.random.Generator) -> Entry:
    """Take the primitive standard cell."""
    return standard(entry, to_primitive=True)


def symmetrised(entry: Entry, _: np.random.Generator) -> Structure:
    """Let pymatgen symmetrise: this moves atoms by up to symprec, so it is another crystal."""
    analyzer = SpacegroupAnalyzer(entry.structure)
    return analyzer.get_conventional_standard_structure()


def together(entry: Entry, rng: np.random.Generator) -> Entry:
    """Do everything that moves no atom."""
    start = (niggli, conventional, primitive)[rng.integers(3)]
    for change in (start, supercell, unimodular, shift, rotate, permute):
        entry = change(entry, rng)
    return entry


CHANGES = {
    "permutation": permute,
    "origin": shift,
    "supercell": supercell,
    "unimodular": unimodular,
    "axes": invert_axes,
    "rotation": rotate,
    "niggli": niggli,
    "conventional": conventional,
    "primitive": primitive,
    "together": together,
}
MOVING = {"symmetrised": symmetrised}
"""Not counted: these move atoms, within the tolerance of the search."""


def sample(path: Path, count: int, rng: np.random.Generator) -> list[Entry]:
    """Draw crystals of at most 60 atoms from a table."""
    entries = [e for e in stratus.read(path) if isinstance(e, Entry) and len(e) <= 60]
    chosen = rng.choice(len(entries), min(count, len(entries)), replace=False)
    return [entries[k] for k in sorted(chosen)]


def text(crystal: Entry | Structure, dialect: str) -> str:
    """Return the string, or the failure as one."""
    try:
        return str(stratus.encode(crystal, dialect=dialect))
    except StratusError as error:
        return f"{type(error).__name__}"


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--per-set", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-paper", action="store_true", help="leave the published route out")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("moyo").setLevel(logging.ERROR)
    rng = np.random.default_rng(arguments.seed)
    changed = {"orbit": Counter(), "paper": Counter()}
    cases = Counter()
    per_set = {"orbit": Counter(), "paper": Counter()}
    crystals = 0
    dialects = ("orbit",) if arguments.no_paper else ("orbit", "paper")
    for name, file in SETS.items():
        entries = sample(arguments.data / file, arguments.per_set, rng)
        crystals += len(entries)
        for entry in entries:
            before = {d: text(entry, d) for d in dialects}
            for kind, change in (CHANGES | MOVING).items():
                other = change(entry, rng)
                cases[kind] += 1
                for dialect in dialects:
                    after = text(other, dialect)
                    if after != before[dialect]:
                        changed[dialect][kind] += 1
                        per_set[dialect][name] += 1
                        if dialect == "orbit":
                            print(f"changed  {name}  {entry.id}  {kind}")
                            print(f"    {before[dialect]}\n    {after}")
        print(
            f"{name}: {len(entries)} crystals, orbit strings changed {per_set['orbit'][name]}, "
            f"paper {per_set['paper'][name]}",
            flush=True,
        )
    total = sum(cases[kind] for kind in CHANGES)
    print(f"\n{crystals} crystals, {total} rewritten crystals")
    print(f"{'change':<14}{'cases':>8}{'orbit':>8}{'paper':>8}")
    for kind in CHANGES | MOVING:
        print(f"{kind:<14}{cases[kind]:>8}{changed['orbit'][kind]:>8}{changed['paper'][kind]:>8}")
    ours, theirs = (sum(changed[d][kind] for kind in CHANGES) for d in ("orbit", "paper"))
    print(f"orbit: {ours} of {total} changed, {100 * ours / total:.3f} %")
    print(f"paper: {theirs} of {total} changed, {100 * theirs / total:.1f} %")
    print(f"ratio: {theirs / max(ours, 1):.0f}")


if __name__ == "__main__":
    sys.exit(main())
