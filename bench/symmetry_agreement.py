"""Do moyo and spglib give the same string?

Made-up crystals of all 230 groups, and real structures at symprec 0.01 and 0.1. Each disagreement
is put in a class:

- edge: one of the two, with symprec changed by a factor of at most 1.25, 2, 5 or 10, gives the
  string of the other, so the crystal lies on the edge of a symmetry and the two libraries measure
  the distance differently;
- unexplained: no such factor; these are listed.

    python bench/symmetry_agreement.py [--data DIR] [--per-set 500]

The last line is the share of real strings that agree at symprec 0.01.
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from real_sets import DATA, SETS

import stratus
from stratus.crystals.entry import Entry
from stratus.crystals.synthesis import random_crystal
from stratus.crystals.wyckoff import wyckoff_positions
from stratus.errors import StratusError
from stratus.scope import Scope


def both(entry: Entry, symprec: float) -> tuple[Scope | None, Scope | None]:
    """Return the strings of moyo and spglib; ``None`` where the search failed."""
    found = []
    for backend in ("moyopy", "spglib"):
        try:
            found.append(stratus.encode(entry, symprec=symprec, backend=backend))
        except StratusError:
            found.append(None)
    return found[0], found[1]


def classify(entry: Entry, symprec: float, found: tuple[Scope | None, Scope | None]) -> str:
    """Say why the two disagree."""
    if None in found:
        return "one search failed" if found != (None, None) else "both searches failed"
    kind = "same group" if found[0].space_group == found[1].space_group else "other group"
    for factor in (1.25, 2, 5, 10):
        for scale in (factor, 1 / factor):
            moyo, spglib = both(entry, symprec * scale)
            if (moyo is not None and moyo == found[1]) or (
                spglib is not None and spglib == found[0]
            ):
                return f"{kind}, edge: one at symprec within x{factor:g} gives the other's string"
    return f"{kind}, unexplained"


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--per-set", type=int, default=500)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("moyo").setLevel(logging.ERROR)
    rng = np.random.default_rng(0)
    exact = 0
    for number in range(1, 231):
        letters = list(wyckoff_positions(number))
        orbits = [("K", letters[-1]), ("Br", letters[-1]), ("Si", letters[0])]
        entry = random_crystal(number, orbits, rng, volume_per_atom=20)
        expected = Scope.from_orbits(number, orbits)
        exact += both(entry, 1e-3) == (expected, expected)
    print(f"made-up crystals: {exact} of 230 groups, both as made")
    shares = {}
    for symprec in (0.01, 0.1):
        classes, agree, total = Counter(), 0, 0
        for name, file in SETS.items():
            entries = [e for e in stratus.read(arguments.data / file) if isinstance(e, Entry)]
            entries = entries[:: max(1, len(entries) // arguments.per_set)][: arguments.per_set]
            here = 0
            for entry in entries:
                found = both(entry, symprec)
                total += 1
                if None not in found and found[0] == found[1]:
                    agree += 1
                    here += 1
                    continue
                reason = classify(entry, symprec, found)
                classes[reason] += 1
                if "unexplained" in reason:
                    print(f"    {name} {entry.id}: {found[0]}  //  {found[1]}")
            print(f"symprec {symprec}: {name} {here} of {len(entries)} agree", flush=True)
        shares[symprec] = agree / total
        print(f"symprec {symprec}: {agree} of {total} agree, {100 * agree / total:.2f} %")
        for reason, count in classes.most_common():
            print(f"    {count:>5}  {reason}")
    print(f"ratio: {shares[0.01]:.4f}")


if __name__ == "__main__":
    sys.exit(main())
