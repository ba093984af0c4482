"""Displaced atoms: what becomes of them, the loss, and that every encoder of atoms can learn it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from stratus.corpora.packed.frames import FrameOptions, pack_frames
from stratus.crystals.entry import Entry
from stratus.crystals.facets import Facet
from stratus.encoders.table import ARCHITECTURES, architecture, configure
from stratus.errors import InputError
from stratus.heads.denoising import DENOISING, DenoisingHead
from stratus.heads.head import CrystalHeadConfig
from stratus.models.net import Net
from stratus.objectives.denoising import Denoising, DenoisingOptions, DisplacedRows
from stratus.training.loader import Loader
from stratus.views.graph import GraphView
from stratus.views.keys import CELLS, OWNER, POSITIONS
from stratus.views.table import view_class

OF_ATOMS = [
    name for name, kind in ARCHITECTURES.items() if view_class(kind.view).facet is Facet.ATOMS
]
NOISE = 0.2


def crystal(k: int, atoms: int) -> Entry:
    rng = np.random.default_rng(k)
    return Entry(
        id=f"c-{k}",
        lattice=np.eye(3) * 4.5 + rng.normal(size=(3, 3)) / 10,
        numbers=rng.choice([8, 11, 17, 22], size=atoms),
        frac_coords=(np.arange(atoms)[:, None] / atoms + rng.normal(size=(atoms, 3)) / 50),
        source="made",
    )


def packed(folder, atoms):
    options = FrameOptions(labels=(), fractions=(1, 0, 0))
    entries = [crystal(k, n) for k, n in enumerate(atoms)]
    return pack_frames(iter(entries), folder, options).train


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return packed(tmp_path_factory.mktemp("frames") / "c", [2, 3, 4, 2, 1, 5, 3, 2])


@pytest.fixture(scope="module")
def rows(corpus):
    return DisplacedRows(corpus, GraphView(), DenoisingOptions(noise_a=NOISE), seed=3)


class Given(nn.Module):
    """Gives what it was given."""

    def __init__(self, numbers):
        super().__init__()
        self.numbers = numbers

    def forward(self, _):
        return {DENOISING: self.numbers}


def test_the_targets_lead_back_to_the_crystals_as_they_were(corpus, rows):
    at = np.arange(len(rows))
    step = rows.step(at, 1)
    back = step.inputs[POSITIONS].double() + NOISE * step.targets[DENOISING].double()
    owner = step.inputs[OWNER].numpy()
    for row, sample in enumerate(corpus.samples(at)):
        frac = back[owner == row].numpy() @ np.linalg.inv(sample["lattice"])
        apart = frac - sample["frac"]
        assert np.abs(apart - np.round(apart)).max() < 1e-6
    assert float(step.targets[DENOISING].abs().max()) > 0.5


def test_what_is_displaced_depends_on_seed_epoch_and_row_alone(corpus, rows):
    one = rows.step(np.array([2, 5]), 4)
    other = rows.step(np.array([5, 2]), 4)
    assert torch.equal(one.targets[DENOISING][:4], other.targets[DENOISING][5:])
    of_rows = [rows.displacements(row, 4, 4) for row in (2, 3)]
    others = [
        rows.displacements(2, 4, 5),
        DisplacedRows(corpus, GraphView(), DenoisingOptions()).displacements(2, 4, 4),
    ]
    assert np.allclose(of_rows[0].mean(axis=0), 0, atol=1e-15)
    for different in (of_rows[1], *others):
        assert np.abs(of_rows[0] - different).min() > 1e-6


def test_displacements_are_normal_but_for_their_mean(rows):
    many = np.concatenate([rows.displacements(row, 4, 0) for row in range(4000)])
    assert many.var() == pytest.approx(3 / 4, rel=0.02)
    assert (many**4).mean() == pytest.approx(3 * (3 / 4) ** 2, rel=0.05)


def test_the_loss_is_the_mean_square_over_degrees_of_freedom(rows):
    step = rows.step(np.array([0, 1, 4]), 0)  # of 2, 3 and 1 atoms
    guess = torch.arange(18.0).reshape(6, 3) / 10
    freedom = 3 * (1 + 2 + 0)
    expected = float(((guess - step.targets[DENOISING]) ** 2).sum()) / freedom
    objective, net = Denoising(), Given(guess)
    assert float(objective.total(objective.losses(net, step), 1)) == pytest.approx(expected)
    scores = objective.scores(objective.sums(net, step).numpy())
    whole = float((step.targets[DENOISING] ** 2).sum())
    assert scores["loss"] == pytest.approx(expected)
    assert scores["explained"] == pytest.approx(1 - expected * freedom / whole)
    blank = rows.blank(1, 0)
    lost = objective.losses(Given(torch.ones(3, 3)), blank)[DENOISING]
    assert (float(lost.sum), lost.count) == (0.0, 0)


def net_of(name, **values):
    config = configure(name, "nano", **values)
    generator = torch.Generator().manual_seed(0)
    encoder = architecture(name).build(config, generator)
    head = DenoisingHead(CrystalHeadConfig(hidden=config.hidden, outputs=1, dropout=0), generator)
    return Net(encoder, {DENOISING: head}), view_class(architecture(name).view).of_encoder(
        config, "orbit"
    )


@pytest.mark.parametrize("name", OF_ATOMS)
def test_every_encoder_of_atoms_learns_displacements(corpus, name):
    net, view = net_of(name)
    rows = DisplacedRows(corpus, view, DenoisingOptions())
    step = rows.step(np.array([1, 2, 6]), 0)
    objective, optimiser = Denoising(), torch.optim.Adam(net.parameters(), lr=2e-3)
    net.train()
    losses = []
    for _ in range(6):
        optimiser.zero_grad()
        loss = objective.total(objective.losses(net, step), 1)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", OF_ATOMS)
def test_displacements_turn_with_the_crystal_and_sum_to_zero(corpus, name):
    net, view = net_of(name)
    net.double().eval()
    inputs = DisplacedRows(corpus, view, DenoisingOptions()).step(np.array([2, 5]), 0).inputs
    inputs = {k: v.double() if v.is_floating_point() else v for k, v in inputs.items()}
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)).double()).Q
    turned = {
        **inputs,
        POSITIONS: inputs[POSITIONS] @ turn + 0.7,
        CELLS: inputs[CELLS] @ turn,
    }
    found, other = net(inputs)[DENOISING].detach(), net(turned)[DENOISING].detach()
    assert float(found.abs().max()) > 1e-6
    assert torch.allclose(found @ turn, other, atol=1e-10 * float(found.abs().max()) + 1e-14)
    assert float(found[:4].sum(dim=0).abs().max()) < 1e-10


def test_crystals_of_one_atom_alone_are_refused(tmp_path):
    with pytest.raises(InputError, match="no crystal has two atoms"):
        DisplacedRows(packed(tmp_path / "c", [1, 1]), GraphView(), DenoisingOptions())


class Still(nn.Module):
    """Moves nothing back."""

    def forward(self, inputs):
        return {DENOISING: torch.zeros_like(inputs[POSITIONS])}


@pytest.mark.parametrize("world", [2, 3])
def test_scores_of_processes_add_up_to_those_of_one(rows, world):
    def sums(rank, of):
        loader = Loader(rows, 4, 0, rank=rank, world=of, shuffle=False)
        return sum(Denoising().sums(Still(), step).numpy() for step in loader)

    shared = sum(sums(rank, world) for rank in range(world))
    assert np.allclose(shared, sums(0, 1), rtol=1e-6)
