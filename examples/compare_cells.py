"""One crystal written in many ways, and the one string it has.

Run: ``python examples/compare_cells.py``
"""

from __future__ import annotations

import numpy as np
from pymatgen.core import Lattice, Structure

import stratus


def rewritten(structure: Structure, rng: np.random.Generator) -> Structure:
    """Return the same crystal: another cell, another origin, its atoms in another order."""
    other = structure.copy()
    other.make_supercell([[1, 1, 0], [0, 1, 1], [1, 0, 2]])
    other.translate_sites(range(len(other)), rng.random(3))
    return Structure.from_sites([other[int(i)] for i in rng.permutation(len(other))])


def main() -> None:
    """Encode rutile and five rewritings of it."""
    rng = np.random.default_rng(0)
    rutile = Structure.from_spacegroup(
        "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.3053, 0.3053, 0]]
    )
    print(f"{len(rutile):3} atoms  {stratus.encode(rutile)}")
    for _ in range(5):
        other = rewritten(rutile, rng)
        print(f"{len(other):3} atoms  {stratus.encode(other)}")


if __name__ == "__main__":
    main()
