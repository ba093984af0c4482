"""A Parquet of structures to strings: stratus beside pymatgen, on the same rows, on one core.

The rows are cells of 5 to 20 atoms. What a user would otherwise run is a pymatgen ``Structure`` of
each row and ``SpacegroupAnalyzer``. Rows are taken in turns of 200, first by the one, then by the
other; processor time is counted, so that other work on the machine does not.

    python bench/encode_parquet.py [--data DIR] [--rows 4000]

Without the data folder the rows are crystals that the script makes up. The last line is the
time of the other route over ours.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

import stratus
from stratus.crystals.entry import Entry
from stratus.crystals.synthesis import random_crystal, random_orbits

TURN = 200


def entries(data: Path, count: int) -> tuple[str, list[Entry]]:
    """Return cells of 5 to 20 atoms and where they come from."""
    table = data / "mp20_partial" / "mp20_partial.parquet"
    if table.exists():
        found = [e for e in stratus.read(table) if isinstance(e, Entry) and 5 <= len(e) <= 20]
        return "Materials Project (MP-20)", found[:: max(1, len(found) // count)][:count]
    rng = np.random.default_rng(0)
    made: list[Entry] = []
    while len(made) < count:
        number = int(rng.integers(1, 231))
        entry = random_crystal(number, random_orbits(number, rng), rng, id=str(len(made)))
        if 5 <= len(entry) <= 20:
            made.append(entry)
    return "made-up crystals", made


def write(path: Path, crystals: list[Entry]) -> None:
    """Write the columns id, lattice, species, frac_coords."""
    columns = {
        "id": [e.id for e in crystals],
        "lattice": [e.lattice.ravel().tolist() for e in crystals],
        "species": [" ".join(s.specie.symbol for s in e.structure) for e in crystals],
        "frac_coords": [e.frac_coords.ravel().tolist() for e in crystals],
    }
    pq.write_table(pa.table(columns), path)


def other(path: Path) -> int:
    """What a user would otherwise run."""
    count = 0
    for row in pq.read_table(path).to_pylist():
        lattice = np.reshape(row["lattice"], (3, 3))
        frac_coords = np.reshape(row["frac_coords"], (-1, 3))
        structure = Structure(lattice, row["species"].split(), frac_coords)
        analyzer = SpacegroupAnalyzer(structure)
        count += bool(analyzer.get_symmetry_dataset().wyckoffs)
    return count


def ours(path: Path) -> int:
    """Rows to canonical strings."""
    return sum(bool(str(stratus.encode(e))) for e in stratus.read(path) if isinstance(e, Entry))


def main() -> None:
    """Time both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data")
    parser.add_argument("--rows", type=int, default=4000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("moyo").setLevel(logging.ERROR)
    origin, crystals = entries(arguments.data, arguments.rows)
    spent = {"stratus": 0.0, "pymatgen": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for start in range(0, len(crystals), TURN):
            paths.append(Path(folder) / f"{start}.parquet")
            write(paths[-1], crystals[start : start + TURN])
        ours(paths[0])
        other(paths[0])
        for path in paths:
            begin = time.process_time()
            ours(path)
            middle = time.process_time()
            other(path)
            spent["stratus"] += middle - begin
            spent["pymatgen"] += time.process_time() - middle
    sizes = [len(e) for e in crystals]
    print(f"{len(crystals)} cells, {np.mean(sizes):.1f} atoms on average: {origin}")
    for route, seconds in spent.items():
        rate, each = len(crystals) / seconds, 1e6 * seconds / len(crystals)
        print(f"{route:<10} {rate:>8.0f} crystals/s/core {each:>8.0f} us each")
    print(f"ratio: {spent['pymatgen'] / spent['stratus']:.2f}")


if __name__ == "__main__":
    sys.exit(main())
