"""How much resident memory grows while 100,000 rows of a table of strings are predicted.

    python bench/predict_memory.py [ROWS] [BUNDLE]
    python bench/predict_memory.py [FILES] --encoder bond-graph

Writes a table of SCOPE strings of made-up crystals to a temporary folder, predicts with a model
(of 4 members with fresh weights, if none is named), and watches the resident memory. With the
encoder of atoms, of one member, it is a folder of CIF files, 5,000 if no number is given. Growth is
counted from the first tenth, when everything is loaded, to the highest value after. The last line
is the growth over the 100 MB that are allowed; it must stay below 1.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from untrained import save_untrained

import stratus
from stratus.crystals.elements import SYMBOLS
from stratus.crystals.synthesis import random_orbits
from stratus.encoders.table import DEFAULT_ENCODER
from stratus.inference.inputs import PredictOptions
from stratus.inference.jobs.predict import predict_corpus

if TYPE_CHECKING:
    from stratus.inference.windows import Window

ALLOWED_MB = 100.0
PROTOTYPES = 500
AT_A_TIME = 10_000


def write_strings(path: Path, rows: int) -> None:
    """Write strings of made-up prototypes, each time with other elements."""
    rng = np.random.default_rng(3)
    prototypes = []
    for _ in range(PROTOTYPES):
        number = int(rng.integers(1, 231))
        prototypes.append((number, random_orbits(number, rng)))
    schema = pa.schema([("id", pa.string()), ("scope", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, AT_A_TIME):
            ids = [f"made-{row:07d}" for row in range(start, min(start + AT_A_TIME, rows))]
            scopes = []
            for _ in ids:
                number, orbits = prototypes[rng.integers(PROTOTYPES)]
                names = sorted({element for element, _ in orbits})
                others = rng.choice(90, size=len(names), replace=False) + 1
                new = {name: SYMBOLS[z] for name, z in zip(names, others, strict=True)}
                replaced = [(new[element], letter) for element, letter in orbits]
                scopes.append(str(stratus.Scope.from_orbits(number, replaced)))
            writer.write_table(pa.table([ids, scopes], schema=schema))


def resident_mb() -> float:
    """Return the resident memory of this process, in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="?")
    parser.add_argument("model", nargs="?")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER, help="of the fresh weights")
    arguments = parser.parse_args()
    of_files = arguments.encoder != DEFAULT_ENCODER
    rows = arguments.rows or (5_000 if of_files else 100_000)
    seen: list[tuple[int, float]] = []

    def watch(window: Window) -> None:
        done = seen[-1][0] if seen else 0
        seen.append((done + len(window.rows), resident_mb()))

    with tempfile.TemporaryDirectory() as name:
        source = Path(name, "cifs" if of_files else "strings.parquet")
        if of_files:
            from encode_cif import write_files
            from real_sets import DATA

            source.mkdir()
            write_files(source, DATA, rows)
        else:
            write_strings(source, rows)
        where = Path(name, "model")
        if arguments.model is None:
            save_untrained(where, arguments.encoder, members=1 if of_files else 4)
        summary = predict_corpus(
            [source],
            Path(name, "out.csv"),
            stratus.load(arguments.model or where),
            options=PredictOptions(workers=0),
            on_window=watch,
        )
    print(f"{summary.rows:,} rows, {summary.seconds:.0f} s, {summary.rate:,.0f} crystals/s")
    early = max(mb for done, mb in seen if done <= max(summary.rows / 10, seen[0][0]))
    late = max(mb for _, mb in seen)
    print(f"{early:.0f} MB at a tenth, {late:.0f} MB at most: {late - early:+.0f}")
    print(f"ratio: {(late - early) / ALLOWED_MB:.2f}")


if __name__ == "__main__":
    main()
