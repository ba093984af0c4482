"""Harmonics, frames of edges and grids, against what defines them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stratus.encoders.edge_frames import EdgeFrames
from stratus.encoders.spherical import frame, grid, half_turn, harmonics, order

POLES = [[0, 1, 0], [0, -1, 0], [1, 0, 0], [0, 0, -1], [0.6, 0, 0.8]]
SIZES = [(1, 1), (3, 1), (4, 2), (6, 6)]


def units(seed: int, count: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def frames_of(directions: np.ndarray, lmax: int, mmax: int) -> np.ndarray:
    vectors = torch.tensor(directions, dtype=torch.float64)
    made = EdgeFrames(lmax, mmax)(2 * vectors, torch.full((len(vectors),), 2.0), torch.float64)
    return made.inward.numpy()


def test_harmonics_of_degree_one_are_the_directions():
    points = units(0, 9)
    found = harmonics(points, 1)
    assert np.abs(found[:, 1:] - np.sqrt(3 / (4 * np.pi)) * points).max() <= 1e-14


def test_harmonics_are_orthonormal():
    made = grid(5, 24, 24)
    angles = (np.arange(24) + 0.5) * np.pi / 24
    rounds = np.arange(24) * 2 * np.pi / 24
    beta, alpha = (a.ravel() for a in np.meshgrid(angles, rounds, indexing="ij"))
    points = np.stack([np.sin(beta) * np.sin(alpha), np.cos(beta), np.sin(beta) * np.cos(alpha)], 1)
    degree = np.repeat(np.arange(6), 2 * np.arange(6) + 1)
    back = made.from_grid * np.sqrt(4 * np.pi / ((2 * degree + 1) * 6))[:, None]
    assert np.abs(back @ harmonics(points, 5) - np.eye(36)).max() <= 1e-12


@pytest.mark.parametrize(("lmax", "mmax"), SIZES)
def test_a_frame_takes_harmonics_to_those_of_turned_points(lmax, mmax):
    directions = np.concatenate([np.array(POLES, dtype=float), units(1, 20)])
    points, kept = units(2, 7), order(lmax, mmax).places
    below = directions[:, 1] < 0
    upper = np.where(below[:, None], directions * [1, -1, -1], directions)
    for wigner, over, turned in zip(
        frames_of(directions, lmax, mmax), below, frame(upper), strict=True
    ):
        rotation = turned @ np.diag([1.0, -1, -1]) if over else turned
        expected = harmonics(points @ rotation.T, lmax)[:, kept]
        assert np.abs(expected - harmonics(points, lmax) @ wigner.T).max() <= 1e-10


@pytest.mark.parametrize(("lmax", "mmax"), SIZES)
def test_an_edge_is_the_axis_of_its_frame(lmax, mmax):
    directions = np.concatenate([np.array(POLES, dtype=float), units(3, 20)])
    found = np.einsum("kij,kj->ki", frames_of(directions, lmax, mmax), harmonics(directions, lmax))
    axis = harmonics(np.array([[0.0, 1.0, 0.0]]), lmax)[:, order(lmax, mmax).places]
    assert np.abs(found - axis).max() <= 1e-11


@pytest.mark.parametrize(("lmax", "mmax"), SIZES)
def test_frames_are_orthogonal_in_single_precision_too(lmax, mmax):
    vectors = torch.tensor(units(4, 50), dtype=torch.float32)
    made = EdgeFrames(lmax, mmax)(vectors, torch.ones(50), torch.float32).inward
    assert (made @ made.transpose(1, 2) - torch.eye(made.shape[1])).abs().max() <= 1e-5


@pytest.mark.parametrize("direction", POLES)
def test_the_part_about_the_axis_has_the_gradient_of_harmonics_at_poles(direction):
    """The row of order 0 is the harmonics of the edge itself, whose gradient has no pole."""
    vectors = torch.tensor([direction], dtype=torch.float64, requires_grad=True)
    lengths = vectors.norm(dim=1)
    made = EdgeFrames(2, 2)(vectors, lengths, torch.float64).inward[0, 1, 1:4]
    slopes = torch.stack([torch.autograd.grad(x, vectors, retain_graph=True)[0][0] for x in made])
    known = vectors.detach()[0]
    assert (made - known).abs().max() <= 1e-12
    assert (slopes - (torch.eye(3) - torch.outer(known, known))).abs().max() <= 1e-12


@pytest.mark.parametrize("direction", [*POLES, [0.48, -0.6, 0.64]])
def test_frames_have_first_and_second_derivatives_everywhere(direction):
    frames = EdgeFrames(3, 2)
    start = torch.tensor([direction], dtype=torch.float64, requires_grad=True)

    def size(vectors: torch.Tensor) -> torch.Tensor:
        inward = frames(vectors, vectors.norm(dim=1), torch.float64).inward
        return (inward.transpose(1, 2) @ torch.arange(1.0, 5).double().repeat(4)[:14]).square()[
            :, [2, 6, 11]
        ]

    if direction[1] == 0:
        start = (start.detach() + torch.tensor([[0, 1e-3, 0]])).requires_grad_()  # in one chart
    assert torch.autograd.gradcheck(size, [start], atol=1e-7)
    assert torch.autograd.gradgradcheck(size, [start], atol=1e-6)


def test_half_a_turn_is_half_a_turn():
    points = units(6, 5)
    turned = harmonics(points * [1, -1, -1], 5)
    assert np.abs(turned - harmonics(points, 5) * half_turn(5)).max() <= 1e-13


@pytest.mark.parametrize("resolution", [9, 10, 18])
def test_a_grid_gives_back_the_functions_that_it_holds(resolution):
    made = grid(4, resolution, resolution)
    assert np.abs(made.from_grid @ made.to_grid - np.eye(25)).max() <= 1e-13
