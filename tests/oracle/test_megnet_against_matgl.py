"""Our MEGNet and Set2Set against matgl's and PyTorch Geometric's, whose numbers are in a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from stratus.encoders.megnet import Megnet, MegnetConfig
from stratus.encoders.set2set import Set2Set

FILE = Path(__file__).parent / "data/megnet_matgl.safetensors"  # scripts/make_megnet_oracle.py
CONFIG = MegnetConfig(
    hidden=10,
    element_embedding=5,
    width=6,
    layers=2,
    dense=(8,),
    update=(9, 7),
    gaussians=20,
    gaussian_width_a=2.0**0.5,
    cutoff_a=5.0,
    set2set_layers=2,
    set2set_iterations=3,
    activation="shifted-softplus",
    element_properties=False,
)
NAMES = {"atom": "node", "edge": "edge", "state": "state"}  # of ours, and of theirs


@pytest.fixture(scope="module")
def kept() -> dict[str, torch.Tensor]:
    return load_file(FILE)


def under(kept, prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in kept.items() if k.startswith(prefix)}


def set2set_weights(theirs, prefix: str = "") -> dict[str, torch.Tensor]:
    """Ours, of theirs; each of their two biases is ours less the other one."""
    found = {}
    for k in range(2):
        found[f"inputs.{k}.weight"] = theirs[f"{prefix}lstm.weight_ih_l{k}"]
        found[f"kept.{k}.weight"] = theirs[f"{prefix}lstm.weight_hh_l{k}"]
        biases = (theirs[f"{prefix}lstm.bias_{which}_l{k}"] for which in ("ih", "hh"))
        found[f"inputs.{k}.bias"] = sum(biases)
    return found


def layers(theirs, prefix: str) -> dict[str, torch.Tensor]:
    """Linear layers of theirs, which count activations too."""
    places = sorted({int(k.removeprefix(prefix)[0]) for k in theirs if k.startswith(prefix)})
    return {
        f"{mine}.{k}": theirs[f"{prefix}{place}.{what}"]
        for k, place in enumerate(places)
        for mine, what in (("weights", "weight"), ("biases", "bias"))
    }


def from_matgl(theirs) -> dict[str, torch.Tensor]:
    """All of ours but elements and state, of the weights (or gradients) of theirs."""
    parts = {
        "edge_layers.": layers(theirs, "edge_encoder.layers."),
        "atom_layers.": layers(theirs, "node_encoder.layers."),
        "atoms_read.": set2set_weights(theirs, "node_s2s."),
        "edges_read.": set2set_weights(theirs, "edge_s2s."),
        "projection.": {k: theirs[f"output_proj.layers.0.{k}"] for k in ("weight", "bias")},
    }
    for k in range(2):
        for mine, name in NAMES.items():
            update = layers(theirs, f"blocks.{k}.conv.{name}_func.layers.")
            parts[f"blocks.{k}.{mine}_update."] = update
            if k:
                dense = layers(theirs, f"blocks.{k}.{name}_func.layers.")
                parts[f"blocks.{k}.{mine}_dense."] = dense
    return {prefix + key: value for prefix, part in parts.items() for key, value in part.items()}


def with_elements(ours: dict[str, torch.Tensor], known: torch.Tensor) -> dict[str, torch.Tensor]:
    """Add their elements, which begin with hydrogen; others have none here."""
    elements = torch.zeros(119, known.shape[1], dtype=known.dtype)
    elements[1 : 1 + len(known)] = known
    return ours | {"element_embedding.weight": elements}


def build(kept) -> Megnet:
    theirs = under(kept, "weights.")
    encoder = Megnet(CONFIG).double()
    ours = with_elements(from_matgl(theirs), theirs["embedding.layer_node_embedding.weight"])
    state = torch.zeros(1, 2, dtype=torch.float64)
    for layer in (0, 2):  # what their layers make of a state of zeros is our first state
        weight, bias = (theirs[f"state_encoder.layers.{layer}.{k}"] for k in ("weight", "bias"))
        state = torch.log(0.5 * torch.exp(state @ weight.T + bias) + 0.5)
    encoder.load_state_dict(ours | {"state.vector": state})
    return encoder


def close(found: torch.Tensor, expected: torch.Tensor, tolerance: float) -> bool:
    assert found.shape == expected.shape
    return (found - expected).abs().max() <= tolerance * expected.abs().max().clamp_min(1)


def batch_of(kept, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    batch = under(kept, "batch.")
    return {k: v.to(dtype) if v.is_floating_point() else v for k, v in batch.items()}


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_the_same_weights_give_the_vectors_of_matgl(kept, dtype, tolerance):
    encoder = build(kept).to(dtype)
    seen = {}
    encoder.blocks[1].register_forward_hook(lambda _, __, out: seen.update(out=out))
    encoder.projection.register_forward_hook(lambda _, inputs, __: seen.update(read=inputs[0]))
    with torch.no_grad():
        found = encoder(batch_of(kept, dtype))
    atoms, edges, state = seen["out"]
    expected = under(kept, "found.")
    assert expected["crystals"].std(0).mean() > 0.01  # they are told apart
    assert close(atoms, expected["atoms"], tolerance)
    assert close(edges, expected["edges"], tolerance)
    assert close(state, expected["state"], tolerance)
    assert close(seen["read"], expected["readout"], tolerance)
    assert close(found.crystal, expected["crystals"], tolerance)
    assert torch.equal(found.parts, atoms)


def test_the_same_weights_give_the_gradients_of_matgl(kept):
    encoder = build(kept)
    batch = batch_of(kept, torch.float64)
    places = batch["positions"].requires_grad_()
    (encoder(batch).crystal * kept["chosen"]).sum().backward()
    assert close(places.grad, kept["slope_of_positions"], 1e-12)
    slopes = under(kept, "slopes.")
    ours = {k: v for k, v in slopes.items() if ".bias_hh_" not in k}  # that of the other bias
    ours |= {k: torch.zeros_like(v) for k, v in slopes.items() if ".bias_hh_" in k}
    expected = with_elements(from_matgl(ours), slopes["embedding.layer_node_embedding.weight"])
    compared = 0
    for key, weight in encoder.named_parameters():
        if key != "state.vector":  # it is made of layers there
            assert expected[key].any(), key
            assert close(weight.grad, expected[key], 1e-11), key
            compared += 1
    assert compared == len(expected)


@pytest.mark.parametrize("order", ["as they are", "mixed"])
def test_set2set_is_that_of_pytorch_geometric(kept, order):
    theirs = under(kept, "set2set.")
    ours = Set2Set(5, layers=2, iterations=3).double()
    ours.load_state_dict(set2set_weights(theirs))
    rows, owner = theirs["rows"], theirs["owner"]
    if order == "mixed":
        mixed = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
        rows, owner = rows[mixed], owner[mixed]
    with torch.no_grad():
        assert close(ours(rows, owner, 4), theirs["read"], 1e-13)
