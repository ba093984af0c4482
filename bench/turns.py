"""Nets that make training steps and inferences by turns, ours and those of other packages.

Making batches is not counted. All nets run on one thread each and wait for one another; a rate is
the median of the turns, in crystals per second of a processor.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import nn

from stratus.crystals.elements import SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from stratus.crystals.facets import Crystal
    from stratus.views.graph import GraphView

    Batch = dict[str, Tensor]

RATE = 1e-3
KINDS = ("train", "infer")


class Ours:
    """A net of stratus that makes turns.

    Args:
        encoder: of graphs.
        head: from a crystal to one number.
        batches: of the view ``graph``, each with a ``target``.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module, batches: list[Batch]) -> None:
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
    """A net of another package, in a process of its own that answers turn by turn.

    Args:
        python: the Python of its environment.
        script: of the folder ``peers``.
        file: batches, as :func:`written` writes them.
        arguments: of the script, behind the file.
    """

    def __init__(self, python: str, script: str, file: Path, arguments: tuple[str, ...]) -> None:
        self.script = script
        self.process = subprocess.Popen(
            [python, Path(__file__).parent / "peers" / script, file, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        )
        self.size = int(self._answer())

    @classmethod
    def of(cls, python: str, script: str, batches: list[Batch], *arguments: str) -> Self:
        """Return it with batches, which it has read when this returns."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "batches.npz"
            written(batches, file)
            return cls(python, script, file, arguments)

    def _answer(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.script} ended; what it said stands above")
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
    """Write batches for another package; images are given as vectors too."""
    held = {"batches": np.array(len(batches)), "symbols": np.array(SYMBOLS[1:])}
    for k, batch in enumerate(batches):
        cells = batch["cells"][batch["owner"][batch["centres"]]]
        parts = {key: batch[key] for key in ("numbers", "positions", "owner", "target")}
        parts["edges"] = torch.stack([batch["centres"], batch["neighbours"]])
        parts["offsets"] = (batch["shifts"].unsqueeze(1) @ cells).squeeze(1)
        held |= {f"{k}.{key}": value.numpy() for key, value in parts.items()}
    np.savez(file, **held)


def batches_of(view: GraphView, crystals: list[Crystal], size: int) -> tuple[list[Batch], float]:
    """Return whole batches with random targets, and the mean number of edges of a crystal."""
    samples = [view.sample(crystal) for crystal in crystals]
    batches = []
    for start in range(0, len(samples) - size + 1, size):
        batch = view.collate(samples[start : start + size])
        batches.append(batch | {"target": torch.randn(size)})
    return batches, statistics.mean(len(sample["centres"]) for sample in samples)


def compare(
    nets: Mapping[str, Ours | Theirs], peer: str, size: int, turns: int, steps: int
) -> dict[str, list[float]]:
    """Print the rates of nets, and return how many times that of the peer they are.

    Args:
        nets: by name; they are closed.
        peer: the name of one of them.
        size: crystals of a batch.
        turns: of each, after one that warms up.
        steps: of a turn.

    Returns:
        of each name, for training and for inference.
    """
    rates: dict[tuple[str, str], list[float]] = {(n, k): [] for n in nets for k in KINDS}
    for turn in range(turns + 1):
        for (name, kind), of_turns in rates.items():
            passed = nets[name].turn(kind, steps)
            if turn:
                of_turns.append(steps * size / passed)
    median = {key: statistics.median(of_turns) for key, of_turns in rates.items()}
    print(f"{'':26}{'weights':>9}{'train':>9}{'infer':>9}   crystals per second of a processor")
    ratios = {}
    for name, net in nets.items():
        train, infer = (median[name, kind] for kind in KINDS)
        ratios[name] = [median[name, kind] / median[peer, kind] for kind in KINDS]
        print(f"{name:26}{net.size:9,}{train:9,.1f}{infer:9,.1f}", end="")
        print(f"   {ratios[name][0]:.2f} and {ratios[name][1]:.2f} of {peer}")
        net.close()
    return ratios
