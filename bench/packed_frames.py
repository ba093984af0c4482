"""How many frames a second are packed and read, how much disk and memory they take.

    python bench/packed_frames.py [FRAMES] [--compared 10000] [--turns 5] [--folder DIR]

Writes made-up frames of small cells (one to seven atoms, energy, forces and stress) as a packed
corpus, 10,000,000 if not said, in a process of its own; opens it with every byte checked, and reads
it from the first frame to the last and in random batches in another. Memory is what a process holds
for itself (``RssAnon``), and the most that it ever had resident (``VmHWM``), memory-mapped pages
of the corpus included. Then fewer frames are read in random batches from a packed corpus and from
a database of ASE (``ase.db``, SQLite), by turns, by processor time: numbers, coordinates, cell,
energy, forces and stress of each frame as arrays. The files are in a temporary folder that is
removed. The last line is frames per second of the packed corpus over those of ASE.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import ase.db
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from stratus.corpora.packed.frames import open_frames, pack_frames
from stratus.crystals.entry import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stratus.corpora.packed.corpus import PackedCorpus

MOST_ATOMS = 7
STRETCH = 10_000
BATCH = 256
RANDOM_BATCHES = 2_000
BYTES_A_FRAME = 400  # more than a frame of four atoms takes


def frames(count: int) -> Iterator[Entry]:
    """Yield made-up frames: no two are alike."""
    rng = np.random.default_rng(3)
    made = 0
    while made < count:
        here = min(STRETCH, count - made)
        sizes = rng.integers(1, MOST_ATOMS + 1, here)
        ends = np.cumsum(sizes)
        starts = (ends - sizes).tolist()
        ends = ends.tolist()
        numbers = rng.integers(1, 95, ends[-1])
        frac = rng.random((ends[-1], 3))
        forces = rng.normal(size=(ends[-1], 3))
        lattices = np.eye(3) * 5 + rng.normal(size=(here, 3, 3)) / 5
        stress = rng.normal(size=(here, 3, 3)) / 100
        energies = rng.normal(size=here).tolist()
        for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
            yield Entry(
                id=f"made-{made + k:08d}",
                lattice=lattices[k],
                numbers=numbers[start:end],
                frac_coords=frac[start:end],
                labels={"energy": energies[k], "stress": stress[k]},
                arrays={"forces": forces[start:end]},
            )
        made += here


def memory(key: str) -> float:
    """Return what the kernel says of the memory of this process, in MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith(f"{key}:")]
    return int(line.split()[1]) / 1024


def write(folder: Path, count: int) -> None:
    """Pack the frames, and print what it took."""
    begin = time.process_time()
    for _ in frames(min(count, 10 * STRETCH)):
        pass
    making = (time.process_time() - begin) / min(count, 10 * STRETCH)
    first = memory("RssAnon")
    begin, wall = time.process_time(), time.perf_counter()
    pack_frames(frames(count), folder)
    spent, wall = time.process_time() - begin, time.perf_counter() - wall
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"writing      {count:,} frames in {wall:,.0f} s ({spent:,.0f} s of processor, of which")
    print(f"             {making * count:,.0f} s to make them up): {count / spent:,.0f} frames/s")
    print(f"disk         {size / 1e9:.2f} GB, {size / count:.0f} bytes a frame")
    print_memory(first)


def print_memory(first: float) -> None:
    """Print what was held at first, what is held now, and the most there ever was."""
    now, peak = memory("RssAnon"), memory("VmHWM")
    print(
        f"memory       {first:.0f} MiB before, {now:.0f} MiB after, {peak:.0f} MiB at most resident"
    )


def read(folder: Path) -> None:
    """Open the corpus and read it, and print what it took."""
    first = memory("RssAnon")
    begin = time.perf_counter()
    corpora = open_frames(folder)
    print(f"opening      {time.perf_counter() - begin:,.1f} s, every byte and offset checked")
    begin, atoms = time.process_time(), 0
    for split in (corpora.train, corpora.validation, corpora.test):
        for start in range(0, len(split), BATCH):
            batch = split.samples(range(start, min(start + BATCH, len(split))))
            atoms += sum(len(sample["numbers"]) for sample in batch)
    spent = time.process_time() - begin
    print(f"in order     {corpora.info.kept / spent:,.0f} frames/s, {atoms:,} atoms")
    rows = np.random.default_rng(4).integers(len(corpora.train), size=(RANDOM_BATCHES, BATCH))
    wall, spent = time.perf_counter(), by_chance(corpora.train, rows)
    wall = time.perf_counter() - wall
    print(f"at random    {rows.size / spent:,.0f} frames/s ({rows.size / wall:,.0f} by the clock)")
    print_memory(first)


def by_chance(corpus: PackedCorpus, batches: np.ndarray) -> float:
    """Read batches and add up what they hold; return seconds of processor."""
    begin, total = time.process_time(), 0.0
    for rows in batches:
        for sample in corpus.samples(rows):
            total += float(sample["energy"]) + sample["forces"][0, 0] + sample["frac"][0, 0]
            total += sample["lattice"][0, 0] + sample["stress"][0, 0] + sample["numbers"][0]
    if not np.isfinite(total):
        raise SystemExit("what was read is not what was written")
    return time.process_time() - begin


def by_chance_from_ase(database: ase.db.core.Database, batches: np.ndarray) -> float:
    """Read the same from a database of ASE."""
    begin, total = time.process_time(), 0.0
    for rows in batches:
        for row in rows.tolist():
            found = database.get(id=row + 1)
            total += found.energy + found.forces[0, 0] + found.positions[0, 0]
            total += found.cell[0, 0] + found.stress[0] + found.numbers[0]
    if not np.isfinite(total):
        raise SystemExit("what was read is not what was written")
    return time.process_time() - begin


def compare(folder: Path, count: int, turns: int) -> float:
    """Return how many times faster random batches are than from ASE's database."""
    corpus = pack_frames(frames(count), folder / "few").train
    path = folder / "few.db"
    begin = time.process_time()
    with ase.db.connect(path) as database:
        for entry in frames(count):
            atoms = Atoms(
                entry.numbers, cell=entry.lattice, scaled_positions=entry.frac_coords, pbc=True
            )
            stress = entry.labels["stress"].reshape(-1)[[0, 4, 8, 5, 2, 1]]
            atoms.calc = SinglePointCalculator(
                atoms, energy=entry.labels["energy"], forces=entry.arrays["forces"], stress=stress
            )
            database.write(atoms)
    spent = time.process_time() - begin
    print(
        f"ase.db       {count / spent:,.0f} frames/s written, "
        f"{path.stat().st_size / count:.0f} bytes a frame"
    )
    rng, ratios = np.random.default_rng(5), []
    database = ase.db.connect(path)
    for _ in range(turns):
        rows = rng.integers(len(corpus), size=(4, BATCH))
        theirs = by_chance_from_ase(database, rows)
        ours = by_chance(corpus, np.tile(rows, (20, 1))) / 20
        ratios.append(theirs / ours)
        print(
            f"             {rows.size / theirs:,.0f} frames/s at random, "
            f"packed {rows.size / ours:,.0f}: {ratios[-1]:.1f}"
        )
    return statistics.median(ratios)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", type=int, nargs="?", default=10_000_000)
    parser.add_argument("--compared", type=int, default=10_000, help="frames beside ASE")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the temporary folder is")
    parser.add_argument("--step", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step, folder = options.step[0], Path(options.step[1])
        write(folder, options.frames) if step == "write" else read(folder)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        room, needed = shutil.disk_usage(name).free, BYTES_A_FRAME * options.frames
        if room < needed:
            raise SystemExit(
                f"{name} has room for {room / 1e9:.0f} GB, {needed / 1e9:.0f} may be needed; "
                "name another folder or fewer frames"
            )
        for step in ("write", "read"):
            command = [
                sys.executable,
                __file__,
                str(options.frames),
                "--step",
                step,
                f"{name}/many",
            ]
            subprocess.run(command, check=True)
        ratio = compare(Path(name), options.compared, options.turns)
    print(f"ratio: {ratio:.1f}")


if __name__ == "__main__":
    main()
