"""Bond graph: against a transcription with explicit pairs of bonds, and at its limits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stratus.crystals.facets import AtomArrays, Crystal
from stratus.encoders.bond_graph import BOND_GRAPH, BondGraph, BondGraphConfig
from stratus.views.graph import GraphView

TINY = {"hidden": 7, "atom_hidden": 6, "bond_hidden": 5, "layers": 2, "angle_channels": 3}
CUTOFF_A = 3.2
CONFIG = BondGraphConfig(**TINY, cutoff_a=CUTOFF_A, gaussians=8)


def crystal(seed: int, atoms: int, edge_a: float = 3.5) -> Crystal:
    rng = np.random.default_rng(seed)
    lattice = np.diag(rng.uniform(edge_a, edge_a + 1, 3)) + rng.normal(0, 0.2, (3, 3))
    arrays = AtomArrays(lattice, rng.integers(1, 90, atoms), rng.random((atoms, 3)))
    return Crystal({}, atoms=arrays, n_atoms=atoms)


def batch_of(*crystals: Crystal, config: BondGraphConfig = CONFIG) -> dict[str, torch.Tensor]:
    view = GraphView.of_encoder(config, "orbit")
    batch = view.collate([view.sample(one) for one in crystals])
    return {key: x.double() if x.is_floating_point() else x for key, x in batch.items()}


@pytest.fixture(scope="module")
def encoder() -> BondGraph:
    net = BondGraph(CONFIG, torch.Generator().manual_seed(0)).double().eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():  # norms that do something
        for name, weight in net.named_parameters():
            if "norm" in name:
                weight.add_(
                    0.3 * torch.randn(weight.shape, generator=generator, dtype=torch.float64)
                )
    return net


def silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


class Transcription:
    """The equations, one atom and one pair of bonds at a time."""

    def __init__(self, encoder: BondGraph) -> None:
        self.w = {k: v.detach().numpy() for k, v in encoder.named_parameters()}
        self.elements = encoder.element_vectors().detach().numpy()

    def linear(self, name: str, x: np.ndarray) -> np.ndarray:
        return self.w[f"{name}.weight"] @ x + self.w.get(f"{name}.bias", 0.0)

    def norm(self, name: str, x: np.ndarray) -> np.ndarray:
        scaled = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
        return scaled * self.w[f"{name}.weight"] + self.w[f"{name}.bias"]

    def ends(self, name: str, centre: np.ndarray, neighbour: np.ndarray) -> np.ndarray:
        first, second = np.split(self.w[f"{name}.weight"], 2)
        return first @ centre + second @ neighbour

    def __call__(self, batch: dict[str, torch.Tensor]) -> np.ndarray:
        b = {key: value.numpy() for key, value in batch.items()}
        i, j = b["centres"], b["neighbours"]
        vectors = b["positions"][j] + b["shifts"] @ b["cells"][0] - b["positions"][i]
        lengths = np.linalg.norm(vectors, axis=1)
        u, r = vectors / lengths[:, None], lengths / CUTOFF_A
        fade = 1 - 28 * r**6 + 48 * r**7 - 21 * r**8
        step = CUTOFF_A / 7
        spread = np.exp(-(((lengths[:, None] - step * np.arange(8)) / step) ** 2))
        x = self.elements[b["numbers"]]
        bonds = np.array([
            silu(self.linear("first_length", spread[k]) + self.ends("first_ends", x[i[k]], x[j[k]]))
            for k in range(len(i))
        ])  # fmt: skip
        for layer in range(2):
            x, bonds = self.layer(f"blocks.{layer}", x, bonds, (i, j), u, fade)
        x = np.array([self.norm("norm", row) for row in x])
        scores = np.array([self.linear("atom_score", row) for row in x])
        share = np.exp(scores) / np.exp(scores).sum(axis=0)
        of_bonds = np.array([self.linear("bond_score", row) for row in bonds])
        powers = np.exp(of_bonds) * fade[:, None]
        bonded = fade.sum() / len(x)
        read = [x.mean(axis=0), (x * share).sum(axis=0)]
        read.append((bonds * powers / powers.sum(axis=0)).sum(axis=0) * bonded / (bonded + 0.1))
        return self.linear("read_out", np.concatenate(read))

    def layer(self, name, x, bonds, ends, u, fade):
        i, j = ends
        h = np.array([self.norm(f"{name}.norm", row) for row in x])
        weights = np.array([self.linear(f"{name}.weigh", row) for row in bonds]) * fade[:, None]
        new = []
        for k in range(len(i)):
            inner = self.linear(f"{name}.bond_in", bonds[k])
            inner = inner + self.ends(f"{name}.ends", h[i[k]], h[j[k]])
            for at, part in ((i[k], "at_centre"), (j[k], "at_neighbour")):
                first, second = np.split(self.w[f"{name}.{part}.weight"], 2, axis=1)
                for other in np.flatnonzero(i == at):  # each other bond of the atom, and its angle
                    cosine = u[other] @ u[k]
                    legendre = (3 * cosine**2 - 1) / 2
                    inner = inner + first @ weights[other] * cosine
                    inner = inner + second @ weights[other] * legendre
            new.append(bonds[k] + self.linear(f"{name}.bond_out", silu(inner)))
        bonds = np.array(new)
        atoms = []
        for atom in range(len(x)):
            of = np.flatnonzero(i == atom)
            sent = own = np.zeros(x.shape[1])
            lengths = [np.zeros(weights.shape[1])] * 3
            for k in of:
                filters, alone = np.split(self.linear(f"{name}.filter", bonds[k]) * fade[k], 2)
                sent = sent + filters * self.linear(f"{name}.message", h[j[k]])
                own = own + alone
                lengths[0] = lengths[0] + weights[k]
                for other in of:
                    cosine = u[other] @ u[k]
                    both = weights[k] * weights[other]
                    lengths[1] = lengths[1] + both * cosine
                    lengths[2] = lengths[2] + both * (3 * cosine**2 - 1) / 2
            gathered = np.concatenate([0.2 * sent, 0.2 * own, *np.arcsinh(lengths)])
            inner = silu(self.linear(f"{name}.atom_in", gathered))
            atoms.append(x[atom] + self.linear(f"{name}.atom_out", inner))
        return np.array(atoms), bonds


@pytest.mark.parametrize("seed", [0, 1])
def test_sums_over_directions_are_sums_over_pairs_of_bonds(encoder, seed):
    one = batch_of(crystal(seed, 3))
    assert len(one["centres"]) > 10
    with torch.no_grad():
        ours = encoder(one).crystal[0].numpy()
    assert np.abs(ours - Transcription(encoder)(one)).max() < 1e-12


def test_a_crystal_without_bonds_is_read_from_its_atoms_alone(encoder):
    alone = batch_of(crystal(0, 1, edge_a=30.0))
    assert not len(alone["centres"])
    assert encoder(alone).crystal.isfinite().all()


def test_the_last_bond_fades_out_before_it_is_gone(encoder):
    vectors = [
        encoder(batch_of(crystal_of_edge(edge))).crystal
        for edge in (CUTOFF_A * 0.98, CUTOFF_A * 0.9999, CUTOFF_A * 1.01)
    ]
    assert torch.allclose(vectors[1], vectors[2], atol=1e-9)
    assert not torch.allclose(vectors[0], vectors[2], atol=1e-9)


def crystal_of_edge(edge_a: float) -> Crystal:
    return Crystal({}, atoms=AtomArrays(edge_a * np.eye(3), np.array([29]), np.zeros((1, 3))))


def test_angles_alone_tell_two_arrangements_apart():
    """Two neighbours at the same distances, in a line or at a right angle."""
    box = 20.0
    line = np.array([[0.0, 0, 0], [2, 0, 0], [-2, 0, 0]]) / box
    corner = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0]]) / box
    numbers = np.array([22, 8, 8])
    far = {"cutoff_a": 2.5}  # the two oxygens do not see one another
    net = BondGraph(BondGraphConfig(**TINY, **far), torch.Generator().manual_seed(0)).double()
    both = batch_of(
        *(Crystal({}, atoms=AtomArrays(box * np.eye(3), numbers, x)) for x in (line, corner)),
        config=net.config,
    )
    assert len(both["centres"]) == 8
    found = net.eval()(both).crystal.detach()
    assert float((found[0] - found[1]).norm()) > 1e-4


@pytest.mark.parametrize(
    ("preset", "fewest", "most"),
    [("nano", 20_000, 60_000), ("small", 100_000, 250_000), ("base", 500_000, 1_200_000)],
)
def test_presets_have_the_sizes_that_they_are_said_to_have(preset, fewest, most):
    config = BondGraphConfig.model_validate(BOND_GRAPH.presets[preset])
    count = sum(weight.numel() for weight in BondGraph(config).parameters())
    assert fewest < count < most


def test_without_sums_over_directions_angles_are_not_seen():
    """The two arrangements of the test before, for a net of distances alone."""
    box = 20.0
    line = np.array([[0.0, 0, 0], [2, 0, 0], [-2, 0, 0]]) / box
    corner = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0]]) / box
    config = BondGraphConfig(**{**TINY, "angle_channels": 0}, cutoff_a=2.5)
    net = BondGraph(config, torch.Generator().manual_seed(0)).double().eval()
    numbers = np.array([22, 8, 8])
    both = batch_of(
        *(Crystal({}, atoms=AtomArrays(box * np.eye(3), numbers, x)) for x in (line, corner)),
        config=config,
    )
    found = net(both).crystal.detach()
    assert float((found[0] - found[1]).norm()) < 1e-12
