"""How much resident memory grows while 100,000 crystals stream through the graph view.

    python bench/graph_memory.py [CRYSTALS]

Crystals of 1 to 20 atoms are made up one after another, in cells of any shape, some of them with an
atom alone in vacuum; each becomes a sample, a batch is made of every hundred, and nothing is kept.
Growth is counted from the first hundredth of the crystals, when everything is loaded. The last line
is the growth over the 20 MB that are allowed; it must stay below 1.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stratus.crystals.facets import AtomArrays, Crystal
from stratus.views.graph import GraphView

if TYPE_CHECKING:
    from collections.abc import Iterator

ALLOWED_MB = 20.0
BATCH = 100


def made_up(count: int) -> Iterator[Crystal]:
    """Yield crystals of any size and shape."""
    rng = np.random.default_rng(0)
    for number in range(count):
        atoms = int(rng.integers(1, 21))
        edge = 50.0 if number % 50 == 0 else (18.0 * atoms) ** (1 / 3)
        lattice = edge * (np.eye(3) + rng.uniform(-0.4, 0.4, size=(3, 3)))
        numbers = rng.integers(1, 90, size=atoms)
        frac = rng.uniform(-1, 2, size=(atoms, 3))
        yield Crystal(composition={}, atoms=AtomArrays(lattice, numbers, frac))


def resident_mb() -> float:
    """Return the resident memory of this process, in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Stream and look."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    view = GraphView()
    samples, edges, early = [], 0, 0.0
    begin = time.process_time()
    for number, crystal in enumerate(made_up(count), start=1):
        samples.append(view.sample(crystal))
        if len(samples) == BATCH:
            edges += len(view.collate(samples)["centres"])
            samples.clear()
        if number == max(1, count // 100):
            early = highest = resident_mb()
        elif number % 1000 == 0:
            highest = max(highest, resident_mb())
    rate = count / (time.process_time() - begin)
    late = resident_mb()
    print(f"{count:,} crystals, {edges:,} edges, {rate:,.0f} crystals/s, made up and batched")
    print(f"{early:.1f} MB after a hundredth, {highest:.1f} MB at most, {late:.1f} MB at the end")
    print(f"ratio: {max(0.0, max(highest, late) - early) / ALLOWED_MB:.2f}")


if __name__ == "__main__":
    main()
