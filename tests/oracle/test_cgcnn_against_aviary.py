"""Our CGCNN against that of aviary, with the same weights on the same edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as fn

from stratus.encoders.cgcnn import Cgcnn, CgcnnConfig
from stratus.encoders.edges import edge_lengths

pytest.importorskip("aviary.cgcnn.model", reason="aviary-models, a tool of developers, is absent")
from aviary.cgcnn.model import CrystalGraphConvNet
from aviary.scatter import scatter_reduce

CUTOFF_A, ELEMENTS = 8.0, 100
HIDDEN, ATOM, LAYERS = 128, 64, 4


def swapped(tensor: torch.Tensor) -> torch.Tensor:
    """Their gate stands before the core, ours behind it."""
    gate, core = tensor.chunk(2)
    return torch.cat([core, gate])


def from_aviary(theirs: CrystalGraphConvNet, ours: Cgcnn) -> dict[str, torch.Tensor]:
    """The state dict of ours, with the weights of theirs."""
    known = theirs.elem_embedding.weight
    elements = torch.zeros_like(ours.element_embedding.weight, dtype=known.dtype)
    elements[: len(known)] = known
    found = {
        "element_embedding.weight": elements,
        "atom_projection.weight": theirs.node_nn.embedding.weight,
        "atom_projection.bias": theirs.node_nn.embedding.bias,
    }
    for k, conv in enumerate(theirs.node_nn.convs):
        blocks = conv.fc_full.weight.split([ATOM, ATOM, conv.nbr_fea_len], dim=1)
        names = ("centre", "neighbour", "edge")
        for name, block in zip(names, blocks, strict=True):
            found[f"blocks.{k}.{name}.weight"] = swapped(block)
        found[f"blocks.{k}.centre.bias"] = swapped(conv.fc_full.bias)
        for key in ("weight", "bias", "running_mean", "running_var"):
            found[f"blocks.{k}.message_norm.{key}"] = swapped(getattr(conv.bn1, key))
            found[f"blocks.{k}.sum_norm.{key}"] = getattr(conv.bn2, key)
    for k, linear in enumerate([*theirs.trunk_nn.fcs, theirs.trunk_nn.fc_out]):
        found |= {f"trunk.{k}.{key}": value for key, value in linear.state_dict().items()}
    return found


def pair(seed: int, dtype: torch.dtype) -> tuple[Cgcnn, CrystalGraphConvNet]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        theirs = CrystalGraphConvNet(
            robust=False,
            n_targets=[1],
            task_dict={"target": "regression"},
            device="cpu",
            radius_cutoff=CUTOFF_A,
            elem_fea_len=ATOM,
            h_fea_len=HIDDEN,
            n_graph=LAYERS,
            n_trunk=1,
        )
    with torch.no_grad():  # norms that do something, in evaluation too
        generator = torch.Generator().manual_seed(seed)
        for key, tensor in theirs.state_dict().items():
            if ".bn" in key and tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    basis = theirs.gaussian_dist_func
    config = CgcnnConfig(
        hidden=HIDDEN,
        element_embedding=theirs.elem_embedding.weight.shape[1],
        atom_hidden=ATOM,
        layers=LAYERS,
        trunk=(HIDDEN,),
        activation="leaky-relu",
        cutoff_a=CUTOFF_A,
        gaussians=basis.embedding_size,
        element_properties=False,
    )
    ours = Cgcnn(config).to(dtype)
    theirs = theirs.to(dtype)
    basis.filter = torch.linspace(0, CUTOFF_A, basis.embedding_size, dtype=dtype)
    ours.load_state_dict(from_aviary(theirs, ours))
    return ours, theirs


def graphs(dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Made-up atoms and edges of 40 crystals, some atoms with none."""
    rng = np.random.default_rng(5)
    sizes = rng.integers(1, 12, 40)
    starts = np.cumsum(sizes) - sizes
    owner = np.repeat(np.arange(40), sizes)
    centres = rng.integers(0, len(owner), 12 * len(owner))
    neighbours = starts[owner[centres]] + rng.integers(0, sizes[owner[centres]])
    cells = 4 * np.eye(3) + rng.normal(0, 0.3, (40, 3, 3))
    shifts = rng.integers(-1, 2, (len(centres), 3))
    shifts[(shifts == 0).all(axis=1), 0] = 1
    batch = {
        "numbers": rng.integers(1, ELEMENTS + 1, len(owner)),
        "owner": owner,
        "centres": centres,
        "neighbours": neighbours,
        "positions": (rng.random((len(owner), 1, 3)) @ cells[owner])[:, 0],
        "cells": cells,
        "shifts": shifts,
    }
    found = {key: torch.from_numpy(np.asarray(value)) for key, value in batch.items()}
    return {k: v.to(dtype) if k in {"positions", "cells"} else v for k, v in found.items()}


def their_vectors(theirs, batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Atoms and crystals, before their last ReLU and the net of the target."""
    features = theirs.gaussian_dist_func.expand(edge_lengths(batch))
    edges = batch["centres"], batch["neighbours"]
    atoms = theirs.node_nn(theirs.elem_embedding(batch["numbers"]), features, *edges)
    pooled = scatter_reduce(atoms, batch["owner"], dim=0, reduce="mean")
    return atoms, theirs.trunk_nn(fn.softplus(pooled))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_weights_give_the_same_vectors(seed, dtype, tolerance, training):
    ours, theirs = (net.train(training) for net in pair(seed, dtype))
    batch = graphs(dtype)
    with torch.no_grad():
        found = ours(batch)
        atoms, crystals = their_vectors(theirs, batch)
    for mine, expected in ((found.parts, atoms), (found.crystal, crystals)):
        assert mine.shape == expected.shape
        assert expected.std(0).mean() > 1000 * tolerance  # they are told apart
        size = expected.abs().max().clamp_min(1)
        assert (mine - expected).abs().max() <= tolerance * size


@pytest.mark.parametrize("training", [True, False])
def test_the_same_weights_give_the_same_gradients_and_norms(training):
    ours, theirs = (net.train(training) for net in pair(2, torch.float64))
    batch = graphs(torch.float64)
    weights = torch.randn(40, HIDDEN, generator=torch.Generator().manual_seed(0)).double()
    (ours(batch).crystal * weights).sum().backward()
    (their_vectors(theirs, batch)[1] * weights).sum().backward()
    expected = from_aviary(theirs, ours)
    for key, tensor in ours.state_dict().items():
        assert (tensor - expected[key]).abs().max() <= 1e-10, key
    for parameter in theirs.parameters():  # a state dict of gradients
        if parameter.grad is not None:
            parameter.data = parameter.grad
    slopes = from_aviary(theirs, ours)
    compared = 0
    for key, parameter in ours.named_parameters():
        if key == "element_embedding.weight":  # theirs is fixed
            continue
        size = slopes[key].abs().max().clamp_min(1)
        assert (parameter.grad - slopes[key]).abs().max() <= 1e-9 * size, key
        compared += 1
    assert compared == 2 + 8 * LAYERS + 4
