"""CIF files to strings: stratus beside the published route, on the same files, on one core.

The published route is pymatgen's ``Structure.from_file`` and ``SpacegroupAnalyzer``, then the words
of the string. Files are taken in turns of 50, first by the one, then by the other; processor time
is counted, so that other work on the machine does not.

    python bench/encode_cif.py [--data DIR] [--files 1000]

Without the data folder the files are crystals that the script makes up. The last line is the
published time over ours.
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
import pyarrow.parquet as pq
from pymatgen.core import Structure
from pymatgen.io.cif import CifWriter
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer
from real_sets import DATA, SETS

import stratus
from stratus.crystals.entry import Entry
from stratus.crystals.synthesis import random_crystal, random_orbits
from stratus.crystals.wyckoff import wyckoff_positions
from stratus.scope.paper import paper_encoding

TURN = 50


def published(path: Path) -> str:
    """CIF file to string as the published converter does it."""
    structure = Structure.from_file(path)
    analyzer = SpacegroupAnalyzer(structure)
    number = analyzer.get_space_group_number()
    positions = wyckoff_positions(number)
    letters = dict.fromkeys(analyzer.get_symmetry_dataset().wyckoffs)
    symbols = [f"{positions[letter].multiplicity}{letter}" for letter in letters]
    amounts = structure.composition.fractional_composition.get_el_amt_dict()
    words = [f"{element} {np.round(amount, 2)}" for element, amount in amounts.items()]
    return f"{' '.join(paper_encoding(number))} | {' '.join(symbols)} | {' '.join(words)}"


def ours(folder: Path) -> int:
    """Folder of CIF files to canonical strings."""
    return sum(bool(str(stratus.encode(e))) for e in stratus.read(folder) if isinstance(e, Entry))


def write_files(folder: Path, data: Path, count: int) -> tuple[str, list[Path]]:
    """Write the CIF files; half of them as primitive cells, half with their symmetry."""
    table = data / SETS["3dsc"]
    if table.exists():
        texts = pq.read_table(table, columns=["cif"])["cif"].to_pylist()
        texts = texts[:: max(1, len(texts) // count)][:count]
        origin = "Materials Project CIF files (P1)"
    else:
        rng = np.random.default_rng(0)
        made = []
        for _ in range(count):
            number = int(rng.integers(1, 231))
            made.append(random_crystal(number, random_orbits(number, rng), rng).structure)
        texts = [str(CifWriter(structure)) for structure in made]
        origin = "made-up crystals (P1)"
    paths = []
    for k, text in enumerate(texts):
        paths.append(folder / f"{k // TURN:03d}" / f"{k:05d}.cif")
        paths[-1].parent.mkdir(exist_ok=True)
        paths[-1].write_text(text)
        if k % 2:
            structure = Structure.from_str(text, fmt="cif")
            paths[-1].write_text(str(CifWriter(structure, symprec=0.01)))
    return origin + ", every other one rewritten with its symmetry", paths


def main() -> None:
    """Time both routes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--files", type=int, default=1000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("moyo").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        origin, paths = write_files(Path(folder), arguments.data, arguments.files)
        ours(paths[0].parent)  # both have what they need in memory
        for path in paths[:10]:
            published(path)
        spent = {"stratus": 0.0, "published": 0.0}
        strings = 0
        for start in range(0, len(paths), TURN):
            turn = paths[start : start + TURN]
            begin = time.process_time()
            strings += ours(turn[0].parent)
            middle = time.process_time()
            for path in turn:
                published(path)
            spent["stratus"] += middle - begin
            spent["published"] += time.process_time() - middle
    print(f"{len(paths)} files: {origin}; {strings} strings")
    for route, seconds in spent.items():
        rate, each = len(paths) / seconds, 1e6 * seconds / len(paths)
        print(f"{route:<10} {rate:>8.0f} files/s/core {each:>8.0f} us each")
    print(f"ratio: {spent['published'] / spent['stratus']:.2f}")


if __name__ == "__main__":
    sys.exit(main())
