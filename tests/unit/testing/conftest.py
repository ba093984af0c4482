"""A small encoder of graphs of atoms that holds every claim, and has a fault on request."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from pydantic import BaseModel, ConfigDict
from torch import nn

from stratus.encoders.architecture import Architecture
from stratus.encoders.edges import edge_lengths, edge_vectors, fading, gaussians
from stratus.encoders.encoding import Encoding, Gives
from stratus.encoders.table import ARCHITECTURES, register
from stratus.views.keys import CELLS, CENTRES, NEIGHBOURS, NUMBERS, OWNER, POSITIONS

CUTOFF_A = 5.0


class FaultyConfig(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = 12
    cutoff_a: float = CUTOFF_A
    max_neighbours: None = None
    fault: str = ""
    vectors: Literal["right", "wrong"] = "right"


class Faulty(nn.Module):
    def __init__(self, config: FaultyConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config, width = config, config.hidden
        with torch.device("meta"):
            self.elements = nn.Embedding(119, width)
            self.radial = nn.Linear(16, width)
            self.out = nn.Linear(width, width)
            if config.fault == "parameters":
                self.idle = nn.Linear(width, width)
        self.to_empty(device=torch.get_default_device())
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.5, generator=generator)
        self.forgotten = 0.0 if generator is None else 1.0

    def forward(self, batch):
        fault, owner, centres = self.config.fault, batch[OWNER], batch[CENTRES]
        count = len(batch[CELLS])
        lengths = edge_lengths(batch)
        weights = fading(lengths, CUTOFF_A).unsqueeze(1)
        if fault == "smooth":
            weights = torch.ones_like(weights)
        if fault == "smooth gradients":
            weights = (1 - lengths / CUTOFF_A).clamp_min(0).unsqueeze(1)
        if fault == "gradients":
            lengths = lengths.detach() * 0.5 + lengths * 0.5
        x = self.elements(batch[NUMBERS])
        if fault == "compositions":
            x = torch.ones_like(x)
        radial = self.radial(gaussians(lengths, CUTOFF_A, 16)) * weights
        if fault != "polymorphs":
            x = x + torch.zeros_like(x).index_add(0, centres, radial * x[batch[NEIGHBOURS]])
        x = self.fault_of_atoms(x, batch, weights)
        x = self.out(nn.functional.silu(x))
        if fault == "parameters":
            x = x + 0 * self.idle(x)
        edges = edge_vectors(batch).unsqueeze(2) * radial.unsqueeze(1)
        vectors = edges.new_zeros(len(x), 3, x.shape[1]).index_add(0, centres, edges)
        if self.config.vectors == "wrong":
            vectors = vectors.abs()
        sums = x.new_zeros(count, x.shape[1]).index_add(0, owner, x)
        if fault != "supercell":
            sums = sums / owner.bincount(minlength=count).unsqueeze(1)
        return Encoding(self.fault_of_crystals(sums, batch), x, owner, vectors)

    def fault_of_atoms(self, x, batch, weights):
        fault, owner, centres = self.config.fault, batch[OWNER], batch[CENTRES]
        edges = edge_vectors(batch) * weights
        if fault == "order of atoms":
            first = torch.searchsorted(owner, owner)
            return x + (torch.arange(len(x)) - first).unsqueeze(1) / 10
        if fault == "translation":
            return x + batch[POSITIONS].sum(dim=1, keepdim=True) / 10
        if fault == "rotation":
            return x + x.new_zeros(len(x), 1).index_add(0, centres, edges[:, :1].abs()) / 10
        if fault == "reflection":
            powers = torch.linalg.vector_norm(edges, dim=1, keepdim=True)
            sums = [
                x.new_zeros(len(x), 3).index_add(0, centres, edges * powers**k) for k in range(3)
            ]
            return x + torch.linalg.det(torch.stack(sums, dim=1)).unsqueeze(1)
        if fault == "isolated atom":
            return x / (torch.bincount(centres, minlength=len(x)) > 0).to(x.dtype).unsqueeze(1)
        if fault == "separation":
            mean = x.new_zeros(len(batch[CELLS]), x.shape[1]).index_add(0, owner, x)
            return x + (mean / owner.bincount().unsqueeze(1))[owner]
        return x

    def fault_of_crystals(self, crystal, batch):
        fault = self.config.fault
        if fault == "batch":
            return crystal - 0.1 * crystal.mean(dim=0)
        if fault == "another cell":
            return crystal + batch[CELLS].square().sum(dim=(1, 2)).unsqueeze(1) / 100
        if fault == "float32":
            return (crystal + 1e5) - 1e5
        if fault == "save and load":
            return crystal + self.forgotten
        if fault == "determinism":
            return crystal + 1e-3 * torch.randn_like(crystal)
        return crystal


FAULTY = Architecture(
    name="faulty",
    config=FaultyConfig,
    build=Faulty,
    presets={"nano": {}},
    view="graph",
    gives=frozenset({Gives.CRYSTAL, Gives.PARTS, Gives.VECTORS}),
    numerics=1,
)


@pytest.fixture
def faulty(monkeypatch):
    """The encoder in the table of encoders, for one test."""
    monkeypatch.setattr(ARCHITECTURES, "_found", dict(ARCHITECTURES._found))
    register(FAULTY)
    return FAULTY
