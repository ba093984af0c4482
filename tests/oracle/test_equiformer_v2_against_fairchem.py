"""Our EquiformerV2 against that of fairchem-core 1.10, with the same weights on the same edges.

What it gave is kept in ``data/equiformer_v2.safetensors``, made by
``scripts/make_equiformer_oracle.py``, in double precision. In single precision ours is 1.2e-5 to
1.5e-5 of the largest feature away from that, and fairchem's own 3e-6 to 1.2e-5.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from stratus.encoders.equiformer_attention import FeedForward
from stratus.encoders.equiformer_v2 import EquiformerV2, EquiformerV2Config, _sizes
from stratus.encoders.pooling import sums
from stratus.encoders.spherical_layers import SphericalLinear

KEPT = load_file(Path(__file__).parent / "data" / "equiformer_v2.safetensors")
SIZES = {
    "hidden": 4, "lmax": 4, "mmax": 2, "channels": 4, "edge_channels": 4, "layers": 2, "heads": 2,
    "attention_hidden": 3, "alpha_channels": 3, "value_channels": 2, "feed_forward": 5,
    "gaussians": 600, "gaussian_width": 2.0, "cutoff_a": 4.0, "max_neighbours": None,
    "mean_degree": 20.0, "element_properties": False, "grid_resolution": 18,
}  # fmt: skip
FORMS = {
    "gate": {"activation": "gate", "norm": "rms_norm_sh"},
    "s2": {"activation": "s2", "norm": "layer_norm_sh"},
    "grid_mlp": {"activation": "s2", "grid_mlp": True, "norm": "layer_norm_sh"},
}
NAMES = {
    "sphere_embedding.weight": "element_embedding.weight",
    "source_embedding.weight": "source_embedding",
    "target_embedding.weight": "target_embedding",
    ".ga.so2_conv_1.rad_func.": ".ga.rad_func.",
    ".ga.source": ".ga.rad_func.source",
    ".ga.target": ".ga.rad_func.target",
    ".ga.rad_func": ".attention.radial",
    "edge_degree_embedding.rad_func": "edge_degree_embedding",
    ".net.0.": ".first.", ".net.1.": ".first_norm.", ".net.3.": ".second.",
    ".net.4.": ".second_norm.", ".net.6.": ".last.",
    ".norm_1.": ".attention_norm.", ".norm_2.": ".feed_forward_norm.",
    ".ga.so2_conv_1.": ".attention.first.", ".ga.so2_conv_2.": ".attention.second.",
    "fc_m0.": "zero_", "so2_m_conv": "turning", ".fc.weight": "",
    ".ga.proj.": ".attention.projection.", ".ga.": ".attention.",
    ".ffn.": ".feed_forward.", "energy_block.": "", "so3_linear_1": "first",
    "so3_linear_2": "second", "gating_linear": "gating", "scalar_mlp.0": "gating",
    "grid_mlp.0": "mlp.0", "grid_mlp.2": "mlp.1", "grid_mlp.4": "mlp.2",
    "norm_l0.weight": "l0", "norm_l0.bias": "bias", "affine_weight": "weight",
    "affine_bias": "bias",
}  # fmt: skip


def weights(prefix: str) -> dict[str, torch.Tensor]:
    """Theirs under our names; of layer norms, the scalars' weight stands before the others."""
    found = {}
    for key, value in KEPT.items():
        if key.startswith(prefix):
            name = key.removeprefix(prefix)
            for theirs, ours in NAMES.items():
                name = name.replace(theirs, ours)
            found[name] = value
    for name in [name for name in found if name.endswith("l0")]:
        others = name.removesuffix("l0") + "weight"
        found[others] = torch.cat([found.pop(name)[None], found[others]])
    return found


def features(form: str, dtype: torch.dtype) -> tuple[EquiformerV2, torch.Tensor]:
    config = EquiformerV2Config(**SIZES, **FORMS[form])
    encoder = EquiformerV2(config, torch.Generator().manual_seed(0)).double()
    state, theirs = encoder.state_dict(), weights(f"{form}.model.")
    assert {name for name in state if "crystal_projection" not in name} == set(theirs)
    for name, value in theirs.items():
        state[name][: len(value)] = value  # of tables of elements, those that they have
    encoder.load_state_dict(state)
    batch = {
        key.removeprefix("batch."): value.to(dtype) if value.is_floating_point() else value
        for key, value in KEPT.items()
        if key.startswith("batch.")
    }
    with torch.no_grad():
        return encoder, encoder.to(dtype).eval().features(batch)


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 2e-5), (torch.float64, 1e-11)])
@pytest.mark.parametrize("form", FORMS)
def test_features_are_those_of_fairchem(form, dtype, most):
    _, found = features(form, dtype)
    known = KEPT[f"{form}.features"]
    assert (found - known).abs().max() / known.abs().max() <= most


@pytest.mark.parametrize("form", FORMS)
def test_a_feed_forward_net_gives_the_energy_of_fairchem(form):
    encoder, found = features(form, torch.float64)
    net = FeedForward(_sizes(encoder.config)).double()
    net.second = SphericalLinear(4, encoder.config.feed_forward, 1).double()
    net.load_state_dict(weights(f"{form}.head."))
    with torch.no_grad():
        energy = sums(net(found)[:, 0, 0], KEPT["batch.owner"], 2)
    known = KEPT[f"{form}.energy"]
    assert (energy - known).abs().max() / known.abs().max() <= 1e-11
