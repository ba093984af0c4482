"""Forces and stress are the derivatives of the energy: against differences, with their signs."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import nn

from stratus.physics.strain import gradients, strained

CELLS = torch.tensor(
    [
        [[3.9, 0.1, 0.0], [0.3, 4.1, 0.2], [-0.2, 0.4, 4.4]],
        [[4.6, 0.0, 0.3], [-0.4, 3.8, 0.0], [0.1, 0.2, 4.0]],
    ],
    dtype=torch.float64,
)
OWNER = torch.tensor([0, 0, 0, 1, 1])
PLACES = torch.tensor(
    [[0.1, 0.2, 0.0], [0.6, 0.4, 0.5], [0.3, 0.9, 0.7], [0.0, 0.1, 0.2], [0.5, 0.6, 0.4]],
    dtype=torch.float64,
)
POSITIONS = (PLACES.unsqueeze(1) @ CELLS[OWNER]).squeeze(1)
IMAGES = torch.tensor(list(product((-1.0, 0.0, 1.0), repeat=3)), dtype=torch.float64)


class Pairs(nn.Module):
    """A learned energy of each pair of atoms, periodic, that fades out at a distance."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.inner = nn.Linear(1, 16, dtype=torch.float64)
        self.outer = nn.Linear(16, 1, dtype=torch.float64)
        for weight in self.parameters():
            nn.init.normal_(weight, generator=generator)

    def forward(self, positions, cells, owner=OWNER):
        """Return the energy of each crystal."""
        energies = []
        for k, cell in enumerate(cells):
            at = positions[owner == k]
            apart = at[None, :, None] - at[:, None, None] + IMAGES @ cell
            distance = (apart.square().sum(-1) + 1e-12).sqrt()
            there = distance > 1e-3
            fades = torch.exp(-((distance / 2) ** 2)) * there
            learned = self.outer(torch.tanh(self.inner(distance.unsqueeze(-1)))).squeeze(-1)
            energies.append((learned * fades).sum() / 2)
        return torch.stack(energies)


def forces_and_stress(net, positions=POSITIONS, cells=CELLS, *, create_graph=False):
    of = strained(positions, cells, OWNER)
    return gradients(net(of.positions, of.cells), of, create_graph=create_graph)


def deformed(strain):
    """Return all crystals under one strain."""
    by = torch.eye(3, dtype=torch.float64) + strain
    return POSITIONS @ by, CELLS @ by


@torch.no_grad()
def difference(energy_at, step=1e-4):
    """Return a derivative at 0, to the fourth order of the step."""
    near, far = (energy_at(k) - energy_at(-k) for k in (step, 2 * step))
    return (8 * near - far) / (12 * step)


def test_nothing_moves_before_it_is_differentiated():
    of = strained(POSITIONS, CELLS, OWNER)
    assert torch.equal(of.positions, POSITIONS)
    assert torch.equal(of.cells, CELLS)


def test_forces_are_those_of_central_differences_and_add_up_to_nothing():
    net = Pairs()
    forces, _ = forces_and_stress(net)
    for atom, axis in product(range(len(OWNER)), range(3)):

        def energy_at(step, atom=atom, axis=axis):
            moved = POSITIONS.clone()
            moved[atom, axis] += step
            return net(moved, CELLS).sum()

        assert abs(forces[atom, axis] + difference(energy_at)) <= 1e-8
    for k in range(2):
        assert forces[k == OWNER].sum(dim=0).abs().max() <= 1e-12
    assert forces.abs().max() > 0.1  # the comparison is about numbers of some size


def test_stress_is_that_of_central_differences_and_symmetric():
    net = Pairs()
    _, stress = forces_and_stress(net)
    volume = torch.linalg.det(CELLS).abs()
    assert torch.equal(stress, stress.mT)
    for row, column in product(range(3), range(3)):
        one = torch.zeros(3, 3, dtype=torch.float64)
        one[row, column] = 1.0
        one = (one + one.mT) / 2
        expected = difference(lambda step, one=one: net(*deformed(step * one))) / volume
        assert (stress[:, row, column] - expected).abs().max() <= 1e-8
    assert stress.abs().max() > 1e-3


def test_a_crystal_that_is_pulled_apart_has_positive_stress():
    def spring(positions, cells):  # a rod whose rest length is 4 Å along each axis
        return (cells.diagonal(dim1=1, dim2=2) - 4.0).square().sum(dim=1) + 0 * positions.sum()

    for length, sign in ((4.2, 1), (3.8, -1)):
        cell = length * torch.eye(3, dtype=torch.float64)[None]
        of = strained(torch.zeros(1, 3, dtype=torch.float64), cell, torch.tensor([0]))
        _, stress = gradients(spring(of.positions, of.cells), of, create_graph=False)
        expected = 2 * (length - 4.0) * length / length**3
        assert stress[0].diagonal().tolist() == pytest.approx([expected] * 3)
        assert sign * expected > 0


def test_both_turn_with_the_crystal():
    net = Pairs()
    forces, stress = forces_and_stress(net)
    turn, _ = torch.linalg.qr(
        torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    )
    turned = forces_and_stress(net, POSITIONS @ turn, CELLS @ turn)
    assert (turned[0] - forces @ turn).abs().max() <= 1e-12
    assert (turned[1] - turn.mT @ stress @ turn).abs().max() <= 1e-12


def test_a_loss_of_forces_and_stress_reaches_the_weights():
    net = Pairs()

    def loss():
        forces, stress = forces_and_stress(net, create_graph=True)
        return forces.square().sum() + stress.square().sum()

    loss().backward()
    weight, grad = net.inner.weight, net.inner.weight.grad

    def loss_at(step):
        with torch.no_grad():
            weight[3, 0] += step
        with torch.enable_grad():
            found = loss().detach()
        with torch.no_grad():
            weight[3, 0] -= step
        return found

    assert grad[3, 0].abs() > 1e-3
    assert abs(grad[3, 0] - difference(loss_at)) <= 1e-8 * max(1, abs(float(grad[3, 0])))
    assert net.outer.weight.grad.abs().max() > 0
    flat = forces_and_stress(net)
    assert not any(tensor.requires_grad for tensor in flat)


def test_an_energy_of_no_place_has_no_forces():
    of = strained(POSITIONS, CELLS, OWNER)
    weight = torch.ones(2, dtype=torch.float64, requires_grad=True)
    for energy in (weight, weight.detach()):
        forces, stress = gradients(energy, of, create_graph=False)
        assert forces.shape == (5, 3)
        assert stress.shape == (2, 3, 3)
        assert not forces.any()
        assert not stress.any()
