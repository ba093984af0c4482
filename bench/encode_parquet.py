"""A Parquet of structures to strings: stratus beside pymatgen, on the same rows, on one core.

The rows are cells of 5 to 20 atoms: real ones of every data set, and made-up ones. What is timed of
ours is what one worker of ``stratus encode`` does, and reading the file: from a Parquet file with
the columns id, lattice, species and frac_coords, over its slices, the checks, the symmetry search
and the string, to the Arrow batches with the finished rows of the table. Not in it: writing the
table, looking for repeated ids, and sending chunks between processes. What a user would otherwise
run is a pymatgen ``Structure`` of each row and ``SpacegroupAnalyzer``, from the same file. The
symmetry search alone is timed too (moyo on arrays that are ready): no route through moyo can be
faster.

Rows are taken in turns of 1,000, first by the one, then by the other. The time is that of the
processor, spent by this process, so that other work on the machine does not count. The first 500
cells of each set (a quarter of a small set) warm up and are not counted. No counted row was
encoded before; it was read once, when the cells were chosen.

    python bench/encode_parquet.py [--data DIR] [--rows 2000]

Without the data folder there are only the made-up ones. The last line is the time of the pymatgen
route over ours on all real cells together.
"""

from __future__ import annotations

import argparse
import gc
import logging
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from moyopy import Cell, MoyoDataset
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer
from real_sets import DATA, SETS

import stratus
from stratus.corpora.encoding.chunks import chunked
from stratus.corpora.encoding.options import EncodeOptions
from stratus.corpora.encoding.stream import default_work
from stratus.corpora.encoding.workers import run_here
from stratus.crystals.entry import Entry
from stratus.crystals.reading.sources import records
from stratus.crystals.synthesis import random_crystal, random_orbits

TURN = 1000
WARM_UP = 500
ROUTES = ("stratus", "moyo alone", "pymatgen")


def real(table: Path, count: int) -> list[Entry]:
    """Return cells of 5 to 20 atoms of a data set, in an order that mixes it."""
    found = [e for e in stratus.read(table) if isinstance(e, Entry) and 5 <= len(e) <= 20]
    order = np.random.default_rng(0).permutation(len(found))
    return [found[k] for k in order[: count + WARM_UP]]


def made_up(count: int) -> list[Entry]:
    """Return made-up cells of 5 to 20 atoms."""
    rng = np.random.default_rng(0)
    made: list[Entry] = []
    while len(made) < count:
        number = int(rng.integers(1, 231))
        entry = random_crystal(number, random_orbits(number, rng), rng, id=str(len(made)))
        if 5 <= len(entry) <= 20:
            made.append(entry)
    return made


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
    """Rows to canonical strings in a table, as a worker does it."""
    options = EncodeOptions()
    chunks = chunked(records(path, options.read), options.chunk_rows)
    return sum(chunk.batch().num_rows for chunk in run_here(chunks, default_work(options)))


def search_alone(crystals: list[Entry]) -> int:
    """Run the symmetry search and nothing else."""
    cells = [Cell(e.lattice.tolist(), e.frac_coords.tolist(), e.numbers.tolist()) for e in crystals]
    return sum(bool(MoyoDataset(cell, symprec=0.01).number) for cell in cells)


def timed(crystals: list[Entry]) -> dict[str, float]:
    """Return the seconds each route takes for all crystals."""
    spent = dict.fromkeys(ROUTES, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "turn.parquet"
        for start in range(0, len(crystals), TURN):
            turn = crystals[start : start + TURN]
            write(path, turn)
            for name, route, given in zip(
                ROUTES, (ours, search_alone, other), (path, turn, path), strict=True
            ):
                gc.collect()  # no route pays for the garbage of another
                begin = time.process_time()
                route(given)
                spent[name] += time.process_time() - begin
    return spent


def main() -> None:
    """Time both routes on each set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--rows", type=int, default=2000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("moyo").setLevel(logging.ERROR)
    tables = {name: arguments.data / file for name, file in SETS.items()}
    sets = {name: real(table, arguments.rows) for name, table in tables.items() if table.exists()}
    sets["made up"] = made_up(arguments.rows + WARM_UP)
    counts: Counter[str] = Counter()
    total: Counter[str] = Counter()
    print(f"{'crystals/s/core':<24}{'cells':>7}{'atoms':>7}" + "".join(f"{r:>12}" for r in ROUTES))
    for name, found in sets.items():
        warm_up = min(WARM_UP, len(found) // 4)
        crystals = found[warm_up:]
        timed(found[:warm_up])  # a long run has met every space group before
        spent = timed(crystals)
        atoms = float(np.mean([len(e) for e in crystals]))
        rates = "".join(f"{len(crystals) / spent[route]:>12.0f}" for route in ROUTES)
        print(f"{name:<24}{len(crystals):>7}{atoms:>7.1f}{rates}", flush=True)
        if name != "made up" or len(sets) == 1:
            counts["cells"] += len(crystals)
            total.update(spent)
    rates = "".join(f"{counts['cells'] / total[route]:>12.0f}" for route in ROUTES)
    print(f"{'all real ones' if len(sets) > 1 else 'all':<24}{counts['cells']:>7}{'':>7}{rates}")
    print(f"ratio: {total['pymatgen'] / total['stratus']:.2f}")


if __name__ == "__main__":
    sys.exit(main())
