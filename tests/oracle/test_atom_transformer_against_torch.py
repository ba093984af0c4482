"""The layers of the atom transformer against torch's, and what is before them, transcribed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from stratus.crystals.facets import AtomArrays, Crystal
from stratus.crystals.nearest_images import nearest_images
from stratus.crystals.neighbours import within
from stratus.encoders.atom_transformer import AtomTransformer, AtomTransformerConfig
from stratus.views.cloud_of_atoms import CloudOfAtomsView

HIDDEN, LAYERS, HEADS, INNER = 24, 3, 3, 40
GEOMETRIES = ["absolute", "distances", "neighbours"]


def random_crystal(rng, atoms: int) -> Crystal:
    lattice = np.diag(rng.uniform(4, 6, 3)) + rng.normal(0, 0.6, (3, 3))
    return Crystal(
        {}, atoms=AtomArrays(lattice, rng.integers(1, 119, atoms), rng.random((atoms, 3)))
    )


CRYSTALS = [random_crystal(np.random.default_rng(k), n) for k, n in enumerate((1, 5, 3, 8, 2))]


def build(geometry: str) -> AtomTransformer:
    config = AtomTransformerConfig(
        hidden=HIDDEN, layers=LAYERS, heads=HEADS, feed_forward=INNER, geometry=geometry,
        cutoff_a=5.5, gaussians=9, element_properties=False,
    )  # fmt: skip
    encoder = AtomTransformer(config, torch.Generator().manual_seed(3)).double().eval()
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():  # norms of fresh weights would hide a mistake
        for key, tensor in encoder.named_parameters():
            if "norm" in key:
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return encoder


def torch_layers(encoder: AtomTransformer) -> nn.TransformerEncoder:
    """Torch's transformer with the weights of ours."""
    layer = nn.TransformerEncoderLayer(
        HIDDEN, HEADS, INNER, dropout=0.0, batch_first=True, norm_first=True,
        activation=nn.GELU(approximate="tanh"),
    )  # fmt: skip
    theirs = nn.TransformerEncoder(
        layer, LAYERS, norm=nn.LayerNorm(HIDDEN), enable_nested_tensor=False
    ).double()
    names = {
        "self_attn.in_proj_": "query_key_value.",
        "self_attn.out_proj.": "attention_out.",
        "linear1.": "feed_forward_in.",
        "linear2.": "feed_forward_out.",
        "norm1.": "attention_norm.",
        "norm2.": "feed_forward_norm.",
    }
    ours = encoder.state_dict()
    known = {f"norm.{what}": ours[f"final_norm.{what}"] for what in ("weight", "bias")}
    for k in range(LAYERS):
        for their, our in names.items():
            for what in ("weight", "bias"):
                known[f"layers.{k}.{their}{what}"] = ours[f"blocks.{k}.{our}{what}"]
    theirs.load_state_dict(known)
    return theirs.eval()


def silu_net(ours: dict[str, np.ndarray], name: str, x: np.ndarray) -> np.ndarray:
    inner = x @ ours[f"{name}.0.weight"].T
    inner = inner / (1 + np.exp(-inner))
    return inner @ ours[f"{name}.2.weight"].T + ours[f"{name}.2.bias"]


def gaussians(r: np.ndarray) -> np.ndarray:
    step = 5.5 / 8
    return np.exp(-(((r[..., None] - step * np.arange(9)) / step) ** 2))


def fading(r: np.ndarray) -> np.ndarray:
    part = np.minimum(r / 5.5, 1)
    return 1 - 28 * part**6 + 48 * part**7 - 21 * part**8


def expected(encoder: AtomTransformer, geometry: str, one: Crystal) -> np.ndarray:
    """The atoms of a crystal, from the equations, in loops; the layers are torch's."""
    ours = {key: value.numpy() for key, value in encoder.state_dict().items()}
    lattice, numbers, frac = one.atoms.lattice, one.atoms.numbers, one.atoms.frac
    n = len(numbers)
    x = ours["element_embedding.weight"][numbers].copy()
    masks = [None] * LAYERS
    if geometry == "absolute":
        x += silu_net(ours, "position_embedding", frac @ lattice)
        x += silu_net(ours, "fraction_embedding", frac)
        for i in range(n):
            for k in range(HIDDEN // 2):
                angle = i * math.pi / 2048 ** (2 * k / HIDDEN)
                x[i, k] += math.sin(angle)
                x[i, HIDDEN // 2 + k] += math.cos(angle)
    else:
        found = (
            nearest_images(lattice, frac) if geometry == "distances" else within(lattice, frac, 5.5)
        )
        of_pairs = ours["pair_projection.weight"]
        weight, told = np.zeros((n, n, LAYERS * HEADS)), np.zeros((n, 9))
        for i in range(n):
            for j in range(n):
                r = found.distances[(found.centres == i) & (found.neighbours == j)]
                power = np.exp(gaussians(r) @ of_pairs[:, :9].T)
                own = np.exp(of_pairs[:, 9]) if i == j else 1.0
                seen = gaussians(r) * fading(r)[:, None]
                if geometry == "distances":
                    weight[i, j] = power[0] * own
                    told[i] += seen[0]
                else:
                    weight[i, j] = (power * fading(r)[:, None]).sum(axis=0) + (i == j) * own
                    told[i] += seen.sum(axis=0)
        x += told @ ours["surroundings.weight"].T
        if geometry == "distances":
            volume = np.log(abs(np.linalg.det(lattice)) / n / 16)
            x += silu_net(ours, "volume", np.array([[volume]]))
        with np.errstate(divide="ignore"):
            logs = np.log(weight).reshape(n, n, LAYERS, HEADS).transpose(2, 3, 0, 1)
        masks = [torch.from_numpy(layer.copy()) for layer in logs]
    theirs = torch_layers(encoder)
    rows = torch.from_numpy(x)[None]
    for layer, mask in zip(theirs.layers, masks, strict=True):
        rows = layer(rows, src_mask=mask)
    return theirs.norm(rows)[0].numpy()


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_atoms_and_crystals_are_those_of_torch_and_of_the_equations(geometry):
    encoder = build(geometry)
    view = CloudOfAtomsView.of_encoder(encoder.config, "")
    batch = view.collate([view.sample(one) for one in CRYSTALS])
    exact = [one.atoms for one in CRYSTALS]  # the view rounds to float32
    wrap = geometry != "absolute"
    frac = [atoms.frac - np.floor(atoms.frac) * wrap for atoms in exact]
    batch["positions"] = torch.from_numpy(
        np.concatenate([f @ atoms.lattice for f, atoms in zip(frac, exact, strict=True)])
    )
    batch["cells"] = torch.from_numpy(np.stack([atoms.lattice for atoms in exact]))
    with torch.no_grad():
        found = encoder(batch)
        for k, one in enumerate(CRYSTALS):
            atoms = expected(encoder, geometry, one)
            assert np.abs(found.parts[found.owner == k].numpy() - atoms).max() <= 1e-10
            assert np.abs(found.crystal[k].numpy() - atoms.mean(axis=0)).max() <= 1e-10
