"""How much resident memory grows while 200,000 crystals are encoded.

    python bench/encode_memory.py [ROWS]

Writes a Parquet table of small random cells to a temporary folder, encodes it with two workers,
and watches the resident memory of the parent and of each worker. Growth is counted from the first
tenth of the rows, when everything is loaded, to the highest value after. The last line is the
largest growth of one process over the 100 MB that are allowed; it must stay below 1.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stratus.corpora.encoding.job import encode_corpus
from stratus.corpora.encoding.options import EncodeOptions
from stratus.crystals.elements import SYMBOLS

if TYPE_CHECKING:
    from stratus.corpora.encoding.summary import Progress

ALLOWED_MB = 100.0
SITES = 8
AT_A_TIME = 10_000


def write_corpus(path: Path, rows: int) -> None:
    """Write cells of eight atoms; every second one has its atoms on a body-centred grid."""
    rng = np.random.default_rng(3)
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("lattice", pa.list_(pa.float64())),
            ("species", pa.string()),
            ("frac_coords", pa.list_(pa.float64())),
            ("energy", pa.float64()),
        ]
    )
    grid = np.array(np.meshgrid([0, 0.5], [0, 0.5], [0, 0.5])).reshape(3, -1).T
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, rows, AT_A_TIME):
            count = min(AT_A_TIME, rows - start)
            edges = rng.choice([5.0, 5.5, 6.0, 6.5], size=(count, 3))
            lattices = np.einsum("ni,ij->nij", edges, np.eye(3)).reshape(count, 9)
            coords = np.repeat(grid[None], count, axis=0)
            coords[::2] += rng.uniform(-0.1, 0.1, size=(len(coords[::2]), SITES, 3))
            numbers = rng.integers(3, 84, size=(count, 2))
            species = [" ".join([SYMBOLS[a]] * 4 + [SYMBOLS[b]] * 4) for a, b in numbers]
            columns = [
                [f"made-{i:07d}" for i in range(start, start + count)],
                list(lattices),
                species,
                list(coords.reshape(count, -1)),
                rng.normal(size=count),
            ]
            writer.write_table(pa.table(columns, schema=schema))


def resident_mb(process: int) -> float:
    """Return the resident memory of a process, in MB (Linux)."""
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def children() -> list[int]:
    """Return the process ids of the workers."""
    import multiprocessing

    return [child.pid for child in multiprocessing.active_children() if child.pid is not None]


def main() -> None:
    """Measure and print."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    seen: dict[str, list[tuple[int, float]]] = defaultdict(list)
    last = 0.0

    def watch(now: Progress) -> None:
        nonlocal last
        if time.monotonic() - last < 0.5:
            return
        last = time.monotonic()
        seen["parent"].append((now.rows_in, resident_mb(os.getpid())))
        for number, child in enumerate(sorted(children())):
            seen[f"worker {number}"].append((now.rows_in, resident_mb(child)))

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in.parquet")
        write_corpus(source, rows)
        print(f"{rows:,} crystals of {SITES} atoms, {source.stat().st_size / 1e6:.0f} MB on disk")
        summary = encode_corpus(
            [source], Path(folder, "out.parquet"), EncodeOptions(workers=2), watch
        )
        seen["parent"].append((summary.rows_in, resident_mb(os.getpid())))
    print(f"{summary.rows_out:,} rows, {summary.seconds:.0f} s, {summary.rate:,.0f} crystals/s")
    worst = 0.0
    for name, looks in seen.items():
        early = max(mb for done, mb in looks if done <= max(rows / 10, looks[0][0]))
        late = max(mb for _, mb in looks)
        worst = max(worst, late - early)
        print(f"{name:<10} {early:6.0f} MB at a tenth, {late:6.0f} MB at most: {late - early:+.0f}")
    print(f"ratio: {worst / ALLOWED_MB:.2f}")


if __name__ == "__main__":
    main()
