"""Structures to graphs: crystals per second of processor time, beside aviary and matgl.

All start from the arrays of a crystal and end at what their own collate takes. Ours: a sample of
the graph view, the twelve nearest within 8 Å, whole shells. aviary: pymatgen's ``Structure``, then
an item of ``CrystalGraphData``, twelve neighbours within 8 Å and within its default of 5 Å, which
finds fewer; the pass over all structures that its constructor makes besides is not counted. matgl:
pymatgen's ``Structure``, then ``Structure2Graph`` within its default of 5 Å; ours within 5 Å is
beside it.

    python bench/structure_graph.py [--data DIR] [--crystals 1000] [--turns 7] [--matgl PYTHON]

matgl runs in a process of its own: ``--matgl`` names the Python of an environment that has it.
Without the data folder the crystals are made up, which have more atoms. All run by turns, on one
thread; a rate is that of the quickest turn. The last line is our rate over that of aviary within
5 Å; the line before it that over matgl's.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Arrays = tuple[Any, Any, Any]
    Turn = Callable[[], float]

K, CUTOFF_A, SHORT_A = 12, 8.0, 5.0
CHILD = "--child-of-bench"


def crystals(data: Path, count: int) -> tuple[str, list[Arrays]]:
    """Return where crystals come from, and lattice, atomic numbers and coordinates of each."""
    import stratus
    from stratus.crystals.entry import Entry
    from stratus.crystals.synthesis import random_crystal, random_orbits

    rng = np.random.default_rng(0)
    table = data / "mp20_partial/mp20_partial.parquet"
    if table.is_file():
        found = [entry for entry in stratus.read(table) if isinstance(entry, Entry)]
        some = rng.choice(len(found), size=min(count, len(found)), replace=False)
        origin, entries = "MP-20", [found[row] for row in some]
    else:
        origin, entries = "made up", []
        while len(entries) < count:
            number = int(rng.integers(1, 231))
            made = random_crystal(number, random_orbits(number, rng), rng, id="0")
            if len(made) <= 20:
                entries.append(made)
    return origin, [(e.lattice, e.numbers, e.frac_coords) for e in entries]


def timed(run: Callable[[Arrays], object], some: list[Arrays]) -> Turn:
    """Return a function that runs over all crystals and says how many it does per second."""

    def turn() -> float:
        begin = time.process_time()
        for arrays in some:
            run(arrays)
        return len(some) / (time.process_time() - begin)

    return turn


def ours(some: list[Arrays], cutoff_a: float, k: int | None) -> Turn:
    """Return a function that runs over all crystals as a model of graphs does."""
    from stratus.crystals.facets import AtomArrays, Crystal
    from stratus.views.graph import GraphConfig, GraphView

    view = GraphView(GraphConfig(cutoff_a=cutoff_a, max_neighbours=k))

    def sample(arrays: Arrays) -> object:
        lattice, numbers, frac = arrays
        return view.sample(Crystal(composition={}, atoms=AtomArrays(lattice, numbers, frac)))

    return timed(sample, some)


def aviary(some: list[Arrays], cutoff_a: float) -> Turn:
    """Return a function that runs over all crystals as aviary does."""
    import pandas as pd
    from aviary.cgcnn.data import CrystalGraphData
    from pymatgen.core import Structure

    def turn() -> float:
        begin = time.process_time()
        structures = [Structure(*arrays) for arrays in some]
        spent = time.process_time() - begin
        table = pd.DataFrame({"structure": structures, "energy": 0.0})
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            data = CrystalGraphData(
                table, {"energy": "regression"}, radius_cutoff=cutoff_a, max_num_nbr=K
            )
        begin = time.process_time()
        for row in range(len(data)):
            data[row]
        # What its constructor has dropped, as it has an atom alone, counts as done.
        return len(some) / (time.process_time() - begin + spent)

    return turn


def matgl_child(file: str) -> None:
    """Answer each line of the input with how many crystals per second matgl makes graphs of."""
    from matgl.config import DEFAULT_ELEMENTS
    from matgl.ext.pymatgen import Structure2Graph
    from pymatgen.core import Structure

    with np.load(file) as arrays:
        ends = np.cumsum(arrays["counts"])[:-1]
        numbers, frac = np.split(arrays["numbers"], ends), np.split(arrays["frac"], ends)
        some = list(zip(arrays["lattices"], numbers, frac, strict=True))
    converter = Structure2Graph(DEFAULT_ELEMENTS, cutoff=SHORT_A)
    turn = timed(lambda arrays: converter.get_graph(Structure(*arrays)), some)
    for _ in sys.stdin:
        print(turn(), flush=True)


@contextlib.contextmanager
def matgl(python: str | None, some: list[Arrays]) -> Iterator[Turn | None]:
    """Give a function that lets matgl run over all crystals, in its own process."""
    if python is None:
        print("matgl is left out; --matgl PYTHON names an environment that has it")
        yield None
        return
    lattices, numbers, frac = zip(*some, strict=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "crystals.npz")
        np.savez(
            file,
            lattices=np.stack(lattices),
            counts=[len(n) for n in numbers],
            numbers=np.concatenate(numbers),
            frac=np.concatenate(frac),
        )
        child = subprocess.Popen(
            [python, "-W", "ignore", __file__, CHILD, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with child:

            def turn() -> float:
                print("turn", file=child.stdin, flush=True)
                return float(child.stdout.readline())

            yield turn


def main() -> None:
    """Time all by turns."""
    from real_sets import DATA

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--crystals", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--matgl", help="the Python of an environment with matgl")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    origin, some = crystals(arguments.data, arguments.crystals)
    atoms = np.mean([len(numbers) for _, numbers, _ in some])
    print(f"{len(some)} crystals, {origin}, {atoms:.1f} atoms on average; one thread")
    with matgl(arguments.matgl, some) as peer:
        turns = {
            "stratus, 12 within 8 Å": ours(some, CUTOFF_A, K),
            "aviary, 12 within 8 Å": aviary(some, CUTOFF_A),
            "aviary, 12 within 5 Å": aviary(some, SHORT_A),
            "stratus, all within 5 Å": ours(some, SHORT_A, None),
        }
        if peer is not None:
            turns["matgl, all within 5 Å"] = peer
        rates: dict[str, float] = dict.fromkeys(turns, 0.0)
        for _ in range(arguments.turns):
            for name, turn in turns.items():
                rates[name] = max(rates[name], turn())
    for name, rate in rates.items():
        print(f"{name:<24} {rate:>8.0f} crystals/s {1e6 / rate:>8.0f} us each")
    mine = rates["stratus, 12 within 8 Å"]
    print(f"over aviary, both within 8 Å: {mine / rates['aviary, 12 within 8 Å']:.2f}")
    if peer is not None:
        theirs = rates["matgl, all within 5 Å"]
        print(f"over matgl, both within 5 Å: {rates['stratus, all within 5 Å'] / theirs:.2f}")
        print(f"over matgl: {mine / theirs:.2f}")
    print(f"ratio: {mine / rates['aviary, 12 within 5 Å']:.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        matgl_child(sys.argv[2])
    else:
        main()
