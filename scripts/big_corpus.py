"""A million made-up crystals from structures to a pre-trained model: rates and memory.

    python scripts/big_corpus.py FOLDER [--rows 1000000] [--engine ray] [--steps 200]

Writes FOLDER/crystals.parquet, runs `stratus encode --engine ray` on it, then `stratus corpora
dedupe`, then `stratus pretrain` for some steps, each as a user would, in a process of its own.
Stages whose result is there are not run again. Printed for each stage: the seconds on the clock and
those of the processors (of all processes that it started), the rows for each of both, the most
memory that all of them held together (proportional shares, so that what two of them share counts
once), and the most that one of them held. A process that lives less than a second may be
missed. The memory is read from /proc, so this runs on Linux.

The crystals are those of a few thousand made-up prototypes of all space groups, each time with
other elements and another volume.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stratus.crystals.elements import SYMBOLS
from stratus.crystals.synthesis import random_crystal, random_orbits

AT_A_TIME = 10_000
HEAVIEST = 94
LARGEST = 60
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("lattice", pa.list_(pa.float64())),
        ("species", pa.string()),
        ("frac_coords", pa.list_(pa.float64())),
        ("energy_per_atom", pa.float64()),
    ]
)


def write_crystals(path: Path, rows: int, prototypes: int) -> None:
    """Write the crystals."""
    rng = np.random.default_rng(7)
    known = []
    while len(known) < prototypes:
        number = int(rng.integers(1, 231))
        entry = random_crystal(number, random_orbits(number, rng), rng)
        if len(entry) <= LARGEST:
            kinds, places = np.unique(entry.numbers, return_inverse=True)
            known.append((entry.lattice.ravel(), entry.frac_coords.ravel(), len(kinds), places))
    symbols = np.array(SYMBOLS)
    temporary = path.with_suffix(".tmp")
    with pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer:
        for start in range(0, rows, AT_A_TIME):
            count = min(AT_A_TIME, rows - start)
            chosen = [known[k] for k in rng.integers(prototypes, size=count)]
            scales = rng.uniform(1.0, 1.1, size=count)
            species = [
                " ".join(symbols[rng.permutation(HEAVIEST)[:kinds] + 1][places])
                for _, _, kinds, places in chosen
            ]
            columns = [
                [f"made-{row:08d}" for row in range(start, start + count)],
                [lattice * scale for (lattice, *_), scale in zip(chosen, scales, strict=True)],
                species,
                [coords for _, coords, _, _ in chosen],
                rng.normal(size=count),
            ]
            writer.write_table(pa.table(columns, schema=SCHEMA))
    temporary.rename(path)


class Watch:
    """Memory and processor time of a process and of all that descend from it."""

    def __init__(self) -> None:
        self.most_mb = 0.0
        self.largest_mb = 0.0
        self._seconds: dict[int, float] = {}

    @property
    def seconds(self) -> float:
        """Seconds of the processors, of all processes that were seen."""
        return sum(self._seconds.values())

    def look(self, process: int) -> None:
        """Look once."""
        total = 0.0
        for one in _family(process):
            try:
                memory = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii")
                fields = Path(f"/proc/{one}/stat").read_text("utf-8").rpartition(")")[2].split()
            except (OSError, ValueError):  # it ended meanwhile
                continue
            share = next(float(r.split()[1]) for r in memory.splitlines() if r.startswith("Pss:"))
            total += share / 1024
            self.largest_mb = max(self.largest_mb, share / 1024)
            ticks = int(fields[11]) + int(fields[12])
            self._seconds[one] = ticks / os.sysconf("SC_CLK_TCK")
        self.most_mb = max(self.most_mb, total)


def _family(process: int) -> list[int]:
    """Return a process and its descendants."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found = [process]
    for one in found:
        found += parents.get(one, [])
    return found


def stage(name: str, rows: int, *words: str | Path) -> str:
    """Run a command of stratus; return what it took as a row of a table."""
    watch, begin = Watch(), time.monotonic()
    command = [sys.executable, "-m", "stratus", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        while running.poll() is None:
            watch.look(running.pid)
            time.sleep(1)
        said = running.stdout.read() if running.stdout else ""
    if running.returncode:
        sys.exit(f"{' '.join(command)} ended with {running.returncode}")
    seconds = time.monotonic() - begin
    print(f"$ stratus {' '.join(map(str, words))}\n{said.rstrip()}", flush=True)
    return (
        f"| {name} | {rows:,} | {seconds:,.0f} | {watch.seconds:,.0f} | {rows / seconds:,.0f} | "
        f"{rows / watch.seconds:,.0f} | {watch.most_mb:,.0f} | {watch.largest_mb:,.0f} |"
    )


def main() -> None:
    """Run the stages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--prototypes", type=int, default=3000)
    parser.add_argument("--engine", choices=["ray", "local"], default="ray")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--encoder", default="cloud")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    crystals, scopes = folder / "crystals.parquet", folder / f"scopes-{options.engine}.parquet"
    unique, run = folder / "unique.parquet", folder / "run"
    if not crystals.exists():
        begin = time.monotonic()
        write_crystals(crystals, options.rows, options.prototypes)
        print(f"written in {time.monotonic() - begin:.0f} s: {crystals}", flush=True)
    rows = pq.read_metadata(crystals).num_rows
    print(f"{rows:,} crystals, {crystals.stat().st_size / 1e6:,.0f} MB")
    took = []
    if not scopes.exists():
        flags = ["--engine", options.engine, "--workers", str(options.workers), "--no-progress"]
        name = f"encode, {options.engine}"
        took.append(stage(name, rows, "encode", crystals, "-o", scopes, *flags))
    if not unique.exists():
        flags = ["--energy", "energy_per_atom", "--no-progress"]
        words = ("corpora", "dedupe", scopes, "-o", unique)
        took.append(stage("dedupe", rows, *words, *flags))
    if not run.exists():
        flags = ["--encoder", options.encoder, "--batch-size", str(options.batch_size)]
        flags += ["--set", f"steps={options.steps}", "--set", "accelerator=cpu"]
        seen = options.steps * options.batch_size
        name = f"pretrain, {options.steps} steps"
        took.append(stage(name, seen, "pretrain", unique, "-o", run, *flags))
    print("| stage | rows | s | s of processors | rows/s | rows/s/core | MB, all | MB, largest |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    print("\n".join(took))


if __name__ == "__main__":
    main()
