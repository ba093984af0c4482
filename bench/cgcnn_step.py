"""A training step of CGCNN: stratus beside aviary, crystals per second of processor time.

Both have the same sizes (64 numbers an atom, four layers, 41 Gaussians up to 8 Å, 128 numbers a
crystal, one hidden layer more for the target), get the same batches of 64 crystals with the same
edges (the twelve nearest, whole shells), and make forward, backward and an AdamW step. Making the
batches is not counted; lengths of edges are worked out in each step of ours, and given to aviary.

aviary's Gaussians hold numbers so small that processors multiply them a hundred times slower
("denormal"). Ours are 0 there. So aviary also runs with torch told to take such numbers for 0,
which is no setting of aviary: what is left of the ratio then is the layers.

    python bench/cgcnn_step.py [--data DIR] [--crystals 960] [--turns 7] [--steps 15]

Without the data folder the crystals are made up. All run by turns in one process, on one thread; a
rate is the median of the turns. The last line is our rate over aviary's, both with batch norm.
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from real_sets import DATA
from torch import nn

import stratus
from stratus.crystals.entry import Entry
from stratus.crystals.facets import AtomArrays, Crystal
from stratus.crystals.synthesis import random_crystal, random_orbits
from stratus.encoders.cgcnn import Cgcnn, CgcnnConfig
from stratus.encoders.edges import edge_lengths
from stratus.views.graph import GraphView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    Batch = dict[str, Tensor]

HIDDEN, ATOM, LAYERS, ELEMENT = 128, 64, 4, 92
BATCH, CUTOFF_A, RATE = 64, 8.0, 1e-3


def crystals(data: Path, count: int) -> tuple[str, list[Crystal]]:
    """Return where crystals come from, and their atoms."""
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
            if len(made) <= 20 and max(made.numbers) <= 100:
                entries.append(made)
    atoms = [AtomArrays(e.lattice, e.numbers, e.frac_coords) for e in entries]
    return origin, [Crystal({}, atoms=a, n_atoms=len(a.numbers)) for a in atoms]


def train(
    net: nn.Module, forward: Callable[[Batch], Tensor], batches: list[Batch]
) -> Callable[[], None]:
    """Return a function that makes one training step on the next batch."""
    net.train()
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=RATE, fused=True)
    following = cycle(batches)

    def step() -> None:
        batch = next(following)
        (forward(batch).squeeze(1) - batch["target"]).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return step


def ours(batches: list[Batch], norm: str) -> Callable[[], None]:
    """Return a training step of stratus."""
    config = CgcnnConfig(
        hidden=HIDDEN,
        element_embedding=ELEMENT,
        atom_hidden=ATOM,
        layers=LAYERS,
        trunk=(HIDDEN,),
        cutoff_a=CUTOFF_A,
        norm=norm,
    )
    encoder = Cgcnn(config, torch.Generator().manual_seed(0))
    head = nn.Sequential(nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
    return train(
        nn.ModuleList([encoder, head]), lambda batch: head(encoder(batch).crystal), batches
    )


def aviary(batches: list[Batch]) -> Callable[[], None]:
    """Return a training step of aviary."""
    from aviary.cgcnn.model import CrystalGraphConvNet

    net = CrystalGraphConvNet(
        robust=False,
        n_targets=[1],
        task_dict={"target": "regression"},
        device="cpu",
        radius_cutoff=CUTOFF_A,
        elem_fea_len=ATOM,
        h_fea_len=HIDDEN,
        n_graph=LAYERS,
    )
    keys = ("numbers", "lengths", "centres", "neighbours", "owner")
    return train(net, lambda batch: net(*(batch[key] for key in keys))[0], batches)


@contextmanager
def small_numbers_are_zero(wanted: bool) -> Iterator[None]:  # noqa: FBT001 - one switch
    """Let torch take denormal numbers for 0, or not."""
    torch.set_flush_denormal(wanted)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def main() -> None:
    """Time all routes by turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--crystals", type=int, default=960)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--steps", type=int, default=15, help="of one turn")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    origin, found = crystals(options.data, options.crystals)
    view = GraphView()
    samples = [view.sample(crystal) for crystal in found]
    batches = []
    for start in range(0, len(samples) - BATCH + 1, BATCH):
        batch = view.collate(samples[start : start + BATCH])
        batches.append(batch | {"lengths": edge_lengths(batch), "target": torch.randn(BATCH)})
    edges = statistics.mean(view.sizes(samples))
    print(f"torch {torch.__version__}, {len(samples)} crystals ({origin}), {edges:.0f} edges each")

    routes = {
        "stratus, batch norm": (ours(batches, "batch"), False),
        "stratus, layer norm": (ours(batches, "layer"), False),
        "stratus, no norm": (ours(batches, "none"), False),
        "aviary": (aviary(batches), False),
        "aviary, denormals flushed": (aviary(batches), True),
    }
    rates: dict[str, list[float]] = {name: [] for name in routes}
    for turn in range(options.turns + 1):  # the first one warms up
        for name, (step, flushed) in routes.items():
            with small_numbers_are_zero(flushed):
                begin = time.process_time()
                for _ in range(options.steps):
                    step()
                passed = time.process_time() - begin
            if turn:
                rates[name].append(options.steps * BATCH / passed)
    median = {name: statistics.median(found) for name, found in rates.items()}
    for name, rate in median.items():
        print(f"{name:28}{rate:8,.0f} crystals per second of a processor")
    mine = median["stratus, batch norm"]
    print(f"over aviary with denormals flushed: {mine / median['aviary, denormals flushed']:.2f}")
    print(f"ratio: {mine / median['aviary']:.2f}")


if __name__ == "__main__":
    main()
