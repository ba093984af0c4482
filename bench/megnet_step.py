"""A training step and inference of MEGNet: stratus beside matgl, crystals a second of a processor.

Both get the same batches of 32 crystals with the same edges (all within 4 Å), and make forward,
backward and an AdamW step, or forward alone. Making the batches is not counted; both work lengths
and Gaussians of edges out in each step. matgl has its own sizes (three blocks, 100 Gaussians,
189,521 weights). Ours has them once as they are there, shifted softplus included, and once as
its preset ``small`` (smaller nets of edges, 32 Gaussians, silu), with a head of one linear layer.

    python bench/megnet_step.py [--matgl PYTHON] [--data DIR] [--crystals 640] [--turns 7]
                                [--steps 10]

PYTHON is that of an environment of ``bench/peers/matgl.txt``; without it ours with matgl's sizes
stands in its place. Without the data folder the crystals are made up. All run by turns, on one
thread each, and wait for one another; a rate is the median of the turns. The last line is the rate
of training of our ``small`` over that of matgl.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from cgcnn_step import crystals
from real_sets import DATA
from torch import nn

from stratus.crystals.elements import SYMBOLS
from stratus.encoders.megnet import Megnet
from stratus.encoders.table import configure
from stratus.views.graph import GraphConfig, GraphView

if TYPE_CHECKING:
    from torch import Tensor

    Batch = dict[str, Tensor]

BATCH, CUTOFF_A, RATE = 32, 4.0, 1e-3
EDGES = {"cutoff_a": CUTOFF_A, "max_neighbours": None}
OF_MATGL = {
    "element_embedding": 16,
    "hidden": 32,
    "gaussians": 100,
    "gaussian_width_a": 0.5,
    "activation": "shifted-softplus",
    "element_properties": False,
    "edge_dense": None,
    "edge_update": None,
}
SOFTPLUS = {"activation": "shifted-softplus"}
KINDS = ("train", "infer")


class Ours:
    """A net of stratus that makes turns.

    Args:
        batches: of the view ``graph``, each with a ``target``.
        values: of the config, other than those of ``small``.
    """

    def __init__(self, batches: list[Batch], values: dict[str, object]) -> None:
        config = configure("megnet", "small", **EDGES, **values)
        encoder = Megnet(config, torch.Generator().manual_seed(0))
        head = nn.Linear(config.hidden, 1)
        if values is OF_MATGL:  # its read-out has two layers more
            layers = [nn.Softplus(), nn.Linear(32, 16), nn.Softplus(), nn.Linear(16, 1)]
            head = nn.Sequential(*layers)
        self.net = nn.ModuleList([encoder, head])
        self.weights = list(self.net.parameters())
        self.optimiser = torch.optim.AdamW(self.weights, lr=RATE, fused=True)
        self.following = {kind: cycle(batches) for kind in KINDS}

    @property
    def size(self) -> int:
        """How many numbers are learned."""
        return sum(weight.numel() for weight in self.weights)

    def turn(self, kind: str, steps: int) -> float:
        """Make steps and return the processor seconds that they took."""
        encoder, head = self.net.train(kind == "train")
        begin = time.process_time()
        with torch.set_grad_enabled(kind == "train"):
            for _ in range(steps):
                batch = next(self.following[kind])
                found = head(encoder(batch).crystal).squeeze(1)
                if kind == "train":
                    (found - batch["target"]).square().mean().backward()
                    self.optimiser.step()
                    self.optimiser.zero_grad(set_to_none=True)
        return time.process_time() - begin

    def close(self) -> None:
        """End nothing."""


class Theirs:
    """matgl, in a process of its own that answers turn by turn.

    Args:
        python: the Python of its environment.
        file: batches, as :func:`written` writes them.
    """

    def __init__(self, python: str, file: Path) -> None:
        script = Path(__file__).parent / "peers/matgl_turns.py"
        self.process = subprocess.Popen(
            [python, script, file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        )
        self.size = int(self._answer())

    @classmethod
    def of(cls, python: str, batches: list[Batch]) -> Self:
        """Return it with batches, which it has read when this returns."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "batches.npz"
            written(batches, file)
            return cls(python, file)

    def _answer(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("matgl ended; what it said stands above")
        return line

    def turn(self, kind: str, steps: int) -> float:
        """Make steps and return the processor seconds that they took."""
        self.process.stdin.write(f"{kind} {steps}\n")
        self.process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        """End it."""
        self.process.stdin.close()
        self.process.wait()


def written(batches: list[Batch], file: Path) -> None:
    """Write batches for matgl, which keeps images as vectors."""
    held = {"batches": np.array(len(batches)), "symbols": np.array(SYMBOLS[1:])}
    for k, batch in enumerate(batches):
        cells = batch["cells"][batch["owner"][batch["centres"]]]
        parts = {key: batch[key] for key in ("numbers", "positions", "owner", "target")}
        parts["edges"] = torch.stack([batch["centres"], batch["neighbours"]])
        parts["offsets"] = (batch["shifts"].unsqueeze(1) @ cells).squeeze(1)
        held |= {f"{k}.{key}": value.numpy() for key, value in parts.items()}
    np.savez(file, **held)


def main() -> None:
    """Time all of them by turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--matgl", metavar="PYTHON", help="of an environment that has matgl")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--crystals", type=int, default=640)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--steps", type=int, default=10, help="of one turn")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    origin, found = crystals(options.data, options.crystals)
    view = GraphView(GraphConfig(**EDGES))
    samples = [view.sample(crystal) for crystal in found]
    batches = []
    for start in range(0, len(samples) - BATCH + 1, BATCH):
        batch = view.collate(samples[start : start + BATCH])
        batches.append(batch | {"target": torch.randn(BATCH)})
    edges = statistics.mean(len(sample["centres"]) for sample in samples)
    print(f"torch {torch.__version__}, {len(samples)} crystals ({origin}), {edges:.0f} edges each")

    nets: dict[str, Ours | Theirs] = {
        "stratus, small": Ours(batches, {}),
        "stratus, small, softplus": Ours(batches, SOFTPLUS),
        "stratus, sizes of matgl": Ours(batches, OF_MATGL),
    }
    peer = "stratus, sizes of matgl"
    if options.matgl:
        peer = "matgl"
        nets[peer] = Theirs.of(options.matgl, batches)
    rates: dict[tuple[str, str], list[float]] = {(n, k): [] for n in nets for k in KINDS}
    for turn in range(options.turns + 1):  # the first one warms up
        for (name, kind), of_turns in rates.items():
            passed = nets[name].turn(kind, options.steps)
            if turn:
                of_turns.append(options.steps * BATCH / passed)
    median = {key: statistics.median(of_turns) for key, of_turns in rates.items()}
    print(f"{'':26}{'weights':>9}{'train':>9}{'infer':>9}   crystals per second of a processor")
    for name, net in nets.items():
        train, infer = (median[name, kind] for kind in KINDS)
        print(f"{name:26}{net.size:9,}{train:9,.0f}{infer:9,.0f}", end="")
        times = [median[name, kind] / median[peer, kind] for kind in KINDS]
        print(f"   {times[0]:.2f} and {times[1]:.2f} of {peer}")
        net.close()
    print(f"ratio: {median['stratus, small', 'train'] / median[peer, 'train']:.2f}")


if __name__ == "__main__":
    main()
