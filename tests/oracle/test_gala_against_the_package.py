"""Our attention over pairs against geometric-algebra-attention 0.5.1, with the same weights.

``scripts/make_gala_oracle.py`` ran it once and wrote the file.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from stratus.encoders.fresh_weights import draw_weights
from stratus.encoders.tuple_attention import TupleAttention, Tuples

KNOWN = load_file(Path(__file__).parent / "data/gala.safetensors")
CLOUDS, POINTS, WIDTH = KNOWN["values"].shape
INNER = len(KNOWN["still.score_net.0.weight"])
# theirs: of the product scalar and area, both lengths, and the same of what is normalised
OURS_OF_THEIRS = [0, 1, 4, 5, 2, 3]
OF_UNITS = [6, 7]  # lengths of what has the length 1
OF_FIRST, OF_SECOND = (1, 4), (2, 5)  # places of kernels: of a vector, and normalised


def ours_of(name: str) -> TupleAttention:
    """Our layer with the weights of theirs, where theirs has several that ours has as one."""
    their = {
        key.removeprefix(f"{name}."): tensor
        for key, tensor in KNOWN.items()
        if key.startswith(f"{name}.")
    }
    inner = INNER * (2 if name == "turning" else 1)
    layer = TupleAttention(WIDTH, INNER, inner, 1, ordered=True, norm=False, softening=0).double()
    draw_weights(layer, torch.Generator().manual_seed(0))
    of_invariants, of_values = their["join_kernels.0"], their["join_kernels.1"]
    first = their["value_net.0.weight"]
    state = {
        "invariants.weight": first[:, OURS_OF_THEIRS],
        "invariants.bias": their["value_net.0.bias"] + first[:, OF_UNITS].sum(dim=1),
        "values.weight": of_invariants.T @ their["value_net.2.weight"],
        "values.bias": of_invariants.T @ their["value_net.2.bias"],
        "members.weight": torch.cat(
            [(their[f"merge_kernels.{end}"] @ of_values).T for end in (0, 1)]
        ),
        "scoring.weight": their["score_net.0.weight"],
        "scoring.bias": their["score_net.0.bias"],
        "score.weight": their["score_net.2.weight"],
    }
    if name == "turning":
        kernels = their["vector_kernels"]
        nothing = torch.zeros_like(their["score_net.2.weight"])
        state |= {
            key: torch.cat([state[key], their[key.replace("scoring", "scale_net.0")]])
            for key in ("scoring.weight", "scoring.bias")
        }
        state |= {
            "score.weight": torch.cat([state["score.weight"], nothing], dim=1),
            "factors.weight": torch.cat([nothing, their["scale_net.2.weight"]], dim=1),
            "factors.bias": their["scale_net.2.bias"],
            "kernels": torch.stack([kernels[list(OF_FIRST)], kernels[list(OF_SECOND)]])[..., None],
        }
    left_out = layer.load_state_dict(state, strict=False).missing_keys
    assert left_out == ([] if name == "turning" else ["kernels", "factors.weight", "factors.bias"])
    return layer


@pytest.mark.parametrize("name", ["still", "turning"])
def test_the_same_weights_give_the_same_numbers(name):
    centres = torch.arange(CLOUDS).repeat_interleave(POINTS)
    shuffled = torch.randperm(len(centres), generator=torch.Generator().manual_seed(0))
    tuples = Tuples.of(centres[shuffled], CLOUDS, None, ordered=True, dtype=torch.float64)
    vectors, values = (KNOWN[key].flatten(0, 1)[shuffled] for key in ("positions", "values"))
    with torch.no_grad():
        still, turning = ours_of(name)(vectors, values, tuples)
    found = still if name == "still" else turning.squeeze(2)
    assert found.shape == KNOWN[name].shape
    assert KNOWN[name].std(dim=0).min() > 1e-3  # clouds are told apart
    assert (found - KNOWN[name]).abs().max() <= 1e-12


def test_a_mirrored_cloud_has_mirrored_vectors_where_no_pseudovector_is_among_them():
    vectors, values = (KNOWN[key].flatten(0, 1) for key in ("positions", "values"))
    centres = torch.arange(CLOUDS).repeat_interleave(POINTS)
    tuples = Tuples.of(centres, CLOUDS, None, ordered=True, dtype=torch.float64)
    with torch.no_grad():
        _, mirrored = ours_of("turning")(-vectors, values, tuples)
    assert (mirrored.squeeze(2) + KNOWN["turning"]).abs().max() <= 1e-12
    assert (KNOWN["pseudo_mirrored"] + KNOWN["pseudo"]).abs().max() > 0.1
