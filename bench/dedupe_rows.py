"""How long 10,000,000 rows take to thin to one a crystal, and how much memory.

    python bench/dedupe_rows.py [ROWS] [--by scope] [--folder DIR]

Writes made-up rows as `stratus encode` writes them (id, string, space group, formula, volume and
energy; three rows for each crystal on average, every fourth without an energy), thins them, and
checks the counts against those that are known from how the rows were made. Memory is the highest
resident memory of the process that thins them, all of it, imports included. The rows and the
scratch files are in a temporary folder that is removed. The last line is that memory over the
4 GB that are allowed; it must stay below 1.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import stratus
from stratus.corpora.dedupe import DedupeOptions, dedupe
from stratus.corpora.keys import Key
from stratus.crystals.elements import SYMBOLS
from stratus.crystals.synthesis import random_orbits
from stratus.scope.partial import read_amounts

ALLOWED_GB = 4.0
ROWS_A_CRYSTAL = 3
PROTOTYPES = 2000
HEAVIEST = 94
AT_A_TIME = 65_536
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("scope", pa.string()),
        ("space_group", pa.int16()),
        ("formula", pa.string()),
        ("volume_per_atom", pa.float64()),
        ("dialect", pa.string()),
        ("energy_per_atom", pa.float64()),
    ]
)


def prototypes(rng: np.random.Generator) -> list[tuple[int, str, str, int]]:
    """Return strings with places for the elements: group, string, formula, how many."""
    found = []
    while len(found) < PROTOTYPES:
        number = int(rng.integers(1, 231))
        text = str(stratus.Scope.from_orbits(number, random_orbits(number, rng)))
        amounts = read_amounts(text.split(" | ")[2])
        words = [f"{{{list(amounts).index(w)}}}" if w in amounts else w for w in text.split(" ")]
        formula = "".join(f"{{{k}}}{n if n > 1 else ''}" for k, n in enumerate(amounts.values()))
        found.append((number, " ".join(words), formula, len(amounts)))
    return found


def make_crystals(count: int, rng: np.random.Generator) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Return strings, space groups and formulas; a few strings may be equal."""
    known = prototypes(rng)
    symbols = SYMBOLS[1 : HEAVIEST + 1] * 2
    scopes, groups, formulas = [], [], []
    for crystal in range(count):
        number, text, formula, elements = known[crystal % PROTOTYPES]
        first = crystal // PROTOTYPES
        names = []
        for k in range(elements):
            names.append(symbols[first % HEAVIEST + 7 * k])
            first //= HEAVIEST
        scopes.append(text.format(*names))
        groups.append(number)
        formulas.append(formula.format(*names))
    return pa.array(scopes), pa.array(groups, pa.int16()), pa.array(formulas)


def write_rows(path: Path, rows: int) -> int:
    """Write the rows; return how many different strings they have."""
    rng = np.random.default_rng(5)
    crystals = make_crystals(max(1, rows // ROWS_A_CRYSTAL), rng)
    seen = np.zeros(len(crystals[0]), dtype=np.bool_)
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for start in range(0, rows, AT_A_TIME):
            count = min(AT_A_TIME, rows - start)
            chosen = rng.integers(len(seen), size=count)
            seen[chosen] = True
            scopes, groups, formulas = (column.take(pa.array(chosen)) for column in crystals)
            columns = [
                pa.array([f"made-{row:09d}" for row in range(start, start + count)]),
                scopes,
                groups,
                formulas,
                rng.uniform(8, 40, size=count),
                pa.repeat("orbit", count),
                pa.array(rng.normal(size=count), mask=rng.random(count) < 0.25),
            ]
            writer.write_table(pa.table(columns, schema=SCHEMA))
    return pc.count_distinct(crystals[0].filter(pa.array(seen))).as_py()


def thin(path: Path, output: Path, by: str) -> None:
    """Thin the rows, in a process of its own, and print what it took."""
    energy = "energy_per_atom" if by == Key.SCOPE else None
    begin = time.process_time()
    done = dedupe([path], output, DedupeOptions(by=Key(by), energy=energy))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9  # in KiB on Linux
    spent = time.process_time() - begin
    print(done.rows_in, done.rows_out, f"{done.seconds:.1f} {spent:.1f} {peak:.3f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=int, nargs="?", default=10_000_000)
    parser.add_argument("--by", choices=["scope", "formula-group"], default="scope")
    parser.add_argument("--folder", type=Path, help="where the temporary folder is")
    parser.add_argument("--thin", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.thin:
        thin(*options.thin, options.by)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        path, output = Path(name, "in.parquet"), Path(name, "out.parquet")
        crystals = write_rows(path, options.rows)
        print(f"{options.rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB on disk", flush=True)
        command = [sys.executable, __file__, "--by", options.by, "--thin", path, output]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        size = output.stat().st_size / 1e6
    rows_in, rows_out, seconds, spent, peak = done.stdout.split()
    if int(rows_in) != options.rows:
        raise SystemExit(f"{rows_in} rows were read instead of {options.rows}")
    if options.by == Key.SCOPE and int(rows_out) != crystals:
        raise SystemExit(f"{rows_out} rows are left instead of one of each of {crystals} crystals")
    print(f"{int(rows_out):,} rows left by {options.by}, {size:,.0f} MB on disk")
    print(f"{seconds} s ({spent} s of processor), {peak} GB at most")
    print(f"ratio: {float(peak) / ALLOWED_GB:.3f}")


if __name__ == "__main__":
    main()
